from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smppbridge.smpp import codec, times
from smppbridge.smpp.pdus import SubmitSm
from tests.vectors.vectors import MALFORMED, VECTORS


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


NOW = at("2026-04-01T09:30:00")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"", None),
        (b"000000000000000R", None),
        (b"000000000000999R", None),
        (b"260401093000032+", at("2026-04-01T01:30:00")),
        (b"991231235959920-", at("2100-01-01T04:59:59.9")),
        (b"260401093000000+", at("2026-04-01T09:30:00")),
        (b"260401093000048-", at("2026-04-01T21:30:00")),
        (b"000101000000000+", at("2000-01-01T00:00:00")),
        (b"240229000000000-", at("2024-02-29T00:00:00")),
        (b"000002000000000R", at("2026-04-03T09:30:00")),
        (b"000000010000000R", at("2026-04-01T10:30:00")),
        (b"000000000005000R", at("2026-04-01T09:30:05")),
        (b"011100000000000R", at("2028-03-01T09:30:00")),
        (b"000099999999000R", at("2026-04-01T09:30:00") + 99 * (86400 + 3600 + 60 + 1)),
    ],
)
def test_times_mean(value: bytes, expected: float | None) -> None:
    assert times.parse(value, NOW) == (None if expected is None else pytest.approx(expected))


def test_months_are_added_first_and_the_day_is_clamped() -> None:
    assert times.parse(b"000101000000000R", at("2027-01-31T00:00:00")) == at("2027-03-01T00:00:00")
    assert times.parse(b"010000000000000R", at("2028-02-29T00:00:00")) == at("2029-02-28T00:00:00")


@pytest.mark.parametrize("tenth", range(10))
@pytest.mark.parametrize("quarters", range(49))
def test_every_quarter_hour_and_every_tenth(quarters: int, tenth: int) -> None:
    ahead, behind = (b"260401093000%d%02d%c" % (tenth, quarters, sign) for sign in b"+-")
    assert times.parse(ahead, 0.0) == pytest.approx(NOW - 900 * quarters + tenth / 10, abs=1e-6)
    assert times.parse(behind, 0.0) == pytest.approx(NOW + 900 * quarters + tenth / 10, abs=1e-6)
    assert times.format_absolute(NOW - 900 * quarters + tenth / 10, quarters) == ahead
    if quarters:
        assert times.format_absolute(NOW + 900 * quarters + tenth / 10, -quarters) == behind


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        # the offset moves a day, a month, a year, a leap day
        (b"270101000000004+", "2026-12-31T23:00:00"),
        (b"261231233000004-", "2027-01-01T00:30:00"),
        (b"280229233000002-", "2028-03-01T00:00:00"),
        (b"280301000000048+", "2028-02-29T12:00:00"),
        (b"000229120000000+", "2000-02-29T12:00:00"),
        (b"000101000000048+", "1999-12-31T12:00:00"),
        (b"991231235959948-", "2100-01-01T11:59:59.9"),
        (b"260101000000000-", "2026-01-01T00:00:00"),
        (b"261231235959000+", "2026-12-31T23:59:59"),
    ],
)
def test_days_and_years_end_by_utc(value: bytes, expected: str) -> None:
    assert times.parse(value, NOW) == pytest.approx(at(expected))


@pytest.mark.parametrize(
    ("now", "value", "expected"),
    [
        # months first, and their day cut to what the month has; then the rest
        ("2026-01-31T12:00:00", b"000100000000000R", "2026-02-28T12:00:00"),
        ("2028-01-31T12:00:00", b"000100000000000R", "2028-02-29T12:00:00"),
        ("2028-01-30T12:00:00", b"000100000000000R", "2028-02-29T12:00:00"),
        ("2028-01-28T12:00:00", b"000100000000000R", "2028-02-28T12:00:00"),
        ("2026-08-31T12:00:00", b"000100000000000R", "2026-09-30T12:00:00"),
        ("2026-08-31T12:00:00", b"000200000000000R", "2026-10-31T12:00:00"),
        ("2026-12-31T23:59:59", b"000000000001000R", "2027-01-01T00:00:00"),
        ("2026-12-31T00:00:00", b"000200000000000R", "2027-02-28T00:00:00"),
        ("2026-01-31T12:00:00", b"000101000000000R", "2026-03-01T12:00:00"),
        ("2028-02-29T12:00:00", b"010000000000000R", "2029-02-28T12:00:00"),
        ("2028-02-29T12:00:00", b"040000000000000R", "2032-02-29T12:00:00"),
        ("2028-02-28T12:00:00", b"000001000000000R", "2028-02-29T12:00:00"),
        ("2026-02-28T12:00:00", b"000001000000000R", "2026-03-01T12:00:00"),
        # over the range of a clock and a calendar: so many of them
        ("2026-01-15T00:00:00", b"001300000000000R", "2027-02-15T00:00:00"),
        ("2026-01-15T00:00:00", b"009900000000000R", "2034-04-15T00:00:00"),
        ("2026-01-15T00:00:00", b"000032000000000R", "2026-02-16T00:00:00"),
        ("2026-01-15T00:00:00", b"000000240000000R", "2026-01-16T00:00:00"),
        ("2026-01-15T00:00:00", b"000000006099000R", "2026-01-15T01:01:39"),
        ("2026-01-15T00:00:00", b"990000000000000R", "2125-01-15T00:00:00"),
        # tenths and quarters mean nothing here
        ("2026-01-15T00:00:00", b"000000000001999R", "2026-01-15T00:00:01"),
        ("2026-01-15T00:00:00.25", b"000000000001000R", "2026-01-15T00:00:01.25"),
    ],
)
def test_relative_times_step_over_the_calendar(now: str, value: bytes, expected: str) -> None:
    assert times.parse(value, at(now)) == at(expected)


@pytest.mark.parametrize(
    "value",
    [
        b"2604010930",
        b"260401093000",
        b"260401093000000",
        b"0000000000000000R",
        b"00000000000000R",
        b"000000000000000r",
        b"260401093000000*",
        b"260401093000000 ",
        b"+60401093000000+",
        b"260400093000000+",
        b"260001093000000+",
        b"260132093000000+",
        b"260229093000000-",
        b"990229093000000+",
        b"260401093060048-",
        b"260401093000099+",
        b"260401093000049-",
        b"          000000R",
        b"26040109300000+",
        b"260401093000049+",
        b"260401093000000X",
        b"261301093000000+",
        b"260230093000000+",
        b"260431093000000+",
        b"260401243000000+",
        b"260401096000000+",
        b"260401093060000+",
        b"2604010930000 0+",
        b"26040109300a000+",
        b"2604010930000001+",
        b"260401093000000+\n",
        b"000000000000000+",
        "26040109300٣000+".encode(),
        b"\0" * 16,
    ],
)
def test_bad_times_are_told(value: bytes) -> None:
    with pytest.raises(times.BadTime):
        times.parse(value, NOW)


def test_the_vectors_mean_what_they_say() -> None:
    for vector in VECTORS.values():
        for name, meant in vector.times_utc.items():
            value = vector.fields[name.removesuffix("_utc")].encode()
            expected = NOW + 2 * 86400 if meant == "now + 2 days" else at(meant.rstrip("Z"))
            assert times.parse(value, NOW) == pytest.approx(expected)
    for name in ("schedule_wrong_length", "validity_bad_suffix", "validity_quarter_49"):
        pdu = codec.decode(MALFORMED[name].octets)
        assert isinstance(pdu, SubmitSm)
        with pytest.raises(times.BadTime):
            times.parse(pdu.schedule_delivery_time or pdu.validity_period, NOW)


@given(
    st.integers(int(at("2000-01-02T00:00:00")), int(at("2099-12-30T00:00:00"))),
    st.integers(-48, 48),
)
def test_what_is_written_is_read_again(when: int, quarters: int) -> None:
    value = times.format_absolute(when + 0.5, quarters)
    assert len(value) == 16
    assert times.parse(value, 0.0) == when + 0.5


@given(
    st.integers(int(at("2000-01-02T00:00:00")), int(at("2090-12-30T00:00:00"))),
    st.integers(1, 3_000 * 86_400),
)
def test_a_relative_time_that_is_written_is_read_again(now: int, seconds: int) -> None:
    value = times.format_relative(now + seconds + 0.9, now)
    assert times.parse(value, now) == now + seconds
    assert int(value[2:4]) < 12
    assert int(value[4:6]) < 31


@pytest.mark.parametrize(
    ("now", "when", "value"),
    [
        ("2028-01-31T00:00:00", "2028-02-29T00:00:00", b"000100000000000R"),
        ("2028-01-31T00:00:00", "2028-02-28T23:59:59", b"000028235959000R"),
        ("2026-04-01T00:00:00", "2026-04-01T00:00:00.5", b"000000000001000R"),
        ("2026-04-01T00:00:00", "2020-04-01T00:00:00", b"000000000001000R"),
        ("2026-04-01T00:00:00", "2126-03-31T23:59:59", b"991130235959000R"),
    ],
)
def test_relative_times_are_written_by_the_calendar(now: str, when: str, value: bytes) -> None:
    assert times.format_relative(at(when), at(now)) == value


@pytest.mark.parametrize("when", [at("2126-04-01T09:30:00"), 1e13, float("1e300")])
def test_a_time_of_a_hundred_years_cannot_be_written(when: float) -> None:
    with pytest.raises(times.BadTime):
        times.format_relative(when, NOW)


@given(st.binary(max_size=20) | st.from_regex(rb"[0-9]{15}[-+R]", fullmatch=True))
def test_octets_are_a_time_or_a_bad_time(value: bytes) -> None:
    try:
        found = times.parse(value, NOW)
    except times.BadTime:
        return
    assert found is None or (value[-1:] in b"+-R" and len(value) == 16)
    if found is not None and value.endswith(b"R"):
        assert found > NOW


@pytest.mark.parametrize(
    ("when", "quarters"), [(0.0, 0), (at("2100-01-01T00:00:00"), 0), (NOW, 49)]
)
def test_what_cannot_be_written_is_told(when: float, quarters: int) -> None:
    with pytest.raises(times.BadTime):
        times.format_absolute(when, quarters)

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


@pytest.mark.parametrize(
    "value",
    [
        b"2604010930",
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

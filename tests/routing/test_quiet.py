from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smppbridge.routing.quiet import QuietHours, _spans, read, zones_of

CONGO = "243810000001"  # Kinshasa is an hour ahead of UTC, Lubumbashi two
PARIS, NEW_YORK, INMARSAT, SHORT_CODE = "33612345678", "12125551234", "870773111632", "12345"
NIGHT = QuietHours(21 * 60, 8 * 60)


def at(text: str, zone: str = "UTC", fold: int = 0) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp()


def leaves(quiet: QuietHours, number: str, text: str) -> str:
    found = quiet.leaves(number, at(text))
    return datetime.fromtimestamp(found, ZoneInfo("UTC")).isoformat()[:19]


@pytest.mark.parametrize(
    ("number", "moment", "leaves_at"),
    [
        (PARIS, "2026-01-10T19:59:59", "2026-01-10T19:59:59"),
        (PARIS, "2026-01-10T20:00:00", "2026-01-11T07:00:00"),
        (PARIS, "2026-01-11T00:00:00", "2026-01-11T07:00:00"),
        (PARIS, "2026-01-11T06:59:59", "2026-01-11T07:00:00"),
        (PARIS, "2026-01-11T07:00:00", "2026-01-11T07:00:00"),
        (PARIS, "2026-07-10T19:00:00", "2026-07-11T06:00:00"),
        (NEW_YORK, "2026-01-10T19:59:59", "2026-01-10T19:59:59"),
        (NEW_YORK, "2026-01-11T02:00:00", "2026-01-11T13:00:00"),
        # quiet in one of two zones is quiet: from Lubumbashi's 21:00 to Kinshasa's 08:00
        (CONGO, "2026-01-10T18:59:59", "2026-01-10T18:59:59"),
        (CONGO, "2026-01-10T19:00:00", "2026-01-11T07:00:00"),
        (CONGO, "2026-01-11T06:30:00", "2026-01-11T07:00:00"),
        # of no zone: UTC
        (INMARSAT, "2026-01-10T20:59:59", "2026-01-10T20:59:59"),
        (INMARSAT, "2026-01-10T21:00:00", "2026-01-11T08:00:00"),
        (SHORT_CODE, "2026-01-10T21:00:00", "2026-01-11T08:00:00"),
        ("", "2026-01-10T21:00:00", "2026-01-11T08:00:00"),
    ],
)
def test_a_message_leaves_by_the_clock_of_its_number(
    number: str, moment: str, leaves_at: str
) -> None:
    assert leaves(NIGHT, number, moment) == leaves_at


def test_many_zones_leave_little_room() -> None:
    russia = "79161234567"
    assert len(zones_of(russia)) > 10
    assert leaves(NIGHT, russia, "2026-01-10T12:00:00") == "2026-01-11T06:00:00"


def test_a_number_with_a_quiet_zone_at_every_hour_goes_by_the_default_zone() -> None:
    day = QuietHours(6 * 60, 22 * 60, default_zone="Europe/Paris")  # 16 of 24 hours
    assert len(zones_of("18005551234")) > 10
    assert leaves(day, "18005551234", "2026-01-10T12:00:00") == "2026-01-10T21:00:00"
    assert leaves(day, "18005551234", "2026-01-10T21:30:00") == "2026-01-10T21:30:00"


def test_a_named_zone_is_that_of_every_number() -> None:
    quiet = QuietHours(21 * 60, 8 * 60, "Asia/Kathmandu")  # 5:45 ahead
    for number in (PARIS, NEW_YORK, INMARSAT):
        assert leaves(quiet, number, "2026-01-10T15:15:00") == "2026-01-11T02:15:00"
        assert leaves(quiet, number, "2026-01-10T15:14:59") == "2026-01-10T15:14:59"


@pytest.mark.parametrize("zone", ["Pacific/Honolulu", "Pacific/Kiritimati", "Etc/GMT+12"])
def test_a_span_of_nearly_a_day_far_from_utc(zone: str) -> None:
    quiet = QuietHours(21 * 60, 20 * 60, zone)
    for hour in range(24):
        moment = at(f"2026-01-10T{hour:02}:30", zone)
        opens = at(f"2026-01-{11 if hour > 20 else 10}T20:00", zone)
        assert quiet.leaves(PARIS, moment) == (moment if hour == 20 else opens)


def test_a_span_within_a_day() -> None:
    siesta = QuietHours(13 * 60, 15 * 60 + 30, "UTC")
    assert leaves(siesta, PARIS, "2026-01-10T12:59:59") == "2026-01-10T12:59:59"
    assert leaves(siesta, PARIS, "2026-01-10T13:00:00") == "2026-01-10T15:30:00"
    assert leaves(siesta, PARIS, "2026-01-10T15:30:00") == "2026-01-10T15:30:00"


@pytest.mark.parametrize(
    ("begins", "ends", "moment", "leaves_at"),
    [
        # 29 March 2026, 02:00 to 03:00 is skipped in Paris: at 01:00Z
        ("21:00", "08:00", "2026-03-28T23:00:00", "2026-03-29T06:00:00"),
        ("01:00", "02:30", "2026-03-29T00:30:00", "2026-03-29T01:00:00"),
        ("02:30", "08:00", "2026-03-29T00:59:59", "2026-03-29T00:59:59"),
        ("02:30", "08:00", "2026-03-29T01:00:00", "2026-03-29T06:00:00"),
        ("02:10", "02:40", "2026-03-29T01:00:00", "2026-03-29T01:00:00"),
        # awake from 02:00 to 03:00: on that day never
        ("03:00", "02:00", "2026-03-28T12:00:00", "2026-03-30T00:00:00"),
        # 25 October 2026, 02:00 to 03:00 is there twice: from 00:00Z, and from 01:00Z
        ("21:00", "08:00", "2026-10-24T22:00:00", "2026-10-25T07:00:00"),
        ("01:00", "02:30", "2026-10-25T00:29:59", "2026-10-25T01:30:00"),
        ("01:00", "02:30", "2026-10-25T00:45:00", "2026-10-25T01:30:00"),
        ("02:30", "08:00", "2026-10-25T00:29:59", "2026-10-25T00:29:59"),
        ("02:30", "08:00", "2026-10-25T00:30:00", "2026-10-25T07:00:00"),
        ("02:30", "08:00", "2026-10-25T01:10:00", "2026-10-25T07:00:00"),
    ],
)
def test_a_skipped_hour_and_a_doubled_one(
    begins: str, ends: str, moment: str, leaves_at: str
) -> None:
    quiet = read(f"{begins} {ends} Europe/Paris UTC")
    assert leaves(quiet, PARIS, moment) == leaves_at


def test_half_an_hour_that_is_skipped_on_an_island() -> None:
    quiet = QuietHours(60, 2 * 60 + 15, "Australia/Lord_Howe")  # 02:00 is 02:30, 4 October 2026
    jump = at("2026-10-04T02:30", "Australia/Lord_Howe")
    assert quiet.leaves(PARIS, at("2026-10-04T01:30", "Australia/Lord_Howe")) == jump


@given(
    st.integers(0, 1439),
    st.integers(0, 1439),
    st.sampled_from(["destination", "Europe/Paris", "America/St_Johns", "Pacific/Apia", "UTC"]),
    st.sampled_from([PARIS, CONGO, NEW_YORK, INMARSAT, "61412345678"]),
    st.integers(int(at("2026-01-01")), int(at("2028-01-01"))),
)
def test_nothing_leaves_earlier_and_nothing_waits_after_it(
    begins: int, ends: int, zone: str, number: str, moment: int
) -> None:
    if begins == ends:
        return
    quiet = QuietHours(begins, ends, zone, "Asia/Tokyo")
    assert read(str(quiet)) == quiet
    end = quiet.leaves(number, float(moment))
    assert end >= moment
    assert quiet.leaves(number, end) == end
    if end > moment:  # of one length: from any moment of it the end is the same
        assert quiet.leaves(number, (moment + end) / 2) == end
        assert quiet.leaves(number, end - 0.5) == end


def test_a_zone_that_this_machine_does_not_know_is_utc() -> None:
    quiet = QuietHours(21 * 60, 8 * 60, "Mars/Olympus_Mons")
    assert leaves(quiet, PARIS, "2026-01-10T21:00:00") == "2026-01-11T08:00:00"


def test_numbers_and_days_are_remembered_within_bounds() -> None:
    assert (zones_of.cache_info().maxsize, _spans.cache_info().maxsize) == (10_000, 1_024)
    zones_of.cache_clear()
    for moment in ("2026-01-10T21:00:00", "2026-01-10T22:00:00"):
        NIGHT.leaves(PARIS, at(moment))
    assert (zones_of.cache_info().hits, zones_of.cache_info().misses) == (1, 1)

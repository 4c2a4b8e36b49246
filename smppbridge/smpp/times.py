"""Times of SMPP, absolute or relative (SMPP 3.4, 7.1.1), in seconds of Unix time."""

from __future__ import annotations

import calendar
import re
from datetime import UTC, datetime, timedelta

from smppbridge.smpp.errors import SmppError


class BadTime(SmppError):
    """The octets are no time of SMPP: the answer is ESME_RINVSCHED or ESME_RINVEXPIRY."""


_TIME = re.compile(
    rb"([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})([0-9])([0-9]{2})([-+R])"
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_QUARTER = timedelta(minutes=15)


def parse(value: bytes, now: float) -> float | None:
    """Return the Unix time of *value* at *now*; None if *value* is empty, or relative and zero.

    Years are those of 2000 to 2099. Raises BadTime.
    """
    if not value:
        return None
    match = _TIME.fullmatch(value)
    if match is None:
        raise BadTime("not of the form YYMMDDhhmmsstnnp")
    year, month, day, hour, minute, second, tenth, quarters = map(int, match.groups()[:-1])
    sign = match[9]
    if sign == b"R":
        years_and_months = 12 * year + month
        rest = timedelta(days=day, hours=hour, minutes=minute, seconds=second)
        return _later(now, years_and_months, rest)
    if quarters > 48:
        raise BadTime("over 48 quarter hours from UTC")
    try:
        local = datetime(2000 + year, month, day, hour, minute, second, tenth * 100_000, UTC)
    except ValueError as error:
        raise BadTime(str(error)) from None
    ahead = quarters * _QUARTER
    return (local - ahead if sign == b"+" else local + ahead).timestamp()


def _later(now: float, months: int, rest: timedelta) -> float | None:
    """Step over the calendar first, clamping the day, then over the clock."""
    if not months and not rest:
        return None
    try:
        return (_months_later(_EPOCH + timedelta(seconds=now), months) + rest).timestamp()
    except (ValueError, OverflowError) as error:
        raise BadTime(str(error)) from None


def _months_later(start: datetime, months: int) -> datetime:
    years, month = divmod(start.month - 1 + months, 12)
    year = start.year + years
    day = min(start.day, calendar.monthrange(year, month + 1)[1])
    return start.replace(year=year, month=month + 1, day=day)


def format_relative(when: float, now: float) -> bytes:
    """Write a Unix time as the time from *now* on, in whole seconds and at least one.

    Calendar months come first, as `parse` and every SMSC that keeps to SMPP 3.4, 7.1.1.2 read them.
    Raises BadTime if SMPP cannot write it: over 99 years.
    """
    start = _EPOCH + timedelta(seconds=now)
    try:
        end = start + timedelta(seconds=max(1, int(when - now)))
    except OverflowError as error:
        raise BadTime(str(error)) from None
    months = 12 * (end.year - start.year) + end.month - start.month
    if months and _months_later(start, months) > end:
        months -= 1
    if months >= 1_200:
        raise BadTime("over 99 years")
    rest = end - _months_later(start, months)
    years, month = divmod(months, 12)
    hours, seconds = divmod(rest.seconds, 3_600)
    return b"%02d%02d%02d%02d%02d%02d000R" % (years, month, rest.days, hours, *divmod(seconds, 60))


def format_absolute(when: float, quarters: int = 0) -> bytes:
    """Write a Unix time in local time that is so many *quarters* of an hour ahead of UTC.

    Raises BadTime if SMPP cannot write it: outside 2000 to 2099, or over 48 quarters.
    """
    if abs(quarters) > 48:
        raise BadTime("over 48 quarter hours from UTC")
    local = _EPOCH + timedelta(seconds=when) + quarters * _QUARTER
    if not 2000 <= local.year <= 2099:
        raise BadTime(f"the year {local.year}")
    tenth = local.microsecond // 100_000
    sign = "-" if quarters < 0 else "+"
    return f"{local:%y%m%d%H%M%S}{tenth}{abs(quarters):02}{sign}".encode()

"""Times and numbers as people write them in the options of look-ups."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, time
from time import time as wall

import click

from smppbridge.settings.values import seconds


def as_moment(ctx: click.Context, param: click.Parameter, word: str | None) -> float | None:
    """Read a time from an option: ISO (UTC without an offset), how long ago, now or today."""
    try:
        return None if word is None else moment(word, wall())
    except ValueError:
        raise click.BadParameter(
            f"{word!r}: write 2026-11-20T14:00, 14:00, 10m, 2h, today or yesterday"
        ) from None


def moment(word: str, now: float) -> float:
    """Return UNIX seconds for a time in words, read at *now*; raises ValueError.

    A time of day is the latest one: of today, or of yesterday.
    """
    today = now // 86_400 * 86_400
    days = {"now": now, "today": today, "yesterday": today - 86_400}
    if word in days:
        return days[word]
    with suppress(ValueError):
        return now - float(seconds(word))
    with suppress(ValueError):
        clock = time.fromisoformat(word)
        at = today + clock.hour * 3_600 + clock.minute * 60 + clock.second
        return at if at <= now else at - 86_400
    when = datetime.fromisoformat(word)
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()


def digits_of(number: str) -> str:
    """Return a number as in the store: E.164 digits, or a short code."""
    digits = "".join(c for c in number if c not in " -.()/")
    return digits.removeprefix("+") if digits.startswith("+") else digits.removeprefix("00")


def rfc3339(at: float) -> str:
    """Return UNIX seconds as the API reads a time."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="microseconds")[:-6] + "Z"

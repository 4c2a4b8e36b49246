"""shapes: the types of values in requests and answers, and how answers write them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from pydantic import AwareDatetime, BeforeValidator, Field

from smppbridge.model.masking import masked_words
from smppbridge.web.api.live import Times
from smppbridge.web.operations import Answer, Sent

R = TypeVar("R")
MessageId = Annotated[
    str,
    Field(
        pattern=r"^[1-9][0-9]{0,17}$",
        description="Decimal digits: a string, for numbers of JSON lose digits beyond 2^53",
    ),
]
Name = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[!-~]+$")]
Moment = Annotated[str, Field(description="RFC 3339, UTC, with milliseconds")]
Cursor = Annotated[str, Field(pattern=r"^[1-7]?[0-9a-f]{1,15}$")]
_RFC3339 = re.compile(
    r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)


def _only_rfc3339(value: Any) -> Any:
    if not (isinstance(value, str) and _RFC3339.fullmatch(value)):
        raise ValueError("must be a time of RFC 3339, as 2026-11-26T14:05:51Z")
    return value


Rfc3339 = Annotated[AwareDatetime, BeforeValidator(_only_rfc3339)]


def _only_number(value: Any) -> Any:
    if isinstance(value, (bool, str)):
        raise ValueError("must be a whole number")
    return value


WHOLE_NUMBER = BeforeValidator(_only_number)
"""Takes whole numbers of JSON, 7 and 7.0, but neither true nor "7"; stands behind the bounds."""
_TIMES = frozenset(("due", "expires_at", "until"))
_IDS = frozenset(("message_id", "provider_message_id"))


class PageQuery(Sent):
    """A page of a list."""

    limit: int = Field(default=50, ge=1, le=500, description="Most items of the page")
    cursor: Cursor | None = Field(default=None, description="`next` of the page before")

    def before(self) -> int | None:
        """Return the number that the items of the page are below."""
        return None if self.cursor is None else int(self.cursor, 16)


class Spread(Answer):
    """The median and the 99th percentile of times in seconds; null if nothing was timed."""

    p50: float | None
    p99: float | None


class Done(Answer):
    """The act has been carried out."""


def spread(times: Times) -> Spread:
    """Return quantiles as the API shows them."""
    return Spread(p50=times.p50, p99=times.p99)


def cursor(before: int | None) -> str | None:
    """Return the cursor of the items below a number."""
    return None if before is None else f"{before:x}"


def moment(at: float) -> str:
    """Return UNIX seconds as RFC 3339 has them."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def seconds(at: datetime | None) -> float | None:
    """Return a time in UNIX seconds, None for None."""
    return None if at is None else at.timestamp()


def next_cursor(rows: Sequence[R], limit: int, cursor_of: Callable[[R], str | None]) -> str | None:
    """Return the cursor of the page after full *rows*; None: the rows are the last ones."""
    return cursor_of(rows[-1]) if len(rows) == limit else None


def maybe(at: float | None) -> str | None:
    """Return UNIX seconds as RFC 3339 has them, None for None."""
    return None if at is None else moment(at)


def facts(given: dict[str, Any]) -> dict[str, Any]:
    """Return facts of a step as JSON may have them: ids as strings, times as RFC 3339.

    Numbers in words of a provider are masked.
    """
    return {key: _fact(key, value) for key, value in given.items()}


def _fact(key: str, value: Any) -> Any:
    if key in _TIMES:
        return maybe(value)
    if key in _IDS:
        return str(value)
    if isinstance(value, list | tuple):
        return [_fact("", each) for each in value]
    return masked_words(value) if isinstance(value, str) else value

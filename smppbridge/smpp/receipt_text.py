"""The text of receipts, written by a function that is compiled from an account's own template."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from smppbridge.smpp.constants import MessageState
from smppbridge.smpp.receipt import sanitised

ReceiptText = Callable[[bytes, float, float, int, int, str], bytes]
"""(message_id, submitted, done, state, error, text) -> octets; dates are Unix seconds.

Raises KeyError for a state that no receipt has (see ``receipt.STAT``)."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DELIVERED = int(MessageState.DELIVERED)
# The field's place in a template of octets, and the expression for its value.
_FIELDS = {
    "id": ("%b", "message_id"),
    "sub": ("001", ""),
    "dlvrd": ("%b", f"b'001' if state == {_DELIVERED} else b'000'"),
    "submit_date": ("%b", "date(int(submitted + ahead) // unit)"),
    "done_date": ("%b", "date(int(done + ahead) // unit)"),
    "stat": ("%b", "stat[state]"),
    "err": ("%0{err_width}d", "min(error, most) if error > 0 else 0"),
    "text": ("%b", "sanitised(text).encode()"),
}
FIELDS = tuple(_FIELDS)
"""The fields that a template may name (SMPP 3.4, Appendix B)."""


def compile_text(
    pieces: Sequence[tuple[str, str]],
    *,
    stat: Mapping[int, bytes],
    date: str = "%y%m%d%H%M",
    utc_offset: int = 0,
    err_width: int = 3,
    quotes: bool = True,
) -> ReceiptText:
    """Make the function that writes the text of a receipt (SMPP 3.4, Appendix B).

    *pieces* are literals, each with the name of the field behind it, "" for none; *stat* are the
    words of states; *date* is a form of strftime, in local time *utc_offset* seconds ahead of UTC;
    an error is cut to *err_width* digits; without *quotes* a text is ``none``.  Raises KeyError for
    an unknown field and UnicodeEncodeError for a literal that is not ASCII.
    """
    template, values = "", []
    for literal, name in pieces:
        template += literal.replace("%", "%%")
        if not name:
            continue
        place, value = _FIELDS[name] if quotes or name != "text" else ("none", "")
        template += place.format(err_width=err_width)
        values += [value] if value else []
    known = {
        "ahead": utc_offset,
        "date": _dates(date),
        "most": 10**err_width - 1,
        "sanitised": sanitised,
        "stat": stat,
        "template": template.encode("ascii"),
        "unit": 1 if "%S" in date else 60,
    }
    row = "".join(f"({value}), " for value in values)
    source = f"lambda message_id, submitted, done, state, error, text: template % ({row})"
    # only the expressions of _FIELDS are in it
    return eval(source, known)  # type: ignore[no-any-return]


@lru_cache(maxsize=64)
def _dates(form: str) -> Callable[[int], bytes]:
    """Make the function that writes a date: seconds or, without ``%S``, minutes since 1970."""
    unit = timedelta(seconds=1) if "%S" in form else timedelta(minutes=1)

    @lru_cache(maxsize=256)
    def date(count: int) -> bytes:
        return f"{_EPOCH + unit * count:{form}}".encode()

    return date

"""Columns of rows as PostgreSQL's binary arrays: one struct.pack or one join for a column.

A value that the type cannot have raises ValueError or struct.error; None is NULL where a function
says so.  The format is that of array_recv: dimensions, whether there are NULLs, the type of the
elements; then of the one dimension its length and lower bound; then each element with its length.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import chain, repeat
from struct import Struct
from typing import Any, Final

Array = Callable[[Sequence[Any]], bytes]

_HEAD = Struct(">iiIii").pack
_NULL = b"\xff\xff\xff\xff"
_LENGTH = Struct(">i").pack
_LENGTHS = [_LENGTH(n) for n in range(4_096)]  # most texts: a look instead of a call
_LAST = len(_LENGTHS) - 1


def _fixed(code: str, oid: int) -> Array:
    """Return a function for numbers of one size; no element may be None."""
    size = Struct(f">{code}").size

    @lru_cache(maxsize=512)
    def packer(count: int) -> Callable[..., bytes]:
        return Struct(">" + f"i{code}" * count).pack

    def array(values: Sequence[Any]) -> bytes:
        count = len(values)
        if not count:
            return _HEAD(0, 0, oid, 0, 1)[:12]
        flat = chain.from_iterable(zip(repeat(size, count), values, strict=True))
        return _HEAD(1, 0, oid, count, 1) + packer(count)(*flat)

    return array


def _fixed_or_null(code: str, oid: int) -> Array:
    whole, size = _fixed(code, oid), Struct(f">{code}").size
    pack = Struct(f">i{code}").pack

    def array(values: Sequence[Any]) -> bytes:
        if None not in values:
            return whole(values)
        elements = [_NULL if value is None else pack(size, value) for value in values]
        return _HEAD(1, 1, oid, len(values), 1) + b"".join(elements)

    return array


def _framed(encoded: Sequence[bytes | None], oid: int) -> bytes:
    if not encoded:
        return _HEAD(0, 0, oid, 0, 1)[:12]
    parts = [
        _NULL if each is None else (_LENGTHS[n] if (n := len(each)) <= _LAST else _LENGTH(n)) + each
        for each in encoded
    ]
    return _HEAD(1, 1, oid, len(encoded), 1) + b"".join(parts)


def texts(values: Sequence[str | None]) -> bytes:
    """Return an array of texts; None is NULL."""
    return _framed([None if value is None else value.encode() for value in values], 25)


def octets(values: Sequence[bytes | None]) -> bytes:
    """Return an array of octets; None is NULL."""
    return _framed(values, 17)


def bodies(values: Sequence[str | bytes | None]) -> bytes:
    """Return an array of octets; those of characters are their UTF-8."""
    return _framed([value.encode() if isinstance(value, str) else value for value in values], 17)


int2s, int4s, int8s = _fixed("h", 21), _fixed("i", 23), _fixed("q", 20)
float8s, booleans = _fixed("d", 701), _fixed("?", 16)

ARRAYS: Final[dict[str, Array]] = {
    "int2": int2s,
    "int4": int4s,
    "int8": int8s,
    "float8": float8s,
    "bool": booleans,
    "text": texts,
    "bytea": octets,
    "body": bodies,
    "int2?": _fixed_or_null("h", 21),
    "int8?": _fixed_or_null("q", 20),
    "float8?": _fixed_or_null("d", 701),
}
"""By type; a type with ? may have None among its numbers."""

"""Columns as binary arrays are what the server takes them for."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Sequence
from typing import Any

import psycopg
import pytest
from psycopg import pq

from smppbridge.store.postgres.arrays import ARRAYS
from tests.store.postgres.server import server

COLUMNS: list[tuple[str, str, Sequence[Any]]] = [
    ("int2", "int2", [-(2**15), 0, 2**15 - 1]),
    ("int4", "int4", [-(2**31), 7, 2**31 - 1]),
    ("int8", "int8", [-(2**63), 1, 2**63 - 1]),
    ("float8", "float8", [0.1, -1e300, math.inf, 1_800_000_000.000001, 3]),
    ("bool", "bool", [True, False]),
    ("text", "text", ["", "é😀\n'\"{},NULL", "x" * 5_000, None, "NULL"]),
    ("bytea", "bytea", [b"", b"\0\xff", None, b"x" * 70_000]),
    ("body", "bytea", ["é\0", b"\xff", None]),
    ("int2?", "int2", [None, 3]),
    ("int8?", "int8", [2**62, None]),
    ("float8?", "float8", [None, 0.5, None]),
]


@pytest.fixture(scope="module")
def db() -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(server().dsn(), autocommit=True) as db:
        yield db


def read(db: psycopg.Connection[Any], kind: str, array: bytes) -> list[Any]:
    """Return the elements as the server reads them."""
    question = (
        f"select array(select e from unnest($1::{kind}[]) with ordinality as v(e, n) order by n)"
    )
    result = db.pgconn.exec_params(
        question.encode(), [array], param_formats=[1], result_format=pq.Format.BINARY
    )
    assert result.status == pq.ExecStatus.TUPLES_OK, result.error_message
    octets = result.get_value(0, 0)
    assert octets is not None
    loader = psycopg.adapt.Transformer(db)
    oid = result.ftype(0)
    found: list[Any] = loader.get_loader(oid, pq.Format.BINARY).load(octets)
    return found


@pytest.mark.parametrize(("name", "kind", "values"), COLUMNS)
def test_a_column_is_read_as_it_was_given(
    db: psycopg.Connection[Any], name: str, kind: str, values: Sequence[Any]
) -> None:
    expected = [
        value.encode() if name == "body" and isinstance(value, str) else value for value in values
    ]
    assert read(db, kind, ARRAYS[name](values)) == expected
    assert read(db, kind, ARRAYS[name](values[:1])) == expected[:1]
    assert read(db, kind, ARRAYS[name](())) == []


@pytest.mark.parametrize("name", [name for name in ARRAYS if name.startswith(("int", "float"))])
@pytest.mark.parametrize("odd_first", [True, False])
def test_a_number_that_a_column_cannot_have_is_refused(name: str, odd_first: bool) -> None:
    odd: Any = "1" if name.startswith("float") else 2**63
    values = [odd, 1] if odd_first else [1, odd]
    with pytest.raises((struct.error, OverflowError)):
        ARRAYS[name](values)
    if not name.endswith("?"):
        with pytest.raises(struct.error):
            ARRAYS[name]([None, 1])


def test_a_text_that_is_no_text_is_refused() -> None:
    with pytest.raises(UnicodeEncodeError):
        ARRAYS["text"](["a", "\ud800"])

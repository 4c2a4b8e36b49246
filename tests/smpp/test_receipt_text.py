from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smppbridge.model.receipts import SPEC, pieces
from smppbridge.smpp import receipt
from smppbridge.smpp.constants import MessageState
from smppbridge.smpp.receipt_text import compile_text

SUBMITTED = datetime(2026, 4, 1, 9, 30, 59, tzinfo=UTC).timestamp()
DONE = datetime(2026, 4, 1, 9, 31, 5, tzinfo=UTC).timestamp()
STAT = {int(state): word for state, word in receipt.STAT.items()}


def text(template: str, *, state: int = 2, error: int = 0, said: str = "hi", **form: Any) -> bytes:
    write = compile_text(pieces(template), **{"stat": STAT, **form})
    return write(b"12", SUBMITTED, DONE, state, error, said)


@given(
    st.sampled_from(sorted(receipt.STAT)),
    st.text(max_size=30),
    st.integers(-5, 2_000),
    st.sampled_from([0, 19_800, -43_200]),
    st.floats(0, 4e9),
)
def test_the_text_of_the_specification(
    state: int, said: str, error: int, offset: int, submitted: float
) -> None:
    write = compile_text(pieces(SPEC), stat=STAT, utc_offset=offset)
    done = submitted + 61.0
    assert write(b"17", submitted, done, state, error, said) == receipt.receipt_text(
        b"17", submitted, done, state, error=error, text=said, utc_offset=offset
    )


@pytest.mark.parametrize(
    ("template", "form", "expected"),
    [
        ("{text}|{id}", {}, b"hi|12"),
        ("{text}|{id}", {"quotes": False}, b"none|12"),
        ("100% {{{id}}} %d", {}, b"100% {12} %d"),
        ("{id}", {}, b"12"),
        ("{sub} {dlvrd} {sub}", {}, b"001 001 001"),
        ("{dlvrd} {stat}", {"state": 5}, b"000 UNDELIV"),
        ("{stat}", {"stat": STAT | {2: b"DELIVERED"}}, b"DELIVERED"),
        ("{submit_date}", {"date": "%y%m%d%H%M%S"}, b"260401093059"),
        ("{done_date}", {"date": "%d/%m/%Y %H:%M:%S", "utc_offset": 3_600}, b"01/04/2026 10:31:05"),
        ("{done_date}", {"date": "%y-%m-%d", "utc_offset": 72_000}, b"26-04-02"),
        ("{err}", {"error": 27, "err_width": 1}, b"9"),
        ("{err}", {"error": 27, "err_width": 5}, b"00027"),
        ("{err}", {"error": -1, "err_width": 4}, b"0000"),
        ("{err}", {"error": 70_000, "err_width": 10}, b"0000070000"),
        ("plain", {}, b"plain"),
    ],
)
def test_every_field_in_every_form(template: str, form: dict[str, Any], expected: bytes) -> None:
    assert text(template, **form) == expected


def test_what_no_template_may_have() -> None:
    with pytest.raises(KeyError):
        text("{nothing}")
    with pytest.raises(UnicodeEncodeError):
        text("\u00e9{id}")
    for state in (MessageState.SCHEDULED, MessageState.SKIPPED):
        with pytest.raises(KeyError):
            text("{stat}", state=state)

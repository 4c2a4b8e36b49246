from __future__ import annotations

import pytest

from smppbridge.model import receipts
from smppbridge.model.receipts import FORMS, SPEC, Receipts, date_form, longest, pieces, status_of
from smppbridge.smpp.constants import CommandStatus
from smppbridge.smpp.receipt import STAT
from smppbridge.smpp.receipt_text import FIELDS


def test_a_template_falls_into_literals_and_fields() -> None:
    assert pieces("id:{id} {{x}} 100% {stat}") == (
        ("id:", "id"),
        (" {", ""),
        ("x}", ""),
        (" 100% ", "stat"),
    )
    assert pieces("") == ()
    assert [name for _, name in pieces(SPEC)] == list(receipts.FIELDS)


@pytest.mark.parametrize(
    "text", ["{", "}", "id:{id", "{}", "{id:>3}", "{id!r}", "{id!s:3}", "{0!r}"]
)
def test_what_is_no_template_is_said(text: str) -> None:
    with pytest.raises(ValueError):
        pieces(text)


def test_the_names_are_those_of_the_text() -> None:
    assert receipts.FIELDS == FIELDS
    assert tuple(STAT[state].decode() for state in sorted(STAT)) == receipts.STAT_WORDS


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("YYMMDDhhmm", "%y%m%d%H%M"),
        ("YYMMDDhhmmss", "%y%m%d%H%M%S"),
        ("YYYYMMDDhhmmss", "%Y%m%d%H%M%S"),
        ("DD/MM/YYYYThh:mm:ss", "%d/%m/%YT%H:%M:%S"),
        ("YY-MM-DD", "%y-%m-%d"),
    ],
)
def test_a_form_of_dates(form: str, expected: str) -> None:
    assert date_form(form) == expected


@pytest.mark.parametrize(
    "form",
    [
        "",
        "YYMMDDhhmmMM",
        "YYYYYYMMDD",
        "YYMM",
        "MMDDhh",
        "%y%m%d",
        "YYMMDD hhmm",
        "yymmdd",
        "YYMMD",
    ],
)
def test_what_is_no_form_of_dates(form: str) -> None:
    with pytest.raises(ValueError):
        date_form(form)


def test_the_longest_text() -> None:
    spec = len("id: sub: dlvrd: submit date: done date: stat: err: text:") + 19 + 9 + 20 + 7 + 20
    assert longest(Receipts()) == spec
    terms = Receipts(id_form=b"%064d", date="YYYYMMDDhhmmss", err_width=10)
    assert longest(terms) == spec + 45 + 8 + 7
    assert longest(Receipts(stat=(("REJECTD", "REJECTED"), ("EXPIRED", "X")))) == spec + 1
    assert longest(Receipts(text="100%{{}}")) == 6


@pytest.mark.parametrize(
    ("word", "status"), [("ESME_RSYSERR", 8), ("0x58", 0x58), ("20", 20), (254, 254)]
)
def test_a_status_has_a_name_or_a_number(word: str | int, status: int) -> None:
    assert status_of(word) == status


@pytest.mark.parametrize(
    "word", ["", "ESME_", "0", 0, -1, "0x", "0x100000000", "4294967296", "x", "ESME_ROK", "1.5"]
)
def test_what_is_no_status(word: str | int) -> None:
    with pytest.raises(ValueError):
        status_of(word)


def test_every_form_sets_keys_of_an_account() -> None:
    from smppbridge.settings.receipts import AccountReceiptsSection

    known = AccountReceiptsSection.model_fields.keys() - {"form"}
    assert [name for name, keys in FORMS.items() if not keys.keys() <= known] == []
    assert receipts.NACKED == CommandStatus.ESME_RUNKNOWNERR

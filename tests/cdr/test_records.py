"""Records: the fields of a message, inert wherever they are read."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest

from smppbridge.cdr.records import FIELDS, header, inert, line_of, record
from smppbridge.store.cdr import CdrRow

ROW = CdrRow(
    message_id=1_764_000_000_000_001,
    system_id="bank",
    source="BANK",
    destination="+243810000001",
    number="243810000001",
    segments=3,
    data_coding=8,
    binary=0,
    state=2,
    error=0,
    provider="keccel",
    provider_message_id="kc-1",
    attempts=1,
    route="keccel,d7",
    accepted_at=1_800_000_000.0,
    begun_at=1_800_000_000.5,
    answered_at=None,
    done_at=1_800_000_002.0,
    report_source="push",
    multi=None,
    service_type=None,
    priority=1,
)
EVIL = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", '=HYPERLINK("http://x","y")']


def test_a_record_has_the_fields_of_a_message_and_no_text() -> None:
    fields = record(ROW, "whole")
    assert tuple(fields) == FIELDS
    assert json.loads(line_of("jsonl")(fields)) == {
        "message_id": "1764000000000001",
        "account": "bank",
        "source": "BANK",
        "destination": "+243810000001",
        "number": "243810000001",
        "segments": 3,
        "alphabet": "ucs2",
        "state": "DELIVERED",
        "error": 0,
        "provider": "keccel",
        "provider_message_id": "kc-1",
        "attempts": 1,
        "route": ["keccel", "d7"],
        "accepted_at": "2027-01-15T08:00:00.000Z",
        "begun_at": "2027-01-15T08:00:00.500Z",
        "answered_at": None,
        "done_at": "2027-01-15T08:00:02.000Z",
        "report_source": "push",
        "answered_id": "1764000000000001",
        "service_type": "",
        "priority": 1,
    }


def test_csv_is_that_of_the_rfc_with_the_same_names() -> None:
    row = ROW._replace(system_id='a"b,c', route="")
    text = (header("csv") + line_of("csv")(record(row, "whole"))).decode()
    assert text.count("\r\n") == 2
    (read,) = csv.DictReader(io.StringIO(text))
    assert tuple(read) == FIELDS
    assert (read["account"], read["route"], read["answered_at"]) == ('a"b,c', "", "")


@pytest.mark.parametrize("evil", EVIL)
def test_no_cell_is_a_formula(evil: str) -> None:
    row = ROW._replace(
        source=evil, provider_message_id=evil, service_type=evil, destination=evil, number=evil
    )
    line = line_of("csv")(record(row, "whole")).decode()
    (cells,) = csv.reader(io.StringIO(line))
    assert not [cell for cell in cells if cell[:1] in ("=", "+", "-", "@", "\t", "\r")]
    assert inert(evil).startswith("'")


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_nothing_that_a_terminal_obeys_stands_in_a_line(form: Any) -> None:
    row = ROW._replace(source="\x1b[2J\u2028\x07", provider_message_id="a\r\nb\ud800")
    line = line_of(form)(record(row, "whole"))
    assert line.decode().rstrip("\r\n").isprintable()


def test_numbers_are_masked_on_demand_and_letters_are_not() -> None:
    row = ROW._replace(provider_message_id="kc:243810000001")
    fields = record(row, "masked")
    assert fields["source"] == "BANK"
    for name in ("destination", "number", "provider_message_id"):
        assert "810000" not in fields[name]
    assert fields["number"] == "2438*****001"


@pytest.mark.parametrize(
    ("changes", "alphabet"),
    [
        ({"data_coding": 0}, "gsm7"),
        ({"data_coding": 3}, "latin1"),
        ({"data_coding": 8, "binary": 1}, "octets"),
        ({"data_coding": 4}, "octets"),
        ({"data_coding": 0xF5}, "octets"),
    ],
)
def test_the_alphabet_is_that_of_the_data_coding(changes: dict[str, Any], alphabet: str) -> None:
    assert record(ROW._replace(**changes), "whole")["alphabet"] == alphabet


def test_a_message_of_a_submit_multi_has_the_id_that_was_answered() -> None:
    fields = record(ROW._replace(multi=17, state=99, route=""), "whole")
    assert (fields["answered_id"], fields["state"], fields["route"]) == ("17", "99", [])

from __future__ import annotations

from typing import Any

import pytest

from smppbridge.cli.submissions import addresses, submissions
from smppbridge.text.errors import TextError


@pytest.mark.parametrize(
    ("given", "ends"),
    [
        ("BANK", ("BANK", 5, 0)),
        ("243810000001", ("243810000001", 1, 1)),
        ("+243810000001", ("243810000001", 1, 1)),
        ("00243810000001", ("243810000001", 1, 1)),
        ("0810000001", ("0810000001", 2, 1)),
        ("1234", ("1234", 3, 0)),
    ],
)
def test_type_and_plan_of_a_source(given: str, ends: tuple[str, int, int]) -> None:
    made = addresses(given, "243810000002")
    assert (made["source_addr"], made["source_addr_ton"], made["source_addr_npi"]) == ends


@pytest.mark.parametrize("bad", ["", "x" * 21, "é", "a\0b", "BANK"])
def test_a_destination_that_is_none(bad: str) -> None:
    with pytest.raises(ValueError):
        addresses("BANK", bad)


def one(text: str, coding: str = "auto", long: str = "udh8") -> dict[str, Any]:
    [(fields, segment)] = submissions(text, coding=coding, long=long, reference=7)
    assert segment == "1/1"
    return fields


@pytest.mark.parametrize(
    ("coding", "text", "data_coding", "octets"),
    [
        ("auto", "@€", 0, b"\0\x1be"),
        ("auto", "щ", 8, b"\x04\x49"),
        ("ucs2", "a", 8, b"\0a"),
        ("latin1", "é", 3, b"\xe9"),
    ],
)
def test_codings(coding: str, text: str, data_coding: int, octets: bytes) -> None:
    expected = {"data_coding": data_coding, "short_message": octets}
    assert one(text, coding) == expected
    assert one(text, coding, "payload") == expected


def test_a_character_that_the_coding_has_not() -> None:
    with pytest.raises(TextError):
        one("щ", "gsm7")


def test_long_texts() -> None:
    text = "x" * 400
    assert one(text, long="payload")["message_payload"] == text.encode()
    by_udh = submissions(text, coding="auto", long="udh8", reference=7)
    assert [segment for _, segment in by_udh] == ["1/3", "2/3", "3/3"]
    second, _ = by_udh[1]
    assert second["short_message"][:6] == b"\x05\x00\x03\x07\x03\x02"
    assert second["esm_class"] == 0x40
    third, _ = submissions(text, coding="auto", long="sar", reference=7)[2]
    assert "esm_class" not in third
    position = [
        third[f"sar_{name}"] for name in ("msg_ref_num", "total_segments", "segment_seqnum")
    ]
    assert position == [7, 3, 3]

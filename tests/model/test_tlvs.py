"""TLVs with names, and the one table of what becomes of every TLV."""

from __future__ import annotations

import pytest

from smppbridge.model.tlvs import DLT, NamedTlv, TlvKind, demands_of, echoed, named_values
from smppbridge.model.treatments import (
    KEPT_TAGS,
    MAPPED_TAGS,
    REPEATED_TAGS,
    TREATMENTS,
    USES,
    TlvUse,
    name_of,
)
from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.smpp.constants import Tag
from smppbridge.smpp.tlvs import DEFINITIONS

ENTITY = DLT["dlt_entity_id"]


def test_each_known_tag_has_exactly_one_treatment() -> None:
    assert set(TREATMENTS) == set(Tag) == set(DEFINITIONS)
    assert set(USES) == set(TlvUse) == {each.use for each in TREATMENTS.values()}
    assert MAPPED_TAGS < KEPT_TAGS
    assert REPEATED_TAGS < KEPT_TAGS
    for tag in Tag:
        assert (tag in KEPT_TAGS) == (TREATMENTS[tag].use in (TlvUse.PASSED, TlvUse.MAPPED))


def test_names() -> None:
    assert name_of(0x0381) == "callback_num"
    assert (name_of(0x1400), name_of(0x3FFF)) == ("vendor", "vendor")
    assert (name_of(0x13FF), name_of(0x4000)) == ("unknown", "unknown")


@pytest.mark.parametrize(
    ("kind", "longest", "value", "status"),
    [
        ("digits", 3, b"123", 0),
        ("digits", 3, b"123\0", 0),
        ("digits", 3, b"123\0\0rest", 0),
        ("digits", 3, b"1234", Status.ESME_RINVPARLEN),
        ("digits", 3, b"12x", Status.ESME_RINVOPTPARAMVAL),
        ("digits", 3, "١".encode(), Status.ESME_RINVOPTPARAMVAL),
        ("text", 5, b"AB 1~\0", 0),
        ("text", 5, b"A\x1fB", Status.ESME_RINVOPTPARAMVAL),
        ("text", 5, b"\xe9", Status.ESME_RINVOPTPARAMVAL),
        ("text", 5, b"ABCDEF\0", Status.ESME_RINVPARLEN),
        ("integer", 4, b"\x01", 0),
        ("integer", 4, b"\x00\x00\x01\x00", 0),
        ("integer", 4, b"\x00\x00\x01", Status.ESME_RINVPARLEN),
        ("integer", 2, b"\x00\x00\x01\x00", Status.ESME_RINVPARLEN),
        ("integer", 4, b"", Status.ESME_RINVPARLEN),
        ("octets", 2, b"\0\xff", 0),
        ("octets", 2, b"\0\xff\0", Status.ESME_RINVPARLEN),
    ],
)
def test_values_of_peers(kind: TlvKind, longest: int, value: bytes, status: int) -> None:
    assert NamedTlv("x", 0x1500, kind, longest).fault(value) == status


@pytest.mark.parametrize(
    ("kind", "longest", "text", "value"),
    [
        ("digits", 30, "1101", b"1101\0"),
        ("text", 30, "a b", b"a b\0"),
        ("integer", 2, "258", b"\x01\x02"),
        ("octets", 4, "00ff", b"\0\xff"),
    ],
)
def test_values_of_operators(kind: TlvKind, longest: int, text: str, value: bytes) -> None:
    named = NamedTlv("x", 0x1500, kind, longest)
    assert named.value(text) == value
    assert named.text(value) == text
    assert not named.is_empty(value)


@pytest.mark.parametrize(
    ("kind", "text", "words"),
    [
        ("digits", "", "1 to 2 digits"),
        ("digits", "123", "1 to 2 digits"),
        ("text", "é", "1 to 2 printable ASCII characters"),
        ("integer", "65536", "a whole number in 2 octets"),
        ("integer", "-1", "a whole number in 2 octets"),
        ("octets", "0", "hex digits, 2 octets at most"),
        ("octets", "", "hex digits, 2 octets at most"),
    ],
)
def test_wrong_values_of_operators(kind: TlvKind, text: str, words: str) -> None:
    with pytest.raises(ValueError, match=f"is no value of x: {words}"):
        NamedTlv("x", 0x1500, kind, 2).value(text)


@pytest.mark.parametrize(
    ("kind", "value"), [("text", b""), ("text", b"\0"), ("digits", b"\0\0"), ("octets", b"")]
)
def test_an_empty_value_says_nothing(kind: TlvKind, value: bytes) -> None:
    assert NamedTlv("x", 0x1500, kind).is_empty(value)


def test_the_account_goes_before_the_route_and_no_demand_is_none() -> None:
    assert demands_of((), (), ()) is None
    demands = demands_of((ENTITY,), ((1, b"a"),), ((1, b"r"), (2, b"r")))
    assert demands is not None
    assert demands.required == (ENTITY,)
    assert dict(demands.given) == {1: b"a", 2: b"r"}


def test_texts_by_name_and_echoes() -> None:
    tlvs = ((0x1400, b"11\0"), (0x1500, b"x"), (0x1400, b"22\0"))
    assert named_values(DLT.values(), tlvs) == {"dlt_entity_id": "11", "dlt_template_id": ""}
    assert echoed(tlvs, frozenset((0x1500,))) == ((0x1500, b"x"),)
    assert echoed(tlvs, frozenset()) == ()

"""TLVs, message classes and message waiting indications in the form of each provider."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from smppbridge.model.message import Message, Traits
from smppbridge.model.tlvs import Tlvs
from smppbridge.providers.exchange import EVERY_TAG
from smppbridge.providers.message_class import MARKED, WaitingIndication, class_of, waiting_of
from smppbridge.providers.smpp.provider import Smpp
from smppbridge.smpp.pdus import SubmitSm
from tests.providers.described import faults, message_to, template
from tests.providers.test_smpp import LONG, MESSAGE, SMPP, PlayedExchange

ENTITY, VENDOR, PORT = (0x1400, b"1101\0"), (0x1600, b"\1"), (0x020B, b"\x0b\x84")
SUBUNIT, WAITING = (0x0005, b"\1"), (0x0030, b"\x82")  # flash; e-mail waits
TLVS = (ENTITY, VENDOR, PORT)


def sent(smpp: Smpp, tlvs: Tlvs = (), **changes: Any) -> list[SubmitSm]:
    message = replace(MESSAGE, traits=Traits(tlvs=tlvs), **changes)
    return [request.pdu for request in PlayedExchange(message, *"789", smpp=smpp).requests]


@pytest.mark.parametrize(
    ("settings", "wanted", "tags"),
    [
        ({}, (), frozenset()),
        ({"tlvs": "pass"}, TLVS, EVERY_TAG),
        ({"tlvs": "named"}, (ENTITY,), {0x1400, 0x1401}),
        (
            {"tlvs": "pass", "tlv_tags": {"dlt_entity_id": "0x1500"}},
            ((0x1500, ENTITY[1]), VENDOR, PORT),
            EVERY_TAG,
        ),
        ({"tlvs": "named", "tlv_tags": {"dlt_entity_id": 5120}}, (ENTITY,), {0x1400, 0x1401}),
    ],
)
def test_an_smsc_gets_the_tlvs_that_its_settings_pass(
    settings: Any, wanted: Tlvs, tags: Any
) -> None:
    smpp = replace(SMPP, **settings)
    assert [pdu.tlvs for pdu in sent(smpp, TLVS)] == [wanted]
    assert smpp.abilities.tags == tags
    assert [pdu.tlvs for pdu in sent(smpp)] == [()]


def test_every_segment_has_them_after_its_own() -> None:
    pdus = sent(replace(SMPP, tlvs="pass", segments="sar"), TLVS, text=LONG)
    assert [len(pdu.tlvs) for pdu in pdus] == [6, 6, 6]
    assert {pdu.tlvs[3:] for pdu in pdus} == {TLVS}
    assert [tag for tag, _ in pdus[0].tlvs[:3]] == [0x020C, 0x020E, 0x020F]


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"tlvs": "some"}, "tlvs must be one of ignore, named, pass"),
        ({"tlv_tags": {"dlt_entity_id": 5120}}, "tlv_tags needs tlvs: named or pass"),
        (
            {"tlvs": "pass", "tlv_tags": {"entity": 5120}},
            "tlv_tags names entity, and there is dlt_entity_id, dlt_template_id",
        ),
        ({"tlvs": "pass", "tlv_tags": {"dlt_entity_id": "x"}}, "tlv_tags must have tags"),
        ({"tlvs": "pass", "tlv_tags": {"dlt_entity_id": 0x10000}}, "tlv_tags must have tags"),
        ({"tlvs": "pass", "tlv_tags": {"dlt_entity_id": 0xFF}}, "tlv_tags must have tags"),
    ],
)
def test_wrong_settings_have_a_clear_fault(settings: Any, fault: str) -> None:
    with pytest.raises(ValueError, match=f"^{fault}"):
        replace(SMPP, **settings)


@pytest.mark.parametrize(
    ("tlvs", "changes", "ignored", "passed"),
    [
        ((SUBUNIT,), {}, 0x10, 0),
        ((SUBUNIT,), {"text": "Привет"}, 0x18, 0x08),
        (((0x0005, b"\4"),), {}, 0x13, 0),
        (((0x0005, b"\0"),), {}, 0, 0),
        (((0x0005, b"\5"),), {}, 0, 0),
        ((SUBUNIT,), {"data_coding": 0xF1}, 0x11, 0x11),  # what data_coding says goes first
        ((SUBUNIT,), {"binary": b"\1", "data_coding": 4, "text": ""}, 0x14, 4),
        ((SUBUNIT,), {"binary": b"\1", "data_coding": 0xF5, "text": ""}, 0xF5, 0xF5),
        ((WAITING,), {}, 0xDA, 0),
        (((0x0030, b"\2"),), {"text": "Привет"}, 0xE2, 0x08),
        ((WAITING,), {"data_coding": 0xC9}, 0xC9, 0xC9),
        ((SUBUNIT, WAITING), {}, 0x10, 0),
    ],
)
def test_a_class_that_a_tlv_says_goes_as_data_coding_where_the_tlv_does_not(
    tlvs: Tlvs, changes: Any, ignored: int, passed: int
) -> None:
    (pdu,) = sent(SMPP, tlvs, **changes)
    assert (pdu.data_coding, pdu.tlvs) == (ignored, ())
    (pdu,) = sent(replace(SMPP, tlvs="pass"), tlvs, **changes)
    assert (pdu.data_coding, pdu.tlvs) == (passed, tlvs)


def test_classes_and_indications_by_data_coding() -> None:
    """3GPP 23.038, 4: the general groups with bit 4, 1111, and 1100 to 1110."""
    flash = {code for code in range(256) if class_of(code) == 0}
    assert flash == {
        *(base | low for base in (0x10, 0x30, 0x50, 0x70) for low in (0, 4, 8, 12)),
        *(0xF0, 0xF4, 0xF8, 0xFC),
    }
    assert {code for code in range(256) if waiting_of(code)} == set(range(0xC0, 0xF0))
    assert waiting_of(0xC8) == WaitingIndication(0, True)
    assert waiting_of(0xE3) == WaitingIndication(3, False)
    assert {0, 4, 8, 0xB0, 0x90} & MARKED == set()
    assert {0x10, 0x5F, 0xC0, 0xEF, 0xFF} <= MARKED


JSON = """
submit:
  url: https://acme.test/send
  body: {to: "{number}", text: "{text}", flash: "{flash}", note: "class {message_class}",
         mwi: "{mwi}", entity: "{tlv.dlt_entity_id}"}
"""


def body_of(made: Any, tlvs: Tlvs = (), **changes: Any) -> Any:
    message = replace(message_to(), traits=Traits(tlvs=tlvs), **changes)
    exchange = made.submit(message)
    return json.loads(next(exchange).body)


def test_a_template_writes_them() -> None:
    made = template(JSON)
    plain = body_of(made)
    assert (plain["flash"], plain["note"], plain["mwi"]) == (False, "class ", "")
    assert plain["entity"] == ""
    flash = body_of(made, (ENTITY, VENDOR), data_coding=0x18)
    assert (flash["flash"], flash["note"], flash["entity"]) == (True, "class 0", "1101")
    assert body_of(made, (WAITING,))["mwi"] == "2"
    assert body_of(made, data_coding=0xC1)["mwi"] == "5"
    assert body_of(made, (SUBUNIT,))["flash"] is True
    able = made.abilities
    assert (able.classes, able.indications, able.tags) == (True, True, {0x1400})
    bare = template("submit:\n  url: https://acme.test/{number}/{text}\n  id: /id\n").abilities
    assert (bare.classes, bare.indications, bare.tags) == (False, False, frozenset())


def test_a_template_has_its_own_words_for_flash() -> None:
    made = template(JSON + 'flash: {on: "1", off: "0"}\n')
    assert [body_of(made, data_coding=code)["flash"] for code in (0, 0x10)] == ["0", "1"]


def test_messages_of_a_batch_share_what_stands_outside_of_each() -> None:
    made = template(
        """
        submit: {url: https://acme.test/a, body: {to: "{number}", text: "{text}"}, id: /id}
        batch:
          max: 10
          url: https://acme.test/b
          body: {pe: "{tlv.dlt_entity_id}", flash: "{flash}", all: "{messages}"}
          each: {to: "{number}", text: "{text}", template: "{tlv.dlt_template_id}"}
        """
    )
    first, second = (
        replace(message_to(f"25471100000{n}"), traits=Traits(tlvs=(ENTITY, (0x1401, b"%d" % n))))
        for n in (1, 2)
    )
    other = replace(second, traits=Traits(tlvs=((0x1400, b"9"),)))
    assert made.group_of(first) == made.group_of(second) != made.group_of(other)
    assert made.group_of(replace(first, data_coding=0x10)) != made.group_of(first)
    written = json.loads(next(made.submit_batch([first, second], "key")).body)
    assert (written["pe"], written["flash"]) == ("1101", False)
    assert [each["template"] for each in written["all"]] == ["1", "2"]


@pytest.mark.parametrize(
    ("placeholder", "message"),
    [
        (
            "{tlv.dlt_entity}",
            "unknown placeholder {tlv.dlt_entity}; did you mean {tlv.dlt_entity_id}?",
        ),
        ("{tlv.}", "has a brace that belongs to no placeholder: write {{ or }} for it"),
        ("{tlv.a.b}", "has a brace that belongs to no placeholder: write {{ or }} for it"),
    ],
)
def test_a_placeholder_for_a_tlv_that_nobody_named_is_a_fault(
    placeholder: str, message: str
) -> None:
    body = f'body: {{to: "{{number}}", text: "{{text}}", x: "{placeholder}"}}'
    found = faults(f"submit:\n  url: https://acme.test/send\n  {body}\n  id: /id\n")
    assert [each[2] for each in found] == [message]


def test_the_message_of_a_placeholder_is_not_changed() -> None:
    message: Message = replace(message_to(), traits=Traits(tlvs=TLVS))
    before = message.traits
    next(template(JSON).submit(message))
    assert message.traits is before

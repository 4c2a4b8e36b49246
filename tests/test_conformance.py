"""The conformance statement says what the code does, all of it and nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from unittest.mock import Mock

import pytest
from click.testing import CliRunner

from smppbridge.cli.main import main
from smppbridge.docs import conformance, files
from smppbridge.docs.conformance import FIELDS, MODES, OPERATIONS, TIMES
from smppbridge.model.message import PLAIN, Stage
from smppbridge.model.outcome import Accepted, Postponed, Refused
from smppbridge.model.treatments import TREATMENTS
from smppbridge.providers.smpp.binding import SmppRequest
from smppbridge.providers.smpp.provider import Smpp
from smppbridge.service.operations import build_operations, naming_movements
from smppbridge.smpp import fields
from smppbridge.smpp.constants import RESPONSE, CommandId, Tag
from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.smpp.events import FaultyPdu
from smppbridge.smpp.fields import SmeAddress
from smppbridge.smpp.matrix import MAY_SEND, Role, State
from smppbridge.smpp.pdus import (
    BY_COMMAND_ID,
    AlertNotification,
    BindTransceiver,
    DeliverSm,
    Outbind,
    Pdu,
    SubmitMulti,
)
from smppbridge.smpp.session import Session
from tests.relay.fakes import NOW, FakeAsker, World, segment_sm, submit_sm

LINK = set(map(CommandId, (1, 2, 9, 6, 0x15, 0x80000000)))  # binds, unbind, enquire_link, nack
ALL = {each.name: each for each in conformance.statement()}


def test_every_operation_is_there_and_no_other() -> None:
    requests = {CommandId(each) for each in BY_COMMAND_ID if not each & RESPONSE}
    assert OPERATIONS.keys() == requests | {CommandId.GENERIC_NACK}


@pytest.mark.parametrize("command", sorted(OPERATIONS))
def test_what_is_served_and_sent_is_what_the_matrix_allows(command: CommandId) -> None:
    ours = OPERATIONS[command]
    for role, words in ((Role.ESME, ours.from_esme), (Role.SMSC, ours.to_esme)):
        may = any(int(command) in MAY_SEND[role, state] for state in State)
        assert may == (words != "" and not words.startswith("refused")), (command, role)


def test_every_operation_that_is_served_has_a_movement() -> None:
    anything: Any = Mock(membership=None)
    naming = naming_movements(anything, anything, anything)
    operations = build_operations(anything, anything, naming, anything, anything)
    built = set(map(CommandId, operations))
    served = {c for c, service in OPERATIONS.items() if service.from_esme.startswith("served")}
    assert served == built | {CommandId.SUBMIT_SM} | LINK


def test_the_page_for_esmes_has_every_operation() -> None:
    (table, *_) = files.topic("esme").partition("## Operations\n")[2].split("\n## ")
    named = set(re.findall(r"\b[a-z]+(?:_[a-z]+)*\b", table))
    assert {command.name.lower() for command in OPERATIONS} <= named


def test_every_field_of_every_pdu_has_its_words_and_no_other_has() -> None:
    named = {name for pdu in BY_COMMAND_ID.values() for name, _ in fields.layout(pdu)}
    assert FIELDS.keys() == named


def test_what_is_said_of_one_pdu_is_said_of_its_fields() -> None:
    for command, words in conformance.IN_PDU.items():
        names = {name for name, _ in fields.layout(BY_COMMAND_ID[command])}
        assert words.keys() <= names, command
        assert all(said != FIELDS[name] for name, said in words.items()), command


def test_every_tlv_has_its_treatment() -> None:
    assert TREATMENTS.keys() == set(Tag)


# form -> examples: (schedule_delivery_time, validity_period), status, seconds until due and expiry
_LONG = 86_400.0  # the account's validity
_MADE: dict[str, list[tuple[tuple[bytes, bytes], int, tuple[float, float]]]] = {
    "empty": [((b"", b""), 0, (0.0, _LONG))],
    "YYMMDDhhmmsstnn+ or -": [
        ((b"270115170000504+", b""), 0, (28_800.5, 28_800.5 + _LONG)),
        ((b"", b"270115080001048-"), 0, (0.0, 43_201.0)),
    ],
    "YYMMDDhhmmss000R": [((b"000100010000948R", b"000200000000000R"), 0, (2_682_000, 5_097_600))],
    "000000000000000R": [((b"000000000000000R", b"000000000000000R"), 0, (0.0, _LONG))],
    "a schedule_delivery_time that has passed": [((b"270115075959000+", b""), 0, (0.0, _LONG))],
    "a validity_period that has passed": [
        ((b"", b"270115080000000+"), Status.ESME_RINVEXPIRY, (0, 0)),
    ],
    "a validity_period that ends at the schedule, or before": [
        ((b"000000010000000R", b"000000010000000R"), Status.ESME_RINVEXPIRY, (0, 0)),
        ((b"000000010000000R", b"000000003000000R"), Status.ESME_RINVEXPIRY, (0, 0)),
    ],
    "a day that the month lacks, hour 24, nn of 49": [
        ((b"290229080000000+", b""), Status.ESME_RINVSCHED, (0, 0)),
        ((b"", b"270630240000000+"), Status.ESME_RINVEXPIRY, (0, 0)),
        ((b"270630080000049-", b""), Status.ESME_RINVSCHED, (0, 0)),
    ],
    "any other length or character": [
        ((b"2706300800", b""), Status.ESME_RINVSCHED, (0, 0)),
        ((b"", b"270630080000000Z"), Status.ESME_RINVEXPIRY, (0, 0)),
    ],
    "years 00 to 99": [((b"991231235959000+", b""), 0, (2_302_444_799.0, 2_302_444_799.0 + _LONG))],
}


@pytest.mark.parametrize("form", sorted({form for form, _, _ in TIMES} | _MADE.keys()))
def test_times_are_read_and_refused_as_the_table_says(form: str) -> None:
    (meaning, use) = next((meaning, use) for found, meaning, use in TIMES if found == form)
    for (schedule, validity), status, (due, expires) in _MADE[form]:
        world = World()
        pdu = submit_sm(schedule_delivery_time=schedule, validity_period=validity)
        ((_, answered, _),) = world.sent(pdu)
        assert answered == status
        assert use == ("refused" if status else "served")
        assert not status or Status(status).name.removeprefix("ESME_") in meaning
        made = [(row.message.due - NOW, row.message.expires_at - NOW) for row in rows(world)]
        assert made == ([] if status else [(due, expires)])


# -- modes, and receipts asked for ----------------------------------------------------------------


def rows(world: World) -> list[Any]:
    return list(world.store.messages.values())


def answered_at_once(**said: Any) -> World:
    world = World()
    assert [status for _, status, _ in world.sent(submit_sm(**said))] == [0]
    return world


def stores_and_forwards() -> None:
    for esm_class in (0x00, 0x03):
        (row,) = rows(answered_at_once(esm_class=esm_class))
        traits = replace(row.message.traits, sent=None)
        assert (row.message.registered_delivery, traits) == (1, PLAIN)


def serves_datagrams() -> None:
    world = answered_at_once(esm_class=0x01)
    ((message_id, row),) = world.store.messages.items()
    assert row.message.registered_delivery == 0
    world.wire.answer((message_id, Postponed("busy")))
    assert world.store.stages() == {message_id: Stage.FINISHED}
    assert world.store.unfinished() == []


def serves_transactions() -> None:
    world = World()
    session = world.session()
    numbers = range(1, 4)
    world.take(session, *[submit_sm(sequence_number=n, esm_class=0x02) for n in numbers])
    first, second, third = sorted(world.store.messages)
    assert session.answers == []
    refused = Refused("no such number", Status.ESME_RINVDSTADR)
    world.wire.answer((first, Accepted("p1")), (second, refused))
    assert sorted(session.answers) == [(1, 0, first), (2, Status.ESME_RINVDSTADR, 0)]
    world.clock.now += 20.0
    world.endings.responses.tick()
    assert session.answers[2:] == [(3, 0, third)]
    many = SubmitMulti(
        0,
        7,
        esm_class=0x02,
        dest_address=(SmeAddress(1, 1, b"243810000001"),),
        short_message=b"hello",
    )
    asker = FakeAsker(world.rights)
    world.run(world.multi.take(asker, many))  # type: ignore[arg-type]
    assert asker.statuses() == [0]


def passes_upstream(*values: int) -> None:
    for esm_class in values:
        assert sent_upstream(esm_class).esm_class == esm_class


def sent_upstream(esm_class: int) -> Any:
    (row,) = rows(answered_at_once(esm_class=esm_class))
    exchange = Smpp(host="smsc.test", system_id="bank", password="sesame").submit(row.message)
    found: Any = next(exchange)
    while not isinstance(found, SmppRequest):
        found = exchange.send(NOW)
    return found.pdu


def joins_segments() -> None:
    world = World()
    sent = [segment_sm(n, 2, text, sequence_number=n) for n, text in ((2, b"b"), (1, b"a"))]
    assert [status for _, status, _ in world.sent(*sent)] == [0, 0]
    assert [row.message.text for row in rows(world)] == ["ab"]


def wants(registered_delivery: int, *kept: int) -> None:
    for version, expected in zip((0x34, 0x50), kept, strict=True):
        world = World()
        session = world.session(version)
        world.take(session, submit_sm(registered_delivery=registered_delivery))
        (row,) = rows(world)
        assert row.message.registered_delivery == expected


def wants_each(kept: dict[int, tuple[int, int]]) -> None:
    for registered_delivery, expected in kept.items():
        wants(registered_delivery, *expected)


_SHOWN: dict[str, Callable[[], None]] = {
    "esm_class 0x00, 0x03": stores_and_forwards,
    "esm_class 0x01": serves_datagrams,
    "esm_class 0x02": serves_transactions,
    "esm_class 0x40": joins_segments,
    "esm_class 0x80": lambda: passes_upstream(0x80),
    "esm_class 0x08, 0x10": lambda: passes_upstream(0x08, 0x10),
    "registered_delivery 1, 2": lambda: wants_each({1: (1, 1), 2: (2, 2)}),
    "registered_delivery 3": lambda: wants_each({3: (1, 3)}),
    "registered_delivery 0x04 to 0x0C": lambda: wants_each(
        {0x04: (0, 0), 0x0C: (0, 0), 0x0D: (1, 1)}
    ),
    "registered_delivery 0x10": lambda: wants_each({0x10: (0x10, 0x10), 0x11: (0x11, 0x11)}),
}


@pytest.mark.parametrize("value", sorted({value for value, _, _ in MODES} | _SHOWN.keys()))
def test_a_mode_does_what_the_table_says(value: str) -> None:
    assert value in {row[0] for row in MODES}
    _SHOWN[value]()


# -- fields ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "said", "status"),
    [
        ("sm_default_msg_id", {"sm_default_msg_id": 3, "short_message": b""}, "RINVDFTMSGID"),
        (
            "sm_default_msg_id",
            {"sm_default_msg_id": 3, "short_message": b"", "tlvs": ((Tag.SOURCE_PORT, b"\0\1"),)},
            "RINVDFTMSGID",
        ),
        (
            "sm_default_msg_id",
            {"sm_default_msg_id": 3, "short_message": b"", "tlvs": ((0x0424, b"a text"),)},
            "ROK",
        ),
        ("sm_default_msg_id", {"sm_default_msg_id": 3}, "ROK"),
        ("replace_if_present_flag", {"replace_if_present_flag": 2}, "RINVREPFLAG"),
        ("priority_flag", {"priority_flag": 4}, "RINVPRTFLG"),
        ("dest_addr_ton", {"dest_addr_ton": 7}, "RINVDSTTON"),
        ("dest_addr_npi", {"dest_addr_npi": 255}, "ROK"),
        ("short_message", {"short_message": b"x" * 255}, "ROK"),
        ("protocol_id", {"protocol_id": 0xFF}, "ROK"),
    ],
)
def test_fields_are_refused_and_ignored_as_the_table_says(
    name: str, said: dict[str, Any], status: str
) -> None:
    text = said.pop("short_message", b"hello")
    ((_, answered, _),) = World().sent(submit_sm(text, **said))
    assert answered == Status[f"ESME_{status}"]
    assert status == "ROK" or "refused" in FIELDS[name]


def test_a_submit_multi_takes_no_place_of_a_message() -> None:
    world = answered_at_once()
    many = SubmitMulti(
        0,
        7,
        source_addr=b"BANK",
        source_addr_ton=5,
        replace_if_present_flag=1,
        dest_address=(SmeAddress(1, 1, b"243810000001"),),
        short_message=b"hello",
    )
    world.run(world.multi.take(FakeAsker(world.rights), many))  # type: ignore[arg-type]
    assert len(rows(world)) == 2
    assert Stage.FINISHED not in world.store.stages().values()
    assert "in submit_multi ignored" in FIELDS["replace_if_present_flag"]


# -- operations in the wrong place ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_", "answers", "open_"),
    [
        (Outbind(0, 2, b"ESME", b"x"), 0, False),
        (AlertNotification(0, 2), 0, True),
        (DeliverSm(0, 2), 1, True),
    ],
)
def test_operations_of_an_smsc_are_refused(request_: Pdu, answers: int, open_: bool) -> None:
    session = Session(Role.SMSC, 0.0)
    (bind,) = session.receive(BindTransceiver(0, 1, b"bank", b"x").encode(), 0.0)
    session.accept_bind(bind, b"SMSC", 0.0)  # type: ignore[arg-type]
    session.octets_to_send()
    (event,) = session.receive(request_.encode(), 0.0)
    assert isinstance(event, FaultyPdu)
    assert (event.status, bool(session.out)) == (Status.ESME_RINVBNDSTS, bool(answers))
    assert (session.state is State.BOUND_TRX) is open_
    words = OPERATIONS[CommandId(request_.command_id)].from_esme
    assert words.startswith("refused")
    assert open_ or "closed" in words
    assert ("without an answer" in words) is (open_ and not answers)


def test_the_words_of_chapters_are_sentences() -> None:
    for each in ALL.values():
        assert not each.words or each.words.endswith(".")
        assert each.rows
        assert {len(row) for row in each.rows} == {len(each.head)}


def test_the_command_prints_what_the_page_has() -> None:
    printed = CliRunner().invoke(main, ["conformance", "--format", "markdown"])
    assert printed.exit_code == 0
    assert printed.output.strip() in files.topic("conformance")


def test_the_command_prints_json_and_text() -> None:
    found = json.loads(CliRunner().invoke(main, ["conformance", "--format", "json"]).output)
    assert found.keys() == {"specification", *ALL}
    assert [len(found[name]) for name in ALL] == [len(each.rows) for each in ALL.values()]
    text = CliRunner().invoke(main, ["conformance", "tlvs"])
    assert "0x0424" in text.output
    assert "submit_multi" not in text.output
    assert CliRunner().invoke(main, ["conformance", "tlv"]).exit_code == 2

"""What accept logs, measures, replaces and refuses, and what it undoes when the store fails."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

from smppbridge.model.identifiers import Identifiers
from smppbridge.model.message import Attempt, Message
from smppbridge.relay.accept.accept import Accept
from smppbridge.relay.accept.optouts import Optouts
from smppbridge.relay.accept.series import ABANDONED_AFTER
from smppbridge.routing.rules import Rule
from smppbridge.routing.senders import SenderPolicy
from smppbridge.routing.table import Table
from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.smpp.constants import MessageState as M
from tests.relay.fakes import FakeProvider, FakeStore, World, segment_sm, submit_sm


def logging() -> World:
    """Return a world whose accept logs."""
    world = World()
    world.accept = Accept(
        world.store,
        world.lane_set,
        world.submit,
        world.endings,
        routes=Table([Rule("243", ("one",))]),
        identifiers=Identifiers(0, 0.0, slots=1),
        backlog=1_000,
        around=world.around,
        optouts=world.optouts,
        refused=world.accept.refused,
        log=world.said.journal,
    )
    return world


def logged(world: World) -> list[tuple[str, Any]]:
    return [(event, said.get("message_id")) for event, said in world.said.events]


# -- the log --------------------------------------------------------------------------------------


def test_every_submit_sm_has_a_line_in_the_log_by_its_message_id() -> None:
    world = logging()
    session = world.session()
    world.take(session, segment_sm(1, 2, b"a"), submit_sm(), segment_sm(2, 2, b"b"), submit_sm())
    assert logged(world) == [("message_accepted", n) for n in session.ids()]
    _, said = world.said.events[0]
    assert {name: str(value) for name, value in said.items()} == {
        "message_id": str(session.ids()[0]),
        "system_id": "bank",
        "source_addr": str(world.store.messages[session.ids()[0]].message.source),
        "destination": str(world.store.messages[session.ids()[0]].message.destination),
    }
    assert {tuple(said) for _, said in world.said.events} == {tuple(said)}


def test_an_old_message_that_a_segment_ends_is_not_logged_as_accepted_again() -> None:
    world = logging()
    [(_, _, old)] = world.sent(segment_sm(1, 2, b"old"))
    world.clock.now += ABANDONED_AFTER
    session = world.session()
    world.take(session, segment_sm(1, 2, b"new"), submit_sm())
    accepted = [n for event, n in logged(world) if event == "message_accepted"]
    assert accepted == [old, *session.ids()]
    assert ("message_expired", old) in logged(world)


def test_a_refusal_has_a_line_in_the_log() -> None:
    world = logging()
    world.sent(submit_sm(destination_addr=b"254700000001"))
    assert world.said.events == [
        (
            "submit_refused",
            {
                "system_id": "bank",
                "command_status": "ESME_RINVDSTADR",
                "reason": "no_route",
                "detail": "",
            },
        )
    ]


def test_how_long_an_answer_took_is_measured() -> None:
    world = World(store=FakeStore(at_once=False))
    world.clock.now += 3.0
    session = world.session()
    world.take(session, submit_sm(sequence_number=1), submit_sm(sequence_number=2))
    world.clock.now += 0.25
    world.store.commit_all()
    assert world.said.counts["submit_resp", "bank", 0.25, 2] == 1


# -- refused, replaced ----------------------------------------------------------------------------


@pytest.mark.parametrize("coding", [0, 4])
def test_an_empty_message_is_refused_as_text_and_as_octets(coding: int) -> None:
    world = World()
    answers = world.sent(submit_sm(b"", data_coding=coding))
    assert answers == [(1, Status.ESME_RINVMSGLEN, 0)]


@pytest.mark.parametrize("odd_first", [True, False])
def test_a_number_that_opted_out_gets_nothing_and_the_others_do(odd_first: bool) -> None:
    optouts = Optouts([("one", "243810000001")])
    optouts.change({"one"})
    world = World(optouts=optouts)
    pdus = [submit_sm(sequence_number=1), submit_sm(sequence_number=2)]
    pdus[0 if odd_first else 1].destination_addr = b"243810000009"
    pdus = pdus if odd_first else pdus[::-1]
    statuses = [status for _, status, _ in sorted(world.sent(*pdus))]
    assert sorted(statuses) == [0, Status.ESME_RINVDSTADR]
    assert [row.message.number for row in world.store.messages.values()] == ["243810000009"]


@pytest.mark.parametrize(
    ("policy", "sender"),
    [(SenderPolicy(), ""), (SenderPolicy(allowed=("SHOP",), replace="SHOP"), "SHOP")],
)
def test_a_route_may_replace_the_source_address(policy: SenderPolicy, sender: str) -> None:
    world = World(rules=[Rule("243", ("one",), sender=policy)])
    [(_, _, message_id)] = world.sent(submit_sm())
    assert world.store.messages[message_id].message.traits.sender == sender


QUOTED = "“hi”"
IN_GSM = '"hi"'


def routed_texts(*pdus: Any) -> list[tuple[str, bool]]:
    """Return the texts in the store, and whether they go in GSM 03.38."""
    world = World(rules=[Rule("243", ("one",), transliterates=True)])
    world.sent(*pdus)
    messages = [row.message for row in world.store.messages.values()]
    return [(m.text, m.traits.transliterate) for m in messages]


def test_a_route_may_bring_texts_into_gsm_and_their_messages_keep_them() -> None:
    ucs2, emoji = QUOTED.encode("utf-16-be"), f"{QUOTED}😀"
    odd = submit_sm(emoji.encode("utf-16-be"), sequence_number=3, data_coding=8)
    pdus = [submit_sm(), submit_sm(ucs2, sequence_number=2, data_coding=8), odd]
    assert routed_texts(*pdus) == [("hello", False), (QUOTED, True), (emoji, False)]
    assert routed_texts(*pdus[::-1]) == [(emoji, False), (QUOTED, True), ("hello", False)]
    assert routed_texts(submit_sm(b"\x01", data_coding=4)) == [("", False)]


def test_a_route_brings_a_long_text_into_gsm_as_a_whole() -> None:
    first, second = "“a".encode("utf-16-be"), "e\u0301”".encode("utf-16-be")
    pdus = [segment_sm(1, 2, first, data_coding=8), segment_sm(2, 2, second, data_coding=8)]
    assert routed_texts(*pdus) == [("“ae\u0301”", True)]


def test_a_routes_wish_holds_at_the_provider_that_gets_the_message() -> None:
    world = World(
        rules=[Rule("243", ("one",), transliterates=True)], providers={"one": Telling("one")}
    )
    world.sent(submit_sm(QUOTED.encode("utf-16-be"), data_coding=8))
    assert world.wire.submitted() == [IN_GSM]


class Telling(FakeProvider):
    """Submits the text."""

    def submit(self, message: Message) -> Generator[Any, Any, Any]:
        return (yield "submit", message.text)


def test_a_long_message_goes_to_its_number_in_full() -> None:
    world = World(country="CD")
    for n in (1, 2):
        world.sent(segment_sm(n, 2, b"x", destination_addr=b"0810000001", dest_addr_ton=2))
    [row] = world.store.messages.values()
    assert row.message.number == "243810000001"


def test_the_octets_of_segments_are_let_go_once_their_message_is_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world, attempts = World(), list[Attempt]()
    monkeypatch.setattr(world.submit, "take", attempts.extend)
    world.sent(segment_sm(1, 2, b"a"), segment_sm(2, 2, b"b"))
    [attempt] = attempts
    assert attempt.message.text == "ab"
    assert [segment.octets for segment in attempt.message.segments] == [b"", b""]


# -- segments whose others do not come -----------------------------------------------------------


def test_while_the_bridge_stops_no_segment_expires() -> None:
    world = World(gather_timeout=60.0)
    world.sent(segment_sm(1, 2, b"a"))
    world.accept.drain()
    world.clock.now += 1_000.0
    world.expire_segments()
    assert len(world.accept.gather) == 1
    assert not world.store.messages


def test_where_no_segment_is_late_there_is_no_transaction() -> None:
    world = World(gather_timeout=60.0)
    world.sent(segment_sm(1, 2, b"a"))
    world.store.log.clear()
    world.expire_segments()
    assert world.store.log == []


def test_an_incomplete_message_that_could_not_be_recorded_is_not_sent() -> None:
    world = World(when_incomplete="send", gather_timeout=60.0)
    ids = [world.sent(segment_sm(n, 3, b"%d" % n))[0][2] for n in (1, 3)]
    world.clock.now += 60.0
    world.store.failing = True
    world.expire_segments()
    assert world.wire.sent == []
    assert world.lanes["one"].idle
    assert len(world.accept.gather) == 1
    world.store.failing = False
    world.expire_segments()
    assert world.wire.submitted() == ids[:1]
    [row] = world.store.messages.values()
    assert (row.message.text, row.state) == ("13", 0)


def test_late_messages_of_several_accounts_end_together() -> None:
    world = World(gather_timeout=60.0)
    first = world.sent(segment_sm(1, 2, b"a"))[0][2]
    other = world.sent(segment_sm(1, 3, b"b", reference=8))[0][2]
    world.clock.now += 60.0
    world.expire_segments()
    ended = {d.message_id: d.state for d in world.store.unfinished()}
    assert ended == {first: M.EXPIRED, other: M.EXPIRED}
    assert world.said.counts["gathering_expired", "bank"] == 2


def test_segments_for_another_port_are_of_another_message() -> None:
    world = World()
    ports = bytes.fromhex("0504158a0000")
    for number, others in ((1, ports), (2, b"")):
        udh = b"\x00\x03\x07\x02" + bytes((number,)) + others
        octets = bytes((len(udh),)) + udh + b"x"
        world.sent(submit_sm(octets, esm_class=0x40, data_coding=4))
    assert not world.store.messages
    assert len(world.accept.gather) == 2


def test_a_long_message_waits_for_its_time() -> None:
    world = World()
    for n in (1, 2):
        world.sent(segment_sm(n, 2, b"x", schedule_delivery_time=b"000000000100000R"))
    assert world.wire.sent == []
    world.wait(60.0)
    assert len(world.wire.submitted()) == 1

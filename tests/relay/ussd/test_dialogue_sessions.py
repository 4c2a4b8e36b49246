"""Dialogues and the sessions of their ESME."""

from __future__ import annotations

from smppbridge.relay.ussd.pdus import Screen
from smppbridge.smpp.constants import CommandStatus as Status
from tests.relay.ussd.dialled import is_abort
from tests.relay.ussd.world import (
    AWAY,
    CODE,
    LATE,
    Session,
    World,
)


def test_with_nobody_bound_the_phone_is_told_at_once() -> None:
    world = World(bound=False)
    assert world.phone().screens == [AWAY]
    assert world.ended() == {"unbound": 1}


def test_a_refused_deliver_sm_ends_the_dialogue() -> None:
    world = World()
    request = world.phone()
    world.acknowledge(Status.ESME_RX_T_APPN)
    assert request.screens == [AWAY]
    assert world.ended() == {"refused": 1}


def test_an_old_deliver_sm_resp_says_nothing_of_a_newer_request() -> None:
    world = World()
    world.phone()
    world.esme()
    request = world.phone("1")
    _, about = world.session.asked[0]
    world.dialogues.answered([(about, Status.ESME_RSYSERR)])
    assert request.screens == []
    world.acknowledge()
    assert (request.screens, world.ended()) == ([], {})
    world.esme()
    _, about = world.session.asked[1]
    world.dialogues.answered([(about, Status.ESME_RSYSERR)])
    assert world.ended() == {}


def test_a_lost_session_ends_what_it_had_not_answered() -> None:
    world = World()
    other = world.bind(Session(window=1))
    request = world.phone()
    assert len(world.session.asked) == 1
    world.lose(world.session)
    assert request.screens == [AWAY]
    assert is_abort(other)
    assert world.ended() == {"lost": 1}


def test_what_a_lost_session_had_acknowledged_may_be_answered_on_another() -> None:
    world = World()
    other = world.bind(Session(window=1))
    request = world.phone()
    world.acknowledge()
    world.lose(world.session)
    assert request.screens == []
    assert world.esme(session=other) == 0
    assert request.screens == [Screen("Menu", False)]
    world.phone("1")
    assert other.last.short_message == b"1"


def test_the_loss_of_the_last_session_ends_what_waits() -> None:
    world = World()
    idle = world.phone(phone="254722000002")
    world.esme(destination_addr=b"254722000002")
    request = world.phone()
    world.acknowledge()
    world.lose(world.session)
    assert (request.screens, len(idle.screens)) == ([AWAY], 1)
    assert world.ended() == {"lost": 1}
    world.bind(Session())
    assert world.phone("1", phone="254722000002").screens == []


def test_a_lost_session_ends_a_dialogue_once_and_no_other_accounts() -> None:
    world = World(codes={CODE: "bank", "*1#": "shop"})
    shop = Session(system_id="shop")
    world.dialogues.bound("shop", shop)
    request = world.phone()
    other = world.phone(phone="254722000002", code="*1#")
    world.lose(world.session)
    assert (request.screens, other.screens, world.ended()) == ([AWAY], [], {"lost": 1})


def test_what_was_answered_before_it_was_acknowledged_is_not_lost() -> None:
    world = World()
    other = world.bind(Session(window=1))
    world.phone()
    world.esme()
    world.lose(world.session)
    assert world.ended() == {}
    world.phone("1")
    assert other.last.short_message == b"1"


def test_a_new_session_takes_what_waits_for_room() -> None:
    world = World(bound=False)
    world.session = world.bind(Session(window=1))
    world.phone()
    world.phone(phone="254722000002")
    new = world.bind(Session(window=1))
    assert new.last.source_addr == b"254722000002"


def test_a_dialogue_stays_on_its_session() -> None:
    world = World()
    world.phone()
    world.esme()
    roomier = world.bind(Session(window=50))
    world.phone("1")
    assert (len(world.session.asked), len(roomier.asked)) == (2, 0)


def test_a_transmitter_may_answer() -> None:
    world = World()
    request = world.phone()
    assert world.esme(session=Session(window=0)) == 0
    assert len(request.screens) == 1


def test_a_full_window_is_waited_for() -> None:
    world = World(bound=False)
    world.session = world.bind(Session(window=1))
    world.phone()
    second, third = world.phone(phone="254722000002"), world.phone(phone="254722000003")
    assert len(world.session.asked) == 1
    assert world.esme(destination_addr=b"254722000002") == Status.ESME_RSUBMITFAIL
    world.acknowledge()
    assert world.session.last.source_addr == b"254722000002"
    world.wait(8.0)
    assert (second.screens, third.screens) == ([LATE], [LATE])
    world.acknowledge()
    assert len(world.session.asked) == 2, "what is over is not asked any more, nor aborted"
    assert world.dialogues._unsent["bank"] == {}

"""Dialogues and their provider; nobody else learns who typed what."""

from __future__ import annotations

from typing import Any

import pytest

from smppbridge.relay.ussd.pdus import Op, Screen, UssdRules
from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.smpp.pdus import SubmitSm
from tests.relay.ussd.dialled import DIALLED, is_abort
from tests.relay.ussd.world import (
    AWAY,
    CODE,
    LATE,
    PHONE,
    World,
    info,
    op_of,
    screen_sm,
    session_info,
)

# -- the provider ---------------------------------------------------------------------------------


def test_a_new_session_of_a_phone_ends_its_old_one() -> None:
    world = World()
    old = world.phone()
    new = world.phone(session_id="s2")
    aborted, began = world.session.asked[1][0], world.session.asked[2][0]
    assert session_info(aborted) == (1, 0, True)
    assert (session_info(began), op_of(began)) == ((2, 0, False), 1)
    assert (old.screens, world.ended()) == ([AWAY], {"superseded": 1})
    assert world.esme(tlvs=(info(1),)) == Status.ESME_RSUBMITFAIL
    assert world.esme(tlvs=(info(2),)) == 0
    assert len(new.screens) == 1


def test_two_requests_at_once_end_the_dialogue() -> None:
    world = World()
    requests = [world.phone(), world.phone("1")]
    assert [request.screens for request in requests] == [[AWAY], [AWAY]]
    assert (world.ended(), world.dialogues.waiting) == ({"malformed": 1}, 0)


def test_a_provider_that_gives_up_frees_the_dialogue() -> None:
    world = World()
    request = world.phone()
    assert request.dialogue
    world.dialogues.left(request.dialogue, request)
    assert (world.ended(), world.dialogues.waiting) == ({"gone": 1}, 0)
    assert is_abort(world.session)
    world.dialogues.left(request.dialogue, request)
    assert world.ended() == {"gone": 1}


def test_a_connection_that_ends_after_its_answer_means_nothing() -> None:
    world = World()
    first = world.phone()
    world.esme()
    world.phone("1")
    assert first.dialogue
    world.dialogues.left(first.dialogue, first)
    assert (world.ended(), world.dialogues.waiting) == ({}, 1)


def test_a_code_that_is_nobodys() -> None:
    world = World()
    assert world.phone(code="*999#").screens == [AWAY]
    assert world.meters.ends == {("", "unknown"): 1}
    assert world.session.asked == []


@pytest.mark.parametrize("code", ["384*77", "*384*77", "384*77#"])
def test_a_code_may_come_without_its_ends(code: str) -> None:
    world = World()
    world.phone(code=code)
    assert world.session.last.destination_addr == CODE.encode()


@pytest.mark.parametrize("text", ["x" * 255, "é" * 60 + "ш" * 70, "\ud800"])
def test_input_that_fits_no_deliver_sm_ends_the_dialogue(text: str) -> None:
    world = World()
    world.phone()
    world.esme()
    assert world.phone(text).screens == [AWAY]
    assert world.ended() == {"malformed": 1}


def test_there_are_only_so_many_dialogues() -> None:
    world = World(most=2)
    kept = [world.phone(phone=f"25472200000{n}") for n in range(2)]
    assert world.phone(phone="254722000009").screens == [AWAY]
    assert [request.screens for request in kept] == [[], []]
    assert world.ended() == {"full": 1}
    assert len(world.session.asked) == 2, "nobody is told of what he never knew"


def test_a_bridge_that_stops_takes_no_more_requests_and_lets_answers_come() -> None:
    world = World()
    request, idle = world.phone(), world.phone(phone="254722000002")
    world.esme(destination_addr=b"254722000002")
    world.dialogues.drain()
    assert world.phone(phone="254722000003").screens == [AWAY]
    assert world.phone("1", phone="254722000002").screens == [AWAY]
    assert len(idle.screens) == 1
    assert is_abort(world.session)
    assert world.esme() == 0
    assert (len(request.screens), world.ended()) == (1, {"draining": 2})


def test_a_change_ends_dialogues_whose_code_has_another_owner() -> None:
    world = World()
    request = world.phone()
    world.dialogues.change(UssdRules(codes={CODE: "bank", "*1#": "bank"}, unavailable="other"))
    assert request.screens == []
    world.dialogues.change(UssdRules(codes={CODE: "shop", "*1#": "bank"}))
    assert request.screens == [Screen("other", True)]
    assert world.dialogues.open_counts() == {("bank",): 0, ("shop",): 0}


def test_a_change_of_the_naming_ends_all() -> None:
    world = World(by_reference=True)
    for _ in range(300):
        world.phone()
        world.esme(op=Op.PSSR_RESPONSE)
        world.acknowledge()
    request = world.phone()
    world.dialogues.change(UssdRules(codes={CODE: "bank"}))
    assert request.screens == [AWAY]
    assert world.phone().screens == []


def test_the_next_request_may_come_out_of_an_answer() -> None:
    """A connection can hold the provider's next request when the last one is answered."""
    world = World()
    requests: list[Any] = []
    world.dialogues.ask(DIALLED, lambda screen: requests.append(world.phone("1")))
    world.esme()
    assert len(requests) == 1
    assert world.session.last.short_message == b"1"
    world.wait(8.0)
    assert requests[0].screens == [LATE]


# -- privacy --------------------------------------------------------------------------------------


def test_neither_journal_nor_repr_tells_who_typed_what() -> None:
    world = World()
    pin = "4711"
    world.phone()
    world.esme(b"Your PIN, Ann?")
    request = world.phone(pin)
    world.esme(b"Bye Ann", Op.PSSR_RESPONSE)
    _, about = world.session.asked[-1]
    shown = repr([world.events, request.dialogue, about, request.screens, DIALLED])
    for secret in (pin, "Ann", PHONE, "s1"):
        assert secret not in shown
    assert world.events == [
        ("ussd_ended", {"system_id": "bank", "outcome": "ended", "requests": 2})
    ]


def test_submit_sm_of_both_kinds_may_come_together() -> None:
    world = World()
    request = world.phone()
    message = SubmitSm(0, 8, destination_addr=PHONE.encode(), short_message=b"an SMS")
    assert world.dialogues.take(world.session, [message, screen_sm(), message]) == [message] * 2
    assert (len(request.screens), len(world.session.responses)) == (1, 1)

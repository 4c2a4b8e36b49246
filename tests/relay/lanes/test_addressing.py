from __future__ import annotations

from dataclasses import replace

import pytest

from smppbridge.model.message import Stage, Traits
from smppbridge.relay.lanes.addressing import Addressing, NotAddressable, written
from smppbridge.relay.lanes.lane import LaneRules
from smppbridge.routing.senders import SenderPolicy
from smppbridge.smpp.constants import CommandStatus, MessageState
from tests.relay.fakes import World, message, submit_sm

FORMS = [
    ("254722000001", "digits", "254722000001"),
    ("254722000001", "plus", "+254722000001"),
    ("254722000001", "local", "0722000001"),
    ("243810000001", "local", "0810000001"),
    ("12015550123", "local", "2015550123"),
    ("999999999999", "local", "999999999999"),
    ("12345", "plus", "12345"),
    ("12345", "local", "12345"),
]


@pytest.mark.parametrize(("number", "form", "expected"), FORMS)
def test_numbers_are_written_as_the_provider_wants_them(
    number: str, form: str, expected: str
) -> None:
    assert written(number, form) == expected  # type: ignore[arg-type]


def test_a_copy_is_addressed_and_the_message_stays() -> None:
    before = message()
    kept = replace(before)
    after = Addressing(number_form="plus").apply(before)
    assert (after.number, after.source, after.text) == ("+243810000001", kept.source, kept.text)
    assert before == kept


def test_a_text_is_brought_into_gsm_for_a_provider_and_the_message_keeps_its_own() -> None:
    before = message(text="“hi”")
    after = Addressing(transliterates=True).apply(before)
    assert (after.text, before.text) == ('"hi"', "“hi”")
    assert (after.number, after.source) == (before.number, before.source)
    routed = message(text="“hi”", traits=Traits(transliterate=True))
    assert Addressing().apply(routed).text == '"hi"'
    assert Addressing(number_form="plus").apply(routed).text == '"hi"'


@pytest.mark.parametrize("text", ["hi", "“hi” 😀", ""])
def test_a_text_that_stays_is_no_copy(text: str) -> None:
    as_it_is = message(text=text, binary=None if text else b"\x01")
    assert Addressing(transliterates=True).apply(as_it_is) is as_it_is


def test_a_routes_sender_stands_in_before_the_provider_judges() -> None:
    routed = message(traits=Traits(sender="SHOP"))
    assert Addressing().apply(routed).source.addr == "SHOP"
    with pytest.raises(NotAddressable) as refused:
        Addressing(senders=SenderPolicy(allowed=("BANK",))).apply(routed)
    assert refused.value.outcome.command_status == CommandStatus.ESME_RINVSRCADR
    assert refused.value.outcome.provider_fault


def test_a_sender_that_no_provider_takes_ends_the_message_without_a_request() -> None:
    rules = LaneRules(addressing=Addressing(senders=SenderPolicy(allowed=("SHOP",))))
    world = World(lane=rules)
    [(_, _, message_id)] = world.sent(submit_sm())
    row = world.store.messages[message_id]
    assert (row.stage, row.state, row.provider) == (Stage.FINISHED, MessageState.REJECTED, "two")
    assert not world.wire.sent
    assert all(lane.idle for lane in world.lanes.values())

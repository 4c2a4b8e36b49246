"""compose: texts of people are accepted as submit_sm of an account are."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from smppbridge.model.identifiers import Identifiers
from smppbridge.model.message import Message
from smppbridge.model.reasons import Reason
from smppbridge.relay.accept.compose import Compose
from smppbridge.relay.accept.composed import Composed, message_of
from smppbridge.relay.accept.fields import Refusal
from smppbridge.relay.accept.optouts import Optouts
from smppbridge.smpp.constants import Ton
from tests.relay.fakes import World, submit_sm

BONJOUR = Composed(source="BANK", destination="243810000001", text="Bonjour")


def compose(world: World) -> Compose:
    return Compose(
        world.accept,
        world.store,
        world.lane_set,
        world.submit,
        identifiers=Identifiers(100, 0.0),
        around=world.around,
        log=world.said.journal,
    )


class Taken:
    """What came of a text: the message, or the refusal."""

    def __init__(self, world: World, composed: Composed = BONJOUR, message_id: int = 7) -> None:
        self.message: Message | None = None
        self.refusal: Any = None
        taking = Deferred.fromCoroutine(compose(world).take(world.rights, composed, message_id))
        taking.addCallbacks(self._accepted, self._refused)

    def _accepted(self, message: Message) -> None:
        self.message = message

    def _refused(self, failure: Any) -> None:
        self.refusal = failure.value


def test_a_text_leaves_once_it_is_on_disk() -> None:
    world = World()
    world.store.at_once = False
    taken = Taken(world)
    assert (taken.message, world.wire.out) == (None, {})
    world.store.commit_all()
    assert taken.message is not None
    assert (taken.message.message_id, taken.message.route) == (7, ("one", "two"))
    assert len(world.wire.out) == 1
    assert world.said.counts["accepted", "bank"] == 1
    ((_, facts),) = [each for each in world.said.events if each[0] == "message_accepted"]
    assert facts["message_id"] == 7
    assert "Bonjour" not in str(world.said.events)


def test_it_is_the_message_that_a_submit_sm_would_be() -> None:
    """But for its TON and its receipts, which a person does not say."""
    world, other = World(), World()
    Taken(world, replace(BONJOUR, registered_delivery=1))
    other.sent(submit_sm(short_message=b"Bonjour", source_addr=b"BANK", registered_delivery=1))
    (one,) = [row.message for row in world.store.messages.values()]
    (two,) = [row.message for row in other.store.messages.values()]
    assert replace(
        one, message_id=two.message_id, source=two.source, destination=two.destination
    ) == replace(two)


def test_a_text_that_the_store_fails_to_write_is_refused_and_counted() -> None:
    world = World()
    world.store.failing = True
    taken = Taken(world)
    world.store.failing = False
    assert taken.refusal.reason is Reason.STORE_FAILED
    assert world.said.counts["refused", "bank", taken.refusal.status, "store_failed"] == 1
    world.tick()
    assert world.wire.out == {}
    again = Taken(world)
    assert again.message is not None
    assert len(world.wire.out) == 1


@pytest.mark.parametrize(
    ("about", "composed", "reason"),
    [
        ({}, replace(BONJOUR, destination="33123456789"), Reason.NO_ROUTE),
        ({}, replace(BONJOUR, destination="243810000002"), Reason.OPTED_OUT),
        ({}, replace(BONJOUR, destination="BANK"), Reason.BAD_NUMBER),
        ({}, replace(BONJOUR, source="\0"), Reason.BAD_SOURCE),
        ({}, replace(BONJOUR, source="BANK OF CONGO"), Reason.BAD_SOURCE),
        ({}, replace(BONJOUR, text=""), Reason.NO_TEXT),
        ({}, replace(BONJOUR, text="\ud800"), Reason.BAD_CHARACTERS),
        ({"max_parts": 1}, replace(BONJOUR, text="x" * 161), Reason.TOO_LONG),
        ({"senders": ("SHOP",)}, BONJOUR, Reason.SENDER_NOT_ALLOWED),
        ({"backlog": 0}, BONJOUR, Reason.BACKLOG_FULL),
    ],
)
def test_a_text_that_is_not_wanted(
    about: dict[str, Any], composed: Composed, reason: Reason
) -> None:
    optouts = Optouts([("one", "243810000002")])
    optouts.change(("one",))
    world = World(optouts=optouts, **about)
    with pytest.raises(Refusal) as foreseen:
        compose(world).foresee(world.rights, composed)
    assert foreseen.value.reason is reason
    assert world.noted.refusals == []
    taken = Taken(world, composed)
    assert taken.refusal.reason is reason
    (noted,) = world.noted.refusals
    assert (noted.reason, noted.system_id) == (reason.value, "bank")
    assert "243810000002" not in noted.destination


def test_the_throughput_of_the_account_is_taken_by_what_is_sent_alone() -> None:
    world = World(throughput=1.0)
    for _ in range(5):
        compose(world).foresee(world.rights, BONJOUR)
    for text in ("", "Bonjour", "Bonjour"):
        taken = Taken(world, replace(BONJOUR, text=text))
    assert taken.refusal.reason is Reason.THROTTLED


def test_a_stopping_bridge_takes_no_text() -> None:
    world = World()
    world.accept.drain()
    assert Taken(world).refusal.reason is Reason.STOPPING


@pytest.mark.parametrize(
    ("text", "data_coding"), [("Bonjour", 0), ("[é]", 0), ("Добрый", 8), ("ê", 8)]
)
def test_times_and_coding(text: str, data_coding: int) -> None:
    world = World()
    composed = replace(BONJOUR, text=text, validity=90.0)
    message = message_of(world.rights.reader, composed, world.clock.now)
    assert (message.data_coding, message.text) == (data_coding, text)
    assert (message.expires_at - world.clock.now, message.traits.limited) == (90.0, True)
    assert message.source.ton == Ton.ALPHANUMERIC

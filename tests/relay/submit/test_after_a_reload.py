"""A reload while credit is low, while a balance is known, while the store is asked."""

from __future__ import annotations

import pytest

from smppbridge.model.outcome import Accepted
from smppbridge.providers.exchange import Balance, NoAnswer
from smppbridge.relay.lanes.lane import LaneRules
from smppbridge.relay.lanes.retry import Policy
from smppbridge.relay.submit.overdue import PollRules
from smppbridge.relay.submit.rounds import RoundRules
from tests.relay.fakes import FakeProvider, FakeStore, World, submit_sm


def keep_two(world: World) -> None:
    world.lane_set.change({"two": FakeProvider("two")}, {"two": LaneRules()})
    world.rounds.change({"two": RoundRules(balance_every=60.0)})
    world.overdue.change({"two": PollRules()})


def test_a_lane_is_not_low_any_more_when_its_balance_is_asked_no_more() -> None:
    world = World(rounds=RoundRules(balance_every=60.0, low_balance=100.0))
    world.wait(60.0)
    world.wire.answer(("one", Balance(1, "SMS")), operation="balance")
    assert world.lanes["one"].is_low
    world.rounds.change({name: RoundRules() for name in ("one", "two")})
    world.wait(600.0)
    assert not world.lanes["one"].is_low


def test_the_balance_of_a_removed_provider_is_forgotten() -> None:
    world = World(rounds=RoundRules(balance_every=60.0))
    world.wait(60.0)
    world.wire.answer(("one", Balance(1, "SMS")), operation="balance")
    keep_two(world)
    world.wait(600.0)
    assert "one" not in world.rounds.balances


@pytest.mark.parametrize("answered", range(1, 8))
def test_a_provider_can_be_removed_after_any_answer_of_the_store(answered: int) -> None:
    store = FakeStore(at_once=False)
    policy = Policy(uncertain_deadline=5.0, first_look=5.0, when_uncertain="retry", idempotent=9.0)
    polls = PollRules(polls=True, first=5.0, report_deadline=600.0)
    world = World(store=store, polls=polls, lane=LaneRules(policy=policy))
    session = world.session()
    world.take(session, submit_sm(), submit_sm())
    store.commit_all()
    world.wire.answer((1, Accepted("p1")), (2, NoAnswer("reset")))
    store.commit_all()
    world.clock.now += 6.0
    world.overdue.tick()
    for _ in range(answered):
        if store.pending:
            store.commit(1)
    keep_two(world)
    store.commit_all()
    world.sound()


def test_a_provider_can_be_removed_while_its_due_messages_are_looked_for() -> None:
    store = FakeStore(at_once=False)
    world = World(store=store)
    world.overdue.tick()
    keep_two(world)
    store.commit_all()
    world.sound()

"""A reload while credit is low, while a balance is known, while the store is asked."""

from __future__ import annotations

from smppbridge.providers.exchange import Balance
from smppbridge.relay.lanes.lane import LaneRules
from smppbridge.relay.submit.overdue import PollRules
from smppbridge.relay.submit.rounds import RoundRules
from tests.relay.fakes import FakeProvider, FakeStore, World


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


def test_a_provider_can_be_removed_while_its_due_messages_are_looked_for() -> None:
    store = FakeStore(at_once=False)
    world = World(store=store)
    world.overdue.tick()
    keep_two(world)
    store.commit_all()
    world.sound()

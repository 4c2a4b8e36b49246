"""What happens to messages when their provider fails, as a transcript of who got what."""

from __future__ import annotations

from typing import Any

from smppbridge.model.message import Stage
from smppbridge.model.outcome import Accepted, Postponed, Refused
from smppbridge.model.report import Report
from smppbridge.providers.exchange import NoAnswer, NotSent
from smppbridge.relay.lanes.breaker import BreakerRules
from smppbridge.relay.lanes.lane import LaneRules
from smppbridge.routing.rules import Rule
from smppbridge.smpp.constants import MessageState as M
from tests.relay.fakes import World, submit_sm

RULES = LaneRules(breaker=BreakerRules(failures=3, pause=5.0))
DOWN = NotSent("connection refused")


def world_with(lane: LaneRules = RULES, routes: Any = None) -> World:
    return World(lane=lane, rules=routes)


def accept(world: World, count: int = 1, **about: Any) -> list[int]:
    """Return the ids of messages just accepted."""
    return [found for _ in range(count) for _, _, found in world.sent(submit_sm(**about))]


def out(world: World) -> list[tuple[str, int]]:
    """Return which requests are out: the provider and the message."""
    return [(world.wire.out[key].provider, key[1]) for key in world.wire.out]


def answer(world: World, provider: str, what: Any) -> None:
    """Answer all that is out at a provider."""
    for name, message_id in out(world):
        if name == provider:
            found = Accepted(f"{provider}{message_id}") if what is Accepted else what
            world.wire.answer((message_id, found))
    world.sound()


def provider_of(world: World, ids: list[int]) -> list[str]:
    return [world.store.messages[n].provider for n in ids]


def events(world: World) -> list[tuple[str, str]]:
    told = ("provider_down", "provider_up", "messages_diverted")
    return [(e, f["provider"]) for e, f in world.said.events if e in told]


def opened() -> tuple[World, list[int]]:
    """Return a world whose first provider has just failed three times, and the messages."""
    world = world_with()
    ids = accept(world, 3)
    answer(world, "one", DOWN)
    return world, ids


def test_a_provider_that_fails_is_left_until_a_probe_succeeds() -> None:
    world, failed = opened()
    assert events(world) == [("provider_down", "one")]
    new = accept(world, 2)
    assert out(world) == [("two", n) for n in new]
    world.wait(2.5)  # the pause of those that failed is over
    assert provider_of(world, failed) == ["two"] * 3
    assert [name for name, _ in out(world)] == ["two"] * 5
    world.wait(2.6)
    probe, *others = accept(world, 3)
    assert provider_of(world, [probe, *others]) == ["one", "two", "two"]
    world.wire.answer((probe, Accepted("p")))
    assert events(world)[-1] == ("provider_up", "one")
    assert provider_of(world, accept(world, 2)) == ["one", "one"]


def test_who_went_past_a_provider_that_is_down_says_why() -> None:
    world, failed = opened()
    (new,) = accept(world, 1)
    why = {"provider": "one", "to": "two", "why": "breaker_open"}
    assert world.noted.notes == [(new, "provider_skipped", why)]
    world.wait(2.5)
    assert world.noted.notes[1:] == [(n, "diverted", why) for n in failed]
    diverted = [facts for event, facts in world.said.events if event == "messages_diverted"]
    assert [(f["reason"], f["messages"]) for f in diverted] == [("breaker_open", 3)]


def test_a_probe_that_fails_doubles_the_pause() -> None:
    world, _ = opened()
    world.wait(2.5)
    world.wait(2.6)
    [probe] = accept(world)
    world.wire.answer((probe, DOWN))
    world.wait(5.1)
    assert provider_of(world, accept(world)) == ["two"]
    world.wait(5.0)
    assert provider_of(world, accept(world)) == ["one"]
    assert [event for event, _ in events(world)].count("provider_down") == 1


def test_a_provider_without_another_is_probed_with_what_waits_for_it() -> None:
    alone = world_with(routes=[Rule("243", ("one",))])
    ids = accept(alone, 4)
    answer(alone, "one", DOWN)
    alone.wait(2.5)
    assert not out(alone)
    alone.wait(2.6)
    assert len(out(alone)) == 1
    answer(alone, "one", Accepted)
    alone.tick()
    assert len(out(alone)) == 3
    answer(alone, "one", Accepted)
    assert set(alone.store.stages().values()) == {Stage.SUBMITTED}
    assert set(provider_of(alone, ids)) == {"one"}


def test_silence_opens_it_but_what_is_in_doubt_goes_nowhere() -> None:
    world = world_with()
    ids = accept(world, 3)
    answer(world, "one", NoAnswer("reset"))
    assert events(world) == [("provider_down", "one")]
    world.wait(30.0)
    assert provider_of(world, ids) == ["one"] * 3
    assert len(world.wire.sent) == 3


def test_what_the_provider_answers_is_no_failure() -> None:
    world = world_with()
    for what in (Refused("bad", 0x0B), Postponed("busy"), Refused("credit", provider_fault=True)):
        accept(world, 3)
        answer(world, "one", what)
        answer(world, "two", Accepted)
    assert events(world) == []


def test_a_refusal_through_the_providers_fault_goes_to_the_next_and_then_ends() -> None:
    world = world_with()
    [message_id] = accept(world)
    fault = Refused("no credit", 0x45, provider_fault=True)
    answer(world, "one", fault)
    assert out(world) == [("two", message_id)]
    answer(world, "two", fault)
    row = world.store.messages[message_id]
    assert (row.stage, row.state) == (Stage.FINISHED, M.REJECTED)


def test_a_message_put_off_too_long_goes_on() -> None:
    world = world_with(LaneRules())
    [message_id] = accept(world)
    for _ in range(6):
        answer(world, "one", Postponed("busy"))
        world.wait(33.0)
    assert provider_of(world, [message_id]) == ["two"]
    assert out(world) == [("two", message_id)]


def test_a_long_pause_shuts_a_lane_and_a_short_one_does_not() -> None:
    world = world_with(LaneRules(failover_after=60.0))
    [first] = accept(world)
    world.wire.answer((first, Postponed("rate", 50.0, True)))
    assert provider_of(world, accept(world)) == ["one"]
    assert not out(world)
    world.lanes["one"].pause(world.clock.monotonic() + 61.0)
    world.tick()
    assert provider_of(world, accept(world)) == ["two"]
    assert [name for name, _ in out(world)] == ["two"] * 3


def test_a_move_that_could_not_be_written_is_made_again() -> None:
    world, ids = opened()
    world.store.failing = True
    world.wait(2.5)
    assert not out(world)
    assert provider_of(world, ids) == ["one"] * 3
    world.store.failing = False
    world.wait(0.5)
    assert [name for name, _ in out(world)] == ["two"] * 3
    assert world.lanes["one"].depth == 0


def test_nobody_goes_back_to_where_he_was() -> None:
    world, ids = opened()
    world.wait(2.5)
    answer(world, "two", DOWN)
    world.wait(600.0)
    assert provider_of(world, ids) == ["two"] * 3
    assert {name for name, _ in out(world)} == {"two"}


def test_a_report_that_names_a_waiting_message_takes_it_out_of_line() -> None:
    world = world_with(LaneRules(concurrency=1))
    world.lanes["one"].pause(10.0)
    [message_id] = accept(world)
    world.told(Report("x", M.DELIVERED, message_id=message_id))
    world.wait(20.0)
    assert not world.wire.sent
    assert world.lanes["one"].depth == 0
    assert world.store.messages[message_id].state == M.DELIVERED


def test_a_report_that_overtakes_the_answer_and_comes_again_is_one_receipt() -> None:
    world = world_with()
    [message_id] = accept(world)
    report = Report("x", M.DELIVERED, message_id=message_id)
    world.told(report)
    world.wire.answer((message_id, Accepted("x")))
    world.told(report)
    world.sound()
    assert list(world.store.deliveries) == [(message_id, M.DELIVERED)]
    assert world.deliver.outbox("bank").depth == 1


def test_that_a_provider_takes_nothing_is_told_once() -> None:
    world = world_with()
    fault = Refused("HTTP 401", 0x45, provider_fault=True)

    def told() -> list[str]:
        return [f["reason"] for e, f in world.said.events if e == "provider_refuses"]

    for what in (fault, fault, Refused("no coverage", 0x0B, provider_fault=True)):
        accept(world, 2)
        answer(world, "one", what)
    assert told() == ["HTTP 401"]
    accept(world)
    answer(world, "one", Accepted)
    accept(world)
    answer(world, "one", fault)
    assert told() == ["HTTP 401"] * 2


def test_the_id_in_a_report_that_overtakes_the_answer_is_kept() -> None:
    world = world_with()
    [message_id] = accept(world)
    world.told(Report("theirs", M.DELIVERED, message_id=message_id))
    assert world.store.messages[message_id].provider_message_id == "theirs"

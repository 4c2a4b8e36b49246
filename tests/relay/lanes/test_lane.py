from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smppbridge.model.message import Attempt, Stage
from smppbridge.model.outcome import Accepted, Postponed
from smppbridge.relay.lanes import lane as lanes
from smppbridge.relay.lanes.lane import Lane, LaneRules
from smppbridge.relay.submit import backlog as backlogs
from smppbridge.relay.submit.overdue import PollRules
from smppbridge.smpp.constants import MessageState as M
from smppbridge.store.port import Waiting
from tests.relay.fakes import NOW, FakeProvider, FakeStore, World, message, submit_sm


def lane_of(**rules: Any) -> Lane:
    return Lane("one", FakeProvider(), LaneRules(**rules), 0.0)


def attempts(*ids: int, **about: Any) -> list[Attempt]:
    return [Attempt(message(n, **about), "one") for n in ids]


def ids(some: list[Attempt]) -> list[int]:
    return [a.message.message_id for a in some]


def begin(lane: Lane, now: float = 0.0) -> list[Attempt]:
    """Return what the lane takes to be begun: it is not keyed."""
    loads, _ = lane.take(now, NOW, str)
    assert all(isinstance(load, Attempt) for load in loads)
    return [load for load in loads if isinstance(load, Attempt)]


def held(lane: Lane) -> set[int]:
    return {message_id for line in lane.queue.lines.values() for message_id in line.held}


def pushed(lane: Lane, now: float = 0.0) -> list[int]:
    """Begin what the lane takes, and let leave what may."""
    taken = begin(lane, now)
    lane.gone(taken)
    lane.begun(taken)
    return ids([load for load in lane.leave(now) if isinstance(load, Attempt)])


def test_requests_are_out_up_to_the_concurrency_and_a_few_more_are_begun() -> None:
    lane = lane_of(concurrency=3)
    lane.wait(attempts(*range(200)))
    assert pushed(lane) == [0, 1, 2]
    assert (lane.out, lane._begun, lane.depth) == (3, 64, 133)
    assert pushed(lane) == []
    lane.out -= 2
    assert pushed(lane) == [3, 4]
    assert not lane.idle


def test_what_is_begun_ahead_follows_how_fast_requests_leave() -> None:
    lane = lane_of(concurrency=1)
    lane.wait(attempts(*range(500)))
    now = 0.0
    for _ in range(80):
        pushed(lane, now)
        lane.out, now = 0, now + 0.1
    assert 0 < lane._begun <= 4


def test_a_rate_counts_segments() -> None:
    lane = lane_of(rate=10.0)
    lane.wait(attempts(1, 2, 3, text="x" * 700))  # 5 segments each
    assert pushed(lane) == [1]
    assert pushed(lane) == [2]
    assert pushed(lane) == []
    assert pushed(lane, 0.4) == []
    assert pushed(lane, 0.5) == [3]


@pytest.mark.parametrize(("rate", "most"), [(1.0, 1), (5.0, 1), (50.0, 5), (1e6, 128)])
def test_what_waits_for_its_turn_is_not_begun(rate: float, most: int) -> None:
    lane = lane_of(rate=rate)
    lane.wait(attempts(*range(1_000), text=""))
    for _ in range(100):
        pushed(lane)
    assert lane._begun <= most
    assert lane.out <= max(1, min(rate, 64))
    while lane.take_now(0.0):
        pass
    assert lane._begun <= most


@given(st.floats(0.5, 200), st.lists(st.floats(0.01, 0.4), max_size=60))
def test_a_rate_is_used_up_and_never_exceeded(rate: float, pauses: list[float]) -> None:
    lane = lane_of(rate=rate, concurrency=10_000)
    lane.wait(attempts(*range(int(rate * 25) + 300), text=""))
    now, left = 0.0, 0
    for pause in pauses:
        now += pause
        left += len(pushed(lane, now)) + len(pushed(lane, now))
        assert left <= rate * now + max(1.0, rate) + 1e-6


def test_a_paused_lane_begins_nothing() -> None:
    lane = lane_of()
    lane.wait(attempts(1))
    lane.pause(5.0)
    lane.pause(3.0)
    assert pushed(lane, 4.9) == []
    assert not lane.take_now(4.9)
    assert pushed(lane, 5.0) == [1]


def test_a_held_lane_begins_nothing_and_takes_back_what_is_begun() -> None:
    lane = lane_of()
    lane.wait(attempts(1, 2))
    lane.begun(begin(lane))
    lane.held = True
    assert lane.leave(0.0) == []
    assert ids([load for load in lane.recall(0.0) if isinstance(load, Attempt)]) == [1, 2]
    assert not lane.take_now(1e9)
    assert begin(lane, 1e9) == []
    assert lane.is_shut(1e9)
    lane.held = False
    assert not lane.is_shut(1e9)


def test_expired_attempts_are_not_begun() -> None:
    lane = lane_of()
    lane.wait(attempts(1, expires_at=NOW) + attempts(2) + attempts(3, expires_at=NOW - 1))
    taken, expired = lane.take(0.0, NOW, str)
    assert (taken, ids(expired)) == (attempts(2), [1, 3])
    assert held(lane) == {1, 2, 3}
    lane.gone(expired)
    assert (held(lane), lane.depth) == ({2}, 1)
    lane.wait(attempts(4, expires_at=NOW) + attempts(5))
    assert ids(lane.expired(NOW)) == [4]
    assert ids(lane.expired(NOW)) == []


def test_what_could_not_be_begun_is_first_again() -> None:
    lane = lane_of(concurrency=2)
    lane.wait(attempts(*range(1, 4)))
    loads = begin(lane)
    lane.give_back(len(loads))
    lane.queue.put_back(loads)
    assert lane.idle
    assert ids(begin(lane)) == [1, 2, 3]
    assert held(lane) == {1, 2, 3}


def test_a_place_is_given_only_to_who_need_not_wait() -> None:
    lane = lane_of(concurrency=1)
    assert [lane.take_now(0.0) for _ in range(66)] == [True] * 65 + [False]
    lane.give_back(65)
    assert lane.idle
    lane.wait(attempts(1))
    assert not lane.take_now(0.0)


def test_what_memory_does_not_hold_is_read_back_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "IN_MEMORY", 5)
    monkeypatch.setattr(lanes, "FEW", 3)
    monkeypatch.setattr(backlogs, "MANY", 4)
    world = World(lane=LaneRules(concurrency=1))
    lane = world.lanes["one"]
    accepted = [world.sent(submit_sm())[0][2] for _ in range(100)]
    assert lane.depth == 35
    assert lane.queue.waiting <= 5
    assert lane.overflowing
    for message_id in accepted:
        if len(accepted) < 150:
            accepted.append(world.sent(submit_sm())[0][2])
        world.wire.answer((message_id, Accepted(f"p{message_id}")))
        assert lane.queue.waiting <= 5 + 4
        world.tick()
    assert world.wire.submitted() == accepted
    assert (lane.depth, lane.out, held(lane), lane.idle) == (0, 0, set(), True)


EVENTS = [
    *("accept", "accept many", "short life", "scheduled", "commit", "commit all", "fail"),
    *("tick", "answer", "busy", "wait", "expire"),
]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.sampled_from(EVENTS), min_size=15, max_size=60),
    st.sampled_from([1, 2, 64]),
    st.sampled_from([None, 5.0]),
)
def test_every_accepted_message_leaves_once_or_expires_once(
    events: list[str], concurrency: int, rate: float | None
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lanes, "IN_MEMORY", 4)
        patch.setattr(lanes, "FEW", 2)
        patch.setattr(backlogs, "MANY", 3)
        patch.setattr(lanes, "_MOST_AHEAD", 4)
        rules = LaneRules(concurrency=concurrency, rate=rate)
        polls = PollRules(report_grace=None)  # what has left waits for its report for ever
        _run(World(store=FakeStore(at_once=False), lane=rules, polls=polls), events)


def _run(world: World, events: list[str]) -> None:
    session, store, wire = world.session(), world.store, world.wire
    lane = world.lanes["one"]
    accepted: set[int] = set()

    def answer() -> None:
        for _, about in list(wire.out)[:1]:
            wire.answer((about, Accepted(f"p{about}")))
            accepted.add(about)

    def busy() -> None:
        for _, about in list(wire.out)[:1]:
            wire.answer((about, Postponed("busy")))

    soon, late = b"000000000003000R", b"000000000004000R"
    do: dict[str, Callable[[], None]] = {
        "accept": lambda: world.take(session, submit_sm()),
        "accept many": lambda: world.take(session, *[submit_sm()] * 5),
        "short life": lambda: world.take(session, submit_sm(validity_period=soon)),
        "scheduled": lambda: world.take(session, submit_sm(schedule_delivery_time=late)),
        "commit": lambda: store.commit(min(1, len(store.pending))),
        "commit all": store.commit,
        "fail": lambda: store.fail(min(2, len(store.pending))),
        "tick": world.tick,
        "wait": lambda: world.wait(2.0),
        "expire": lambda: world.run(world.submit.backlog.expire()),
        "answer": answer,
        "busy": busy,
    }
    for event in [*events, "wait", "commit all"]:
        do[event]()
        assert lane.out <= lane.rules.concurrency
    rounds = 0
    while {Stage.WAITING, Stage.SUBMITTING} & set(store.stages().values()):
        rounds += 1  # in the end all goes well
        assert rounds < 500
        store.commit_all()
        answer()
        world.wait(1.0)
        world.run(world.submit.backlog.expire())
        store.commit_all()
    world.sound()
    sent = wire.submitted()
    assert not wire.out
    assert set(store.messages) == set(session.ids())
    for message_id, row in store.messages.items():
        expired = row.state == M.EXPIRED
        assert (message_id in accepted) != expired
        assert row.stage is (Stage.FINISHED if expired else Stage.SUBMITTED)
        assert sent.count(message_id) == row.number
        assert list(store.deliveries).count((message_id, M.EXPIRED)) == expired
    assert len(sent) == sum(row.number for row in store.messages.values())
    assert world.said.counts["finished", "bank", M.EXPIRED] == len(store.messages) - len(accepted)
    assert (lane.depth, lane.out, lane._begun, held(lane)) == (0, 0, 0, set())


@pytest.mark.parametrize(("rate", "begun"), [(5.0, 1), (50.0, 5)])
def test_at_a_rate_as_many_are_begun_as_leave_in_a_tenth_of_a_second(
    rate: float, begun: int
) -> None:
    lane = lane_of(rate=rate, concurrency=1_000)
    lane.wait(attempts(*range(2_000), text=""))
    left = sum(len(pushed(lane)) for _ in range(100))
    assert (left, lane._begun) == (int(rate), begun)


def test_the_limits_of_a_lane_by_default() -> None:
    rules = LaneRules()
    assert (rules.concurrency, rules.rate, rules.failover_after) == (64, None, 60.0)


def test_twenty_thousand_wait_in_memory_and_a_thousand_of_each_other_line() -> None:
    lane = lane_of()
    lane.wait(attempts(*range(20_001)))
    lane.wait(attempts(*range(30_000, 31_001), system_id="shop"))
    full, other = lane.queue.lines.values()
    assert (full.waiting, full.more, full.depth) == (20_000, True, 20_001)
    assert (other.waiting, other.more, other.depth) == (1_000, True, 1_001)
    assert (lane.queue.waiting, lane.depth) == (21_000, 21_002)


def test_a_line_is_hungry_below_a_thousand_when_the_store_has_more() -> None:
    lane = lane_of(concurrency=1)
    lane.wait(attempts(*range(1_000)))
    assert lane.hungry() == []
    [later] = attempts(5_000)
    lane.later(later)
    assert lane.hungry() == []
    lane.queue.take()
    assert lane.hungry() == list(lane.queue.lines.values())


def test_five_hundred_are_read_back_at_a_time() -> None:
    world = World(store=FakeStore(at_once=False))
    lane = world.lanes["one"]
    for n in range(1, 602):
        world.store._insert(message(n), begun=False, hop=0)
    lane.restore(Waiting("one", "bank", 0, 601))
    lane.pause(1.0)
    world.tick()
    world.store.commit(1)
    assert (lane.queue.waiting, lane.depth) == (500, 601)


def test_as_many_are_begun_ahead_as_leave_in_eight_milliseconds() -> None:
    lane = lane_of(concurrency=64)
    lane.wait(attempts(*range(2_000)))

    def ahead_at(now: float) -> int:
        """Return how many are begun when all that were out have been answered at *now*."""
        lane.out = 0
        assert len(pushed(lane, now)) == 64
        return lane._begun

    assert ahead_at(0.0) == 64  # nothing was measured yet
    assert ahead_at(0.04) == 64  # too early to tell
    assert ahead_at(0.05) == 64  # 192 in 50 ms are 3,840 a second
    assert ahead_at(0.06) == 30
    assert ahead_at(0.55) == 30  # 128 in 500 ms are 256 a second; and four at least
    assert ahead_at(0.56) == 4

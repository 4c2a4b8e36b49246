"""One lane, rule by rule: what changes with its settings, what it counts, begins and repeats."""

from __future__ import annotations

from typing import Any

import pytest

from smppbridge.model.message import Attempt, Traits
from smppbridge.providers.exchange import NotSent
from smppbridge.relay.lanes.addressing import Addressing, NotAddressable
from smppbridge.relay.lanes.batch import Batch, Load, attempts_of
from smppbridge.relay.lanes.breaker import BreakerRules
from smppbridge.relay.lanes.lane import Lane, LaneRules
from smppbridge.routing.senders import SenderPolicy
from smppbridge.store.port import Waiting
from tests.relay.fakes import NOW, FakeProvider, KeyedProvider, message

BREAKS = BreakerRules(failures=1, pause=5.0)


def lane_of(*, keyed: bool = False, **rules: Any) -> Lane:
    provider = KeyedProvider() if keyed else FakeProvider()
    return Lane("one", provider, LaneRules(**rules), 0.0)


def attempt(message_id: int, **about: Any) -> Attempt:
    """Return an attempt for a number of its own."""
    number = f"{243810000000 + message_id}"
    return Attempt(message(message_id, **{"number": number, **about}), "one")


def attempts(*ids: int, **about: Any) -> list[Attempt]:
    return [attempt(n, **about) for n in ids]


def ids(load: Load) -> list[int]:
    return [a.message.message_id for a in attempts_of(load)]


def take(lane: Lane, now: float = 0.0) -> list[list[int]]:
    """Return what the lane begins."""
    loads, _ = lane.take(now, NOW, lambda: "key")
    return [ids(load) for load in loads]


# -- settings -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rate", "most"), [(None, 3), (50.0, 3), (2.0, 2), (1.0, 1), (0.5, 1)])
def test_a_batch_is_no_larger_than_a_seconds_rate(rate: float | None, most: int) -> None:
    assert lane_of(keyed=True, rate=rate).most == most


def test_a_change_of_provider_regroups_what_waits() -> None:
    lane = lane_of(concurrency=1)
    lane.wait([attempt(1, text="a"), attempt(2, text="b"), attempt(3, text="a")])
    lane.change(KeyedProvider(), LaneRules(concurrency=1), 0.0)
    assert take(lane) == [[1, 3], [2]]
    lane = lane_of(keyed=True, concurrency=1)
    lane.wait([attempt(1, text="a"), attempt(2, text="b"), attempt(3, text="a")])
    lane.change(FakeProvider(), LaneRules(concurrency=1), 0.0)
    assert sorted(take(lane)) == [[1], [2], [3]]


def test_a_change_of_concurrency_counts_at_once() -> None:
    lane = lane_of(concurrency=10)
    lane.change(FakeProvider(), LaneRules(concurrency=2), 0.0)
    lane.wait(attempts(*range(5)))
    take(lane)
    lane.begun([attempt(n) for n in range(5)])
    assert len(lane.leave(0.0)) == 2


def test_a_breaker_stays_open_unless_its_own_rules_change() -> None:
    lane = lane_of(breaker=BREAKS)
    lane.breaker.failed(0.0)
    lane.change(FakeProvider(), LaneRules(breaker=BREAKS, rate=5.0), 0.0)
    assert not lane.breaker.is_closed
    lane.change(FakeProvider(), LaneRules(breaker=BreakerRules(failures=2)), 0.0)
    assert lane.breaker.is_closed
    assert lane.breaker.rules.failures == 2


def test_the_oldest_message_in_memory_is_known() -> None:
    lane = lane_of()
    assert lane.oldest is None
    lane.wait([attempt(1, accepted_at=NOW - 5), attempt(2, accepted_at=NOW)])
    assert lane.oldest == NOW - 5


def test_a_lane_is_shut_by_a_pause_longer_than_others_wait_for_it() -> None:
    lane = lane_of(failover_after=60.0)
    lane.pause(60.0)
    assert not lane.is_shut(0.0)
    lane.pause(60.1)
    assert lane.is_shut(0.0)


# -- addresses and exchanges ----------------------------------------------------------------------


def test_a_message_goes_as_it_is_only_with_a_sender_that_every_provider_takes() -> None:
    lane = lane_of()
    as_it_is = message()
    assert lane.addressed(as_it_is) is as_it_is
    assert lane.addressed(message(traits=Traits(sender="SHOP"))).source.addr == "SHOP"


def test_a_text_goes_in_gsm_where_the_route_or_the_provider_wants_that() -> None:
    wanted = message(text="“hi”", traits=Traits(transliterate=True))
    assert lane_of().addressed(wanted).text == '"hi"'
    lane = lane_of(addressing=Addressing(transliterates=True))
    assert lane.addressed(message(text="“hi”")).text == '"hi"'
    assert lane_of().addressed(message(text="“hi”")).text == "“hi”"


def test_messages_of_one_text_in_gsm_share_a_request() -> None:
    lane = lane_of(keyed=True, addressing=Addressing(transliterates=True))
    lane.wait([attempt(1, text="“a”"), attempt(2, text='"a"'), attempt(3, text="“a” 😀")])
    assert take(lane) == [[1, 2], [3]]


@pytest.mark.parametrize(("addr", "fits"), [("ELEVEN-CHAR", True), ("TWELVE-CHARS", False)])
def test_letters_of_a_sender_are_eleven_at_most(addr: str, fits: bool) -> None:
    lane, long = lane_of(), message()
    long.source = type(long.source)(addr, 5, 0)
    if fits:
        assert lane.addressed(long) is long
    else:
        with pytest.raises(NotAddressable):
            lane.addressed(long)


def first_request(lane: Lane, load: Load) -> Any:
    return next(lane.exchange(load))


def test_one_attempt_or_a_batch_is_what_the_provider_gets() -> None:
    one, two = attempts(1, 2)
    assert first_request(lane_of(), one) == ("submit", 1)
    assert first_request(lane_of(keyed=True), one) == ("submit", 1)
    assert first_request(lane_of(keyed=True), Batch("k", [one, two])) == ("batch", ("k", 1, 2))


def test_what_was_begun_as_a_batch_goes_to_a_provider_without_batches_if_it_is_one() -> None:
    lane = lane_of()
    one, two = attempts(1, 2)
    assert first_request(lane, Batch("k", [one])) == ("submit", 1)
    for batch in (Batch("k", [one, two]), Batch("k", [one], repeated=True)):
        with pytest.raises(NotSent):
            lane.exchange(batch)


# -- waiting --------------------------------------------------------------------------------------


def test_lines_are_counted_each_by_itself() -> None:
    lane = lane_of()
    mixed = [attempt(1), attempt(2, system_id="shop"), attempt(3), attempt(4, priority=3)]
    lane.wait(mixed)
    lane.later(attempt(5, system_id="shop"))
    depths = {key: line.depth for key, line in lane.queue.lines.items()}
    assert depths == {("bank", 0): 2, ("shop", 0): 2, ("bank", 3): 1}
    lane.gone(mixed)
    depths = {key: line.depth for key, line in lane.queue.lines.items()}
    assert depths == {("bank", 0): 0, ("shop", 0): 1, ("bank", 3): 0}
    assert lane.depth == 1


def test_lines_of_which_the_store_holds_more_are_counted() -> None:
    lane = lane_of()
    for system_id in ("bank", "shop"):
        lane.restore(Waiting("one", system_id, 0, 2))
    lines = list(lane.queue.lines.values())
    assert (lane.overflowing, [line.more for line in lines]) == (2, [True, True])
    lane.overflow(lines[0], True)
    assert lane.overflowing == 2
    lane.load(lines[0], attempts(1))
    lane.gone(attempts(1))
    assert (lines[0].more, lane.overflowing) == (True, 2)  # one is left there
    lane.load(lines[0], attempts(2))
    lane.gone(attempts(2))
    assert (lines[0].more, lane.overflowing) == (False, 1)
    lane.gone([])
    lane.wait(attempts(3))
    lane.gone(attempts(3))
    assert (lines[0].more, lane.overflowing) == (False, 1)


def test_a_line_that_memory_holds_in_full_is_not_hungry() -> None:
    lane = lane_of()
    lane.wait(attempts(1, 2))
    assert lane.hungry() == []


@pytest.mark.parametrize("odd_first", [True, False])
def test_only_what_was_not_held_is_held_now(odd_first: bool) -> None:
    lane = lane_of()
    waiting, fresh = attempts(1, 2)
    lane.wait([waiting])
    assert lane.hold([waiting, fresh] if odd_first else [fresh, waiting]) == [fresh]
    assert lane.hold([fresh]) == []
    lane.let_go([fresh])
    assert lane.hold([fresh]) == [fresh]


@pytest.mark.parametrize("odd", [1, 2, 3])
def test_one_attempt_is_withdrawn_and_the_others_stay(odd: int) -> None:
    lane = lane_of()
    lane.wait(attempts(1, 2, 3))
    assert lane.withdraw(attempt(odd))
    assert take(lane) == [[n] for n in (1, 2, 3) if n != odd]
    assert not lane.withdraw(attempt(odd % 3 + 1))  # it is being begun


# -- beginning and leaving ------------------------------------------------------------------------


@pytest.mark.parametrize(("out", "begun"), [(33, 0), (32, 32), (31, 33)])
def test_attempts_are_begun_many_together(out: int, begun: int) -> None:
    lane = lane_of(concurrency=64)
    lane.wait(attempts(*range(300)))
    lane.begun([attempt(n) for n in range(128)])
    assert len(take(lane)) == 128
    assert len(lane.leave(0.0)) == 64
    lane.out = out
    assert len(take(lane)) == begun


def test_a_keyed_provider_has_one_request_begun_ahead() -> None:
    lane = lane_of(keyed=True, concurrency=1)
    lane.wait([attempt(n, text=str(n)) for n in range(5)])
    assert take(lane) == [[0], [1]]


def test_the_probe_of_an_open_breaker_is_one_message() -> None:
    lane = lane_of(keyed=True, breaker=BREAKS)
    lane.wait(attempts(1, 2, 3, text="a"))
    lane.breaker.failed(0.0)
    assert take(lane, 4.9) == []
    assert take(lane, 5.0) == [[1]]


def test_of_a_batch_the_expired_messages_are_left_out() -> None:
    lane = lane_of(keyed=True)
    lane.wait([attempt(1, text="a", expires_at=NOW), *attempts(2, 3, text="a")])
    loads, expired = lane.take(0.0, NOW, lambda: "key")
    assert [ids(load) for load in loads] == [[2, 3]]
    assert [a.message.message_id for a in expired] == [1]


def test_at_a_rate_no_more_places_are_reserved_than_leave_in_a_tenth_of_a_second() -> None:
    lane = lane_of(rate=50.0)
    assert [lane.take_now(0.0) for _ in range(7)] == [True] * 5 + [False] * 2


def test_the_segments_of_the_first_in_line_are_what_a_rate_counts() -> None:
    lane = lane_of(rate=10.0)
    long = attempts(1, 2, text="x" * 700)  # 5 segments each
    lane.begun([*long, attempt(3, text="")])
    assert [ids(load) for load in lane.leave(0.0)] == [[1], [2]]
    assert [ids(load) for load in lane.leave(0.1)] == [[3]]


def test_a_rate_counts_the_segments_that_leave() -> None:
    lane = lane_of(rate=10.0, addressing=Addressing(transliterates=True))
    lane.begun(attempts(1, 2, 3, text="“" * 700))  # 5 segments each of GSM, 11 of UCS-2
    assert [ids(load) for load in lane.leave(0.0)] == [[1], [2]]


@pytest.mark.parametrize(("elapsed", "ahead"), [(0.064, 16), (0.0641, 15)])
def test_what_is_begun_ahead_is_counted_exactly(elapsed: float, ahead: int) -> None:
    lane = lane_of(concurrency=64)
    lane.wait(attempts(*range(1_000)))
    for measured in (elapsed, 2 * elapsed):
        for now in (measured - elapsed / 2, measured):
            lane.out = 0
            lane.begun([attempt(n) for n in range(len(take(lane, now)))])
            assert len(lane.leave(now)) == 64
        assert lane._ahead == ahead


# -- pauses, and what may not leave any more ------------------------------------------------------


def test_nothing_leaves_while_a_lane_pauses() -> None:
    lane = lane_of()
    lane.begun(attempts(1, 2))
    lane.pause(5.0)
    assert lane.leave(4.9) == []
    assert [ids(load) for load in lane.leave(5.0)] == [[1], [2]]


def test_what_is_begun_leaves_while_none_may_begin() -> None:
    lane = lane_of()
    lane.wait(attempts(3))
    lane.begun(attempts(1, 2))
    lane.begin_after(5.0)
    lane.begin_after(3.0)
    assert [ids(load) for load in lane.leave(0.0)] == [[1], [2]]
    assert (take(lane, 4.9), take(lane, 5.0)) == ([], [[3]])


def test_only_a_probe_leaves_while_the_breaker_is_open_and_the_others_are_called_back() -> None:
    lane = lane_of(breaker=BREAKS)
    lane.begun(attempts(1, 2, 3))
    lane.breaker.failed(0.0)
    assert lane.leave(4.9) == []
    assert lane.recall(5.0) == []
    assert [ids(load) for load in lane.leave(5.0)] == [[1]]
    assert lane.leave(5.0) == []
    assert [ids(load) for load in lane.recall(5.0)] == [[2], [3]]
    assert not lane.ready


@pytest.mark.parametrize("odd", range(3))
def test_a_pause_calls_back_what_is_begun_but_requests_that_are_made_again(odd: int) -> None:
    lane = lane_of(keyed=True)
    loads: list[Load] = [Batch("k", attempts(n)) for n in range(3)]
    loads[odd] = Batch("k", attempts(odd), repeated=True)
    lane.begun(loads)
    assert lane.recall(0.0) == []
    lane.pause(1.0)
    back = lane.recall(0.9)
    assert back == [load for n, load in enumerate(loads) if n != odd]
    assert list(lane.ready) == [loads[odd]]
    assert lane.recall(1.0) == []


@pytest.mark.parametrize(
    ("since", "left_at", "now", "speed"),
    [
        (0.0, 0.0, 0.0, 320.0),  # 16 in a twentieth of a second, at least
        (0.0, 0.0, 0.1, 160.0),
        (2.0, 2.02, 2.04, 320.0),
        (0.0, 0.1, 0.1, 160.0),  # measured
        (0.0, 0.1, 9.9, 160.0),
        (0.0, 3_600.0, 3_600.0, 16.0),  # a burst after an hour: as if it took a second
    ],
)
def test_the_speed_of_a_lane(since: float, left_at: float, now: float, speed: float) -> None:
    lane = Lane("one", FakeProvider(), LaneRules(), since)
    assert lane.speed(since) == 0.0
    lane.begun(attempts(*range(16)))
    assert len(lane.leave(left_at)) == 16
    assert lane.speed(now) == pytest.approx(speed)


# -- requests made again --------------------------------------------------------------------------


def test_requests_are_made_again_within_concurrency_and_rate_and_one_at_least() -> None:
    assert lane_of(concurrency=7).may_repeat(0.0) == 7
    assert lane_of(concurrency=7, rate=3.0).may_repeat(0.0) == 3
    assert lane_of(concurrency=7, rate=0.5).may_repeat(0.0) == 1
    assert lane_of(concurrency=2, rate=50.0).may_repeat(0.0) == 2
    paused = lane_of()
    paused.pause(1.0)
    assert (paused.may_repeat(0.0), paused.may_repeat(1.0)) == (0, 64)


def test_requests_that_are_about_to_be_made_again_are_counted() -> None:
    lane = lane_of(keyed=True, concurrency=7)
    lane.begun([attempt(1), Batch("k", attempts(2))])
    assert lane.may_repeat(0.0) == 7
    lane.repeat([Batch("l", attempts(3), repeated=True)])
    assert lane.may_repeat(0.0) == 6


def test_a_request_may_be_made_again_as_the_probe() -> None:
    lane = lane_of(breaker=BREAKS)
    lane.breaker.failed(0.0)
    assert (lane.may_repeat(4.9), lane.may_repeat(5.0)) == (0, 1)


# -- groups ---------------------------------------------------------------------------------------


def test_messages_that_are_not_addressable_are_refused_each_alone() -> None:
    rules = Addressing(senders=SenderPolicy(allowed=("SHOP",)))
    lane = lane_of(keyed=True, addressing=rules)
    lane.wait(attempts(1, 2, text="a"))
    assert take(lane) == [[1], [2]]


def test_messages_of_one_text_share_a_request_within_a_country() -> None:
    lane = lane_of(keyed=True, addressing=Addressing(number_form="local"))
    kenya = attempt(2, number="254722000001", text="a")
    lane.wait([attempt(1, text="a"), kenya, attempt(3, text="a"), attempt(4, text="b")])
    assert take(lane) == [[1, 3], [2], [4]]
    lane = lane_of(keyed=True)
    lane.wait([attempt(1, text="a"), kenya, attempt(4, text="b")])
    assert take(lane) == [[1, 2], [4]]


def test_a_balance_that_becomes_low_or_high_is_news_once() -> None:
    lane = lane_of()
    news = [lane.watch_credit(is_low=is_low) for is_low in (False, True, True, False, False)]
    assert news == [False, True, False, True, False]

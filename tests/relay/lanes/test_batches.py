from __future__ import annotations

from typing import Any

import pytest

from smppbridge.model.message import Stage
from smppbridge.model.outcome import Accepted, Postponed, Refused, Uncertain
from smppbridge.providers.exchange import NoAnswer
from smppbridge.relay.lanes.lane import LaneRules
from smppbridge.relay.lanes.retry import Policy
from smppbridge.smpp.constants import MessageState as M
from tests.relay.fakes import FakeProvider, FakeStore, KeyedProvider, World, submit_sm

RETRY = Policy(when_uncertain="retry", idempotent=3_600.0, uncertain_deadline=50.0)
UNSURE = Uncertain("silence")


def keyed(*, policy: Policy = RETRY, concurrency: int = 1, **options: Any) -> World:
    """Return a world whose first provider takes batches; one request is out at a time."""
    return World(
        providers={"one": KeyedProvider("one"), "two": FakeProvider("two")},
        lane=LaneRules(concurrency=concurrency, policy=policy),
        **options,
    )


def send(world: World, *texts: bytes) -> list[int]:
    """Send texts, each to a number of its own; return the ids."""
    base = 243810000000 + 100 * len(world.store.messages)
    pdus = [
        submit_sm(text, sequence_number=n, destination_addr=b"%d" % (base + n))
        for n, text in enumerate(texts)
    ]
    return [message_id for _, _, message_id in world.sent(*pdus)]


def answer(world: World, *outcomes: Any) -> None:
    """Answer the oldest batch that is out: with an outcome for each, or what ended it."""
    about = next(iter(world.wire.out))[1]
    conclusion = outcomes[0] if isinstance(outcomes[0], Exception) else list(outcomes)
    world.wire.answer((about, conclusion), operation="batch")
    world.sound()


def take(world: World) -> None:
    """Accept all of the oldest batch that is out."""
    about = next(iter(world.wire.out))[1]
    answer(world, *[Accepted(f"p{n}") for n in about[1:]])


def batch_of_three(**options: Any) -> tuple[World, list[int]]:
    """Return a world in which three messages have just left together."""
    world = keyed(**options)
    world.lanes["one"].pause(1.0)
    ids = send(world, b"a", b"a", b"a")
    world.wait(1.0)
    assert world.wire.batches() == [("key1", *ids)]
    return world, ids


def test_nobody_waits_for_a_batch_to_fill_and_what_piles_up_goes_together() -> None:
    world = keyed()
    [alone] = send(world, b"a")
    assert world.wire.batches() == [("key1", alone)]
    ids = send(world, b"a", b"b", b"a", b"a", b"a")
    while world.wire.out:
        take(world)
    sent = [about[1:] for about in world.wire.batches()]
    assert sorted(n for some in sent for n in some) == [alone, *ids]
    assert max(map(len, sent)) == 3
    assert len({about[0] for about in world.wire.batches()}) == len(sent)
    assert set(world.store.stages().values()) == {Stage.SUBMITTED}


def test_each_message_of_a_batch_has_an_outcome_of_its_own() -> None:
    world, ids = batch_of_three()
    answer(world, Accepted("x"), Refused("bad", 0x0B), Postponed("busy"))
    rows = [world.store.messages[n] for n in ids]
    assert [r.stage for r in rows] == [Stage.SUBMITTED, Stage.FINISHED, Stage.WAITING]
    assert (rows[0].provider_message_id, rows[1].state) == ("x", M.REJECTED)


@pytest.mark.parametrize("conclusion", [[], [UNSURE], "nonsense", None, [UNSURE] * 4])
def test_an_answer_that_does_not_fit_leaves_all_in_doubt(conclusion: Any) -> None:
    world, ids = batch_of_three()
    world.wire.answer((("key1", *ids), conclusion), operation="batch")
    assert [world.store.messages[n].stage for n in ids] == [Stage.SUBMITTING] * 3
    assert len(world.wire.batches()) == 1


def test_what_went_unanswered_is_repeated_unchanged_under_its_key() -> None:
    world, ids = batch_of_three()
    answer(world, NoAnswer("reset"))
    world.wait(1.0)
    assert len(world.wire.batches()) == 1
    world.wait(1.5)
    assert world.wire.batches() == [("key1", *ids)] * 2
    assert [world.store.messages[n].due for n in ids] == [None] * 3  # out, and not due
    take(world)
    assert set(world.store.stages().values()) == {Stage.SUBMITTED}
    assert [world.store.messages[n].number for n in ids] == [2, 2, 2]


def test_a_message_that_a_report_has_ended_meanwhile_is_repeated_with_the_others() -> None:
    world, ids = batch_of_three()
    answer(world, NoAnswer("reset"))
    world.store.messages[ids[1]].stage = Stage.FINISHED
    world.wait(2.5)
    assert world.wire.batches()[-1] == ("key1", *ids)
    answer(world, Accepted("x"), Refused("no"), Accepted("z"))
    assert [world.store.messages[n].provider_message_id for n in ids] == ["x", None, "z"]
    assert world.store.messages[ids[1]].number == 1


def test_a_repetition_that_is_put_off_stays_under_its_key() -> None:
    world, ids = batch_of_three()
    answer(world, NoAnswer("reset"))
    world.wait(2.5)
    answer(world, *[Postponed("busy", 10.0, True)] * 3)
    assert {r.stage for r in world.store.messages.values()} == {Stage.SUBMITTING}
    world.wait(10.5)
    assert world.wire.batches() == [("key1", *ids)] * 3


def test_a_key_that_is_too_old_is_used_no_more() -> None:
    world, ids = batch_of_three()
    for _ in range(30):
        if world.wire.out:
            answer(world, NoAnswer("reset"))
        world.wait(300.0)
    assert 10 < len(world.wire.batches()) < 20
    assert {r.state for r in world.store.messages.values()} == {M.UNKNOWN}
    given_up = [f["message_id"] for e, f in world.said.events if e == "message_given_up"]
    assert sorted(given_up) == sorted(ids)


def test_what_was_out_when_the_process_ended_is_repeated_under_its_key() -> None:
    before, ids = batch_of_three()
    after = keyed(store=before.store)
    after.submit.interrupted([before.store.messages[n].attempt() for n in ids])
    after.wait(2.5)
    assert after.wire.batches() == [("key1", *ids)]
    take(after)
    assert set(after.store.stages().values()) == {Stage.SUBMITTED}


def test_the_key_is_on_disk_before_the_request_leaves() -> None:
    world = keyed(store=FakeStore(at_once=False))
    world.take(world.session(), submit_sm())
    world.store.commit()
    assert not world.wire.sent
    world.store.commit_all()
    [(key, message_id)] = world.wire.batches()
    assert world.store.messages[message_id].batch == f"{key}/1"


def test_what_could_not_be_begun_goes_later_under_another_key() -> None:
    world = keyed(store=FakeStore(at_once=False))
    world.take(world.session(), submit_sm())
    world.store.commit()
    world.store.fail()
    world.clock.now += 1.0
    world.tick()
    world.store.commit_all()
    assert [about[0] for about in world.wire.batches()] == ["key2"]


def test_whoever_holds_in_doubt_repeats_nothing() -> None:
    world, ids = batch_of_three(policy=Policy(when_uncertain="hold", uncertain_deadline=50.0))
    answer(world, NoAnswer("reset"))
    world.wait(49.0)
    world.wait(2.0)
    assert len(world.wire.batches()) == 1
    assert [world.store.messages[n].state for n in ids] == [M.UNKNOWN] * 3


def test_a_rate_bounds_batches() -> None:
    world = World(
        providers={"one": KeyedProvider("one"), "two": FakeProvider("two")},
        lane=LaneRules(rate=2.0, policy=RETRY),
    )
    world.lanes["one"].pause(1.0)
    send(world, *[b"a"] * 9)
    for _ in range(5):
        world.wait(1.0)
        while world.wire.out:
            take(world)
    sizes = [len(about) - 1 for about in world.wire.batches()]
    assert max(sizes) <= 2
    assert 8 <= sum(sizes) <= 9


def test_what_an_answer_does_not_mention_is_not_repeated_in_another_company() -> None:
    world, ids = batch_of_three()
    answer(world, Accepted("x"), Postponed("busy"), UNSURE)
    world.wait(2.5)
    while world.wire.out:
        take(world)
    assert [len(about) - 1 for about in world.wire.batches()] == [
        3,
        1,
    ]  # the second under its own key
    world.wait(40.0)
    assert world.store.messages[ids[2]].stage is Stage.SUBMITTING
    world.wait(10.0)
    assert world.store.messages[ids[2]].state == M.UNKNOWN
    assert len(world.wire.batches()) == 2


def test_what_an_answer_does_not_mention_is_repeated_while_the_company_is_whole() -> None:
    world, ids = batch_of_three()
    answer(world, Accepted("x"), Accepted("y"), UNSURE)
    world.wait(2.5)
    assert world.wire.batches() == [("key1", *ids)] * 2
    answer(world, Accepted("x"), Accepted("y"), Accepted("z"))
    assert world.store.messages[ids[2]].provider_message_id == "z"

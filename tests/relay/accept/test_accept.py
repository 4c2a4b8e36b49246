from __future__ import annotations

from typing import Any

import pytest

from smppbridge.model.receipts import Receipts
from smppbridge.relay.lanes.lane import LaneRules
from smppbridge.routing.rules import Rule
from smppbridge.smpp.constants import CommandStatus as Status
from tests.relay.fakes import (
    FakeProvider,
    FakeStore,
    TextProvider,
    World,
    segment_sm,
    submit_sm,
)


def slow(**options: Any) -> World:
    """A world whose store commits when it is told to."""
    return World(store=FakeStore(at_once=False), **options)


def test_rok_means_on_disk() -> None:
    world = slow()
    session = world.session()
    world.take(session, submit_sm(sequence_number=1), submit_sm(sequence_number=2))
    assert session.answers == []
    world.store.commit(1)
    assert [(n, status) for n, status, _ in session.answers] == [(1, 0), (2, 0)]
    assert session.ids() == sorted(set(world.store.messages))
    assert session.flushes == 1
    assert world.wire.submitted() == session.ids()
    assert world.said.counts["accepted", "bank"] == 2


def test_nothing_is_rok_when_the_commit_fails() -> None:
    world = slow()
    session = world.session()
    world.take(session, submit_sm(sequence_number=1), segment_sm(1, 2, b"a", sequence_number=2))
    world.store.fail()
    assert session.answers == [(1, Status.ESME_RSYSERR, 0), (2, Status.ESME_RSYSERR, 0)]
    assert session.flushes == 1
    assert len(world.accept.gather) == 0
    assert not world.wire.sent
    assert world.lanes["one"].idle
    world.store.at_once = True
    world.take(session, submit_sm(sequence_number=3))
    assert session.answers[2][:2] == (3, 0)


def test_refusals_come_at_once_and_the_rest_in_order_after_the_commit() -> None:
    world = slow()
    session = world.session()
    world.take(
        session,
        submit_sm(sequence_number=1),
        submit_sm(sequence_number=2, destination_addr=b"?"),
        submit_sm(sequence_number=3),
        submit_sm(b"", sequence_number=4),
    )
    assert session.answers == [(2, Status.ESME_RINVDSTADR, 0), (4, Status.ESME_RINVMSGLEN, 0)]
    world.store.commit()
    assert [n for n, _, _ in session.answers] == [2, 4, 1, 3]
    assert world.said.counts["refused", "bank", Status.ESME_RINVDSTADR] == 1


def test_nothing_kept_is_no_transaction() -> None:
    world = World()
    assert world.sent(submit_sm(b""))[0][1] == Status.ESME_RINVMSGLEN
    assert world.store.log == []


def test_message_ids_are_digits_and_increase_over_all_sessions() -> None:
    world = World()
    ids = [world.sent(submit_sm())[0][2] for _ in range(5)]
    assert ids == sorted(set(ids))


@pytest.mark.parametrize(("throughput", "passed"), [(2.0, 2), (100.0, 5), (None, 5), (0.5, 1)])
def test_over_its_throughput_an_account_is_throttled(throughput: float | None, passed: int) -> None:
    world = World(throughput=throughput)
    statuses = [s for _ in range(5) for _, s, _ in world.sent(submit_sm())]  # in a burst
    assert statuses == [0] * passed + [Status.ESME_RTHROTTLED] * (5 - passed)
    world.clock.now += 2.0
    assert world.sent(submit_sm())[0][1] == 0


def test_a_full_backlog_and_a_drain_refuse() -> None:
    world = World(backlog=2, lane=LaneRules(concurrency=1))
    statuses = [world.sent(submit_sm())[0][1] for _ in range(100)]
    assert statuses.index(Status.ESME_RMSGQFUL) == 1 + 64 + 2  # out, ahead, waiting
    assert set(statuses[67:]) == {Status.ESME_RMSGQFUL}
    world.accept.drain()
    assert World().sent(submit_sm())[0][1] == 0
    assert world.sent(submit_sm())[0][1] == Status.ESME_RMSGQFUL
    other = World()
    other.accept.drain()
    assert other.sent(submit_sm())[0][1] == Status.ESME_RSYSERR


def test_octets_go_only_to_providers_that_take_them() -> None:
    providers = {"one": TextProvider("one"), "two": FakeProvider("two")}
    world = World(providers=providers, rules=[Rule("243", ("one", "two")), Rule("24382", ("one",))])
    answers = world.sent(
        submit_sm(b"\xff", data_coding=4),
        submit_sm(b"\x03\x70\x01\x00x", esm_class=0x40),
        submit_sm(b"\xff", data_coding=4, destination_addr=b"243820000001", sequence_number=3),
    )
    assert answers[0] == (3, Status.ESME_RSUBMITFAIL, 0)
    first, second = world.store.messages.values()
    assert (first.message.route, first.message.binary) == (("two",), b"\xff")
    assert (second.message.route, second.message.binary) == (("two",), b"x")
    assert second.message.traits.udh == b"\x03\x70\x01\x00"


def test_a_scheduled_message_waits_for_its_time() -> None:
    world = World()
    world.sent(submit_sm(schedule_delivery_time=b"000000000100000R"))
    assert world.lane_set.depth == 1
    world.wait(59.0)
    assert not world.wire.sent
    world.wait(1.0)
    assert len(world.wire.submitted()) == 1
    assert world.lane_set.depth == 0


@pytest.mark.parametrize(
    ("form", "shown"), [(b"%d", b"10"), (b"%x", b"a"), (b"%018d", b"000000000000000010")]
)
def test_a_message_id_is_written_as_the_account_has_it(
    form: bytes, shown: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, said = World(id_form=form), list[Any]()
    session = world.session()
    monkeypatch.setattr(session, "answer", said.append)
    world.take(session, *(submit_sm(sequence_number=n) for n in range(1, 11)))
    assert said[-1].message_id == shown


def test_an_account_may_have_intermediate_notifications_of_everything() -> None:
    world = World(receipts=Receipts(intermediate="always"))
    world.sent(submit_sm(), submit_sm(registered_delivery=0), submit_sm(registered_delivery=2))
    asked = [row.message.registered_delivery for row in world.store.messages.values()]
    assert asked == [0x11, 0, 0x12]

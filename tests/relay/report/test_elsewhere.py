"""Reports about messages that another bridge of the store has: they are told on, or come again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import permutations

import pytest
from twisted.internet.defer import Deferred, fail, succeed

from smppbridge.model.message import Stage
from smppbridge.model.outcome import Accepted
from smppbridge.model.report import Report
from smppbridge.relay.report.by_our_id import ReportsByOurId
from smppbridge.smpp.constants import MessageState as M
from smppbridge.store.port import EarlyReport, Found, StoreFailure
from tests.relay.fake_store import FakeStore
from tests.relay.fakes import World, submit_sm


@dataclass
class Others:
    """The rows of reports that are told on, beside the early reports of a store."""

    store: FakeStore
    alone: bool = False
    failing: bool = False
    rows: list[tuple[int, M]] = field(default_factory=list)
    beyond_doubt: dict[str, int] = field(default_factory=dict)

    def tell_on(self, reports: Sequence[tuple[Found, EarlyReport]], source: str) -> Deferred[None]:
        if self.failing:
            return fail(StoreFailure("disk full"))
        self.rows += [(f.attempt.message.message_id, M(early.state)) for f, early in reports]
        for _, early in reports:
            self.store.early.pop(early.key[:2], None)
        return succeed(None)

    def tell_named(self, reports: Sequence[EarlyReport], source: str) -> Deferred[set[str]]:
        if self.failing:
            return fail(StoreFailure("disk full"))
        told = [each for each in reports if each.provider_message_id in self.beyond_doubt]
        self.rows += [(self.beyond_doubt[r.provider_message_id], M(r.state)) for r in told]
        return succeed({each.provider_message_id for each in told})

    def early_about(self, names: Sequence[tuple[str, str, float]]) -> Deferred[list[EarlyReport]]:
        return succeed([])


def shared(*names: str, theirs: Sequence[str] = ("p1",)) -> tuple[World, Others, dict[str, int]]:
    """Return a world that starts on a store of two bridges, and the messages by their names."""
    before = World()
    ids = {}
    for n, name in enumerate(names, 1):
        ids[name] = before.sent(submit_sm(sequence_number=n))[0][2]
        before.wire.answer((ids[name], Accepted(name)))
    before.store.taken |= {ids[name] for name in theirs}
    world = World(store=before.store)
    others = world.reports.shared = Others(world.store)
    world.reports._by_our_id = ReportsByOurId(
        world.store, others, world.reports.strays, world.around
    )
    return world, others, ids


def test_a_report_about_anothers_message_is_told_on() -> None:
    world, others, ids = shared("p1")
    assert world.told(Report("p1", M.DELIVERED)) == ["kept"]
    assert others.rows == [(ids["p1"], M.DELIVERED)]
    assert not world.reports.early
    assert not world.store.early


@pytest.mark.parametrize("order", list(permutations(["p1", "p2", "p3", "none"])))
def test_a_report_whose_message_is_anothers_beyond_doubt_is_never_early(
    order: Sequence[str],
) -> None:
    """With one of ours, one whose message is in doubt, and one without a message."""
    world, others, ids = shared("p1", "p2", "p3", theirs=["p2", "p3"])
    others.beyond_doubt = {"p3": ids["p3"]}
    assert world.told(*(Report(name, M.DELIVERED) for name in order)) == ["kept"]
    assert others.rows == [(ids["p3"], M.DELIVERED), (ids["p2"], M.DELIVERED)]
    assert [key[1] for key in world.store.early] == ["none"]
    assert world.store.stages()[ids["p1"]] == Stage.FINISHED
    others.rows.clear()
    assert world.told(*(Report("p3", state) for state in (M.ENROUTE, M.DELIVERED))) == ["kept"]
    assert others.rows == [(ids["p3"], M.ENROUTE), (ids["p3"], M.DELIVERED)]
    others.alone = True
    assert world.told(Report("p3", M.DELIVERED)) == ["kept"]
    assert others.rows[2:] == [(ids["p3"], M.DELIVERED)]


def test_a_report_that_cannot_be_told_on_is_refused_and_told_on_when_it_comes_again() -> None:
    world, others, ids = shared("p1")
    others.failing = True
    assert world.told(Report("p1", M.DELIVERED)) == [StoreFailure]
    assert list(world.store.early) == [("one", "p1")]
    assert world.told(Report("p1", M.ENROUTE)) == [StoreFailure]  # the final state stands
    others.failing = False
    assert world.told(Report("p1", M.ENROUTE)) == ["kept"]
    assert others.rows == [(ids["p1"], M.DELIVERED)]
    assert (len(world.reports.early), world.store.early) == (0, {})


def test_a_report_that_cannot_be_told_on_is_told_on_later_if_it_does_not_come_again() -> None:
    world, others, ids = shared("p1")
    others.failing = True
    assert world.told(Report("p1", M.DELIVERED)) == [StoreFailure]
    others.failing = False
    world.run(world.reports.forget_early())
    assert others.rows == [(ids["p1"], M.DELIVERED)]
    assert (len(world.reports.early), world.store.early) == (0, {})


@pytest.mark.parametrize("again", ["by its provider", "by nobody"])
@pytest.mark.parametrize("order", list(permutations(["p1", "p2", "p3"])))
def test_reports_about_our_messages_are_not_lost_with_those_that_cannot_be_told_on(
    order: Sequence[str], again: str
) -> None:
    world, others, ids = shared("p1", "p2", "p3", theirs=["p2"])
    others.failing = True
    reports = [Report(name, M.DELIVERED) for name in order]
    assert world.told(*reports) == [StoreFailure]
    others.failing = False
    if again == "by nobody":
        world.run(world.reports.forget_early())
    else:
        assert world.told(*reports) == ["kept"]
    assert others.rows == [(ids["p2"], M.DELIVERED)]
    stages = world.store.stages()
    assert [stages[ids[name]] for name in ("p1", "p3")] == [Stage.FINISHED] * 2
    owed = sorted(each.message_id for each in world.store.unfinished())
    assert owed == [ids["p1"], ids["p3"]]
    assert (len(world.reports.early), world.store.early) == (0, {})


def test_a_report_by_our_id_that_cannot_be_told_on_is_refused() -> None:
    world, others, ids = shared("p1", "p2", theirs=["p2"])
    ours, theirs = (Report(n, M.DELIVERED, message_id=ids[n]) for n in ("p1", "p2"))
    for reports in ([theirs], [theirs, ours], [ours, theirs]):
        others.failing = True
        assert world.told(*reports) == [StoreFailure]
        others.failing = False
    assert world.told(ours, theirs) == ["kept"]
    assert others.rows == [(ids["p2"], M.DELIVERED)]
    assert world.store.stages()[ids["p1"]] is Stage.FINISHED

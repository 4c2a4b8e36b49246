"""Moves and surrenders beside all that moves a message, in any order."""

from __future__ import annotations

import os
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred

from smppbridge.model.message import Stage
from smppbridge.model.outcome import Accepted, Postponed
from smppbridge.relay.lanes.lane import LaneRules
from smppbridge.relay.submit.redirect import Abandoned, Redirect
from smppbridge.routing.rules import Rule
from smppbridge.smpp.constants import MessageState
from tests.relay.fake_store import FakeStore
from tests.relay.fakes import FakeAsker, FakeProvider, FakeSubmitter, KeyedProvider, World
from tests.relay.fakes import submit_sm as sm
from tests.relay.test_cancel import cancel

EXAMPLES = int(os.environ.get("SMPPBRIDGE_STORM", "400")) // 4
NAMES = ("one", "two", "other")
IDS = st.integers(1, 4)
ACTS = st.one_of(
    st.tuples(st.just("submit")),
    st.tuples(st.just("move"), st.lists(IDS, min_size=1, max_size=3), st.sampled_from(NAMES)),
    st.tuples(st.just("give up"), st.lists(IDS, min_size=1, max_size=3)),
    st.tuples(st.just("cancel"), IDS),
    st.tuples(st.just("hold"), st.sampled_from(NAMES), st.booleans()),
    st.tuples(st.just("commit"), st.integers(1, 4)),
    st.tuples(st.just("fail"), st.integers(1, 2)),
    st.tuples(st.just("answer"), st.booleans()),
    st.tuples(st.just("tick"), st.sampled_from((0.0, 1.0, 70.0))),
)


class Storm:
    """A world with little room in its lanes; what was moved and given up is noted."""

    def __init__(self, provider: type[FakeProvider]) -> None:
        self.world = world = World(
            store=FakeStore(at_once=False),
            providers={name: provider(name) for name in NAMES},
            lane=LaneRules(concurrency=1),
            rules=[Rule("243", ("one", "two"))],
        )
        self.redirect = Redirect(
            world.store,
            world.lane_set,
            world.submit.backlog,
            world.reports,
            world.optouts,
            around=world.around,
        )
        self.submitter, self.asker = FakeSubmitter(world.rights), FakeAsker(world.rights)
        self.number = self.seen = 0
        self.given_up: set[int] = set()
        self.accepted: list[int] = []
        self.asked = self.answered = 0

    def do(self, act: tuple[Any, ...]) -> None:
        world, (name, *about) = self.world, act
        self.number += 1
        if name == "submit":
            world.take(self.submitter, sm(sequence_number=self.number))
        elif name == "move":
            self.ask(self.redirect.move([*dict.fromkeys(about[0])], about[1], off_route=True))
        elif name == "give up":
            self.ask(self.redirect.give_up([*dict.fromkeys(about[0])]))
        elif name == "cancel":
            world.asked(cancel(b"%d" % about[0], self.number), session=self.asker)
        elif name == "hold":
            world.lane_set.hold(about[0], held=about[1])
        elif name == "commit":
            world.store.commit(about[0])
        elif name == "fail":
            world.store.fail(about[0])
        elif name == "answer":
            self.answer(about[0])
        else:
            world.wait(about[0])
        self.look()

    def ask(self, movement: Any) -> None:
        def answered(found: Any) -> None:
            self.answered += 1
            if isinstance(found, Abandoned):
                self.given_up |= set(found.ended)

        self.asked += 1
        Deferred.fromCoroutine(movement).addCallbacks(answered, lambda _: answered(None))
        self.world.sound()

    def out(self) -> list[int]:
        """Return the messages whose requests are out."""
        found: list[int] = []
        for operation, about in self.world.wire.out:
            if operation in ("submit", "batch"):
                found += about[1:] if operation == "batch" else [about]
        return found

    def look(self) -> None:
        """Judge what left since."""
        out = self.out()
        assert len(set(out)) == len(out), "at two providers"
        for _, operation, about in self.world.wire.sent[self.seen :]:
            ids = about[1:] if operation == "batch" else (about,)
            for message_id in ids if operation in ("submit", "batch") else ():
                assert message_id not in self.given_up
                assert message_id not in self.accepted, "sent twice"
        self.seen = len(self.world.wire.sent)

    def answer(self, accepts: bool) -> None:
        wire = self.world.wire
        for operation, about in [*wire.out]:
            if operation not in ("submit", "batch"):
                continue
            ids = about[1:] if operation == "batch" else (about,)
            outcomes: list[Any] = [
                Accepted(f"X{each}") if accepts else Postponed("busy", after=60.0) for each in ids
            ]
            self.accepted += ids if accepts else ()
            wire.answer(
                (about, outcomes if operation == "batch" else outcomes[0]), operation=operation
            )

    def commit_all(self) -> None:
        """Commit call by call: what is out is looked at before it is answered."""
        self.look()
        while self.world.store.pending:
            self.world.store.commit(1)
            self.look()

    def end(self) -> None:
        """Let all that is open come to its end: nothing is lost, nothing stays counted."""
        world = self.world
        for name in NAMES:
            world.lane_set.hold(name, held=False)
        for _ in range(12):
            self.commit_all()
            world.wait(70.0)
            self.commit_all()
            self.answer(True)
            self.commit_all()
        assert self.answered == self.asked
        rows = world.store.messages
        assert {row.stage for row in rows.values()} <= {Stage.SUBMITTED, Stage.FINISHED}
        assert {name: lane.depth for name, lane in world.lanes.items() if lane.depth} == {}
        assert not any(
            line.held for lane in world.lanes.values() for line in lane.queue.lines.values()
        )
        gone = {n for n, row in rows.items() if row.state == MessageState.UNDELIVERABLE}
        assert self.given_up <= gone
        for message_id, row in rows.items():
            assert self.accepted.count(message_id) == (row.stage is Stage.SUBMITTED)
        by = {about: name for name, operation, about in world.wire.sent if operation == "submit"}
        assert all(
            rows[each].provider == name for each, name in by.items() if each in self.accepted
        )


@settings(max_examples=EXAMPLES, deadline=None)
@given(provider=st.sampled_from([FakeProvider, KeyedProvider]), acts=st.lists(ACTS, max_size=30))
def test_no_order_sends_a_message_twice_or_loses_it(
    provider: type[FakeProvider], acts: list[tuple[Any, ...]]
) -> None:
    storm = Storm(provider)
    for act in acts:
        storm.do(act)
    storm.end()

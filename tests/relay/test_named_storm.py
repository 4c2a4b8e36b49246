"""Cancellations and replacements beside all that moves a message, in any order."""

from __future__ import annotations

import os
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from smppbridge.model.message import Stage
from smppbridge.model.outcome import Accepted, Postponed
from smppbridge.relay.lanes.lane import LaneRules
from smppbridge.routing.rules import Rule
from smppbridge.smpp.constants import MessageState as State
from smppbridge.smpp.pdus import CancelSm, ReplaceSm
from tests.relay.fake_store import FakeStore
from tests.relay.fakes import (
    FakeAsker,
    FakeProvider,
    FakeSubmitter,
    KeyedProvider,
    World,
    submit_sm,
)
from tests.relay.staged import HOUR
from tests.relay.test_cancel import by_addresses, cancel
from tests.relay.test_replace import replace

EXAMPLES = int(os.environ.get("SMPPBRIDGE_STORM", "400")) // 4
TEXTS = (b"a", b"b", b"c")
MODES = (0, 0, 1, 2)  # of esm_class: datagram, transaction
IDS = st.integers(1, 4)
ACTS = st.one_of(
    st.tuples(
        st.just("submit"),
        st.sampled_from(TEXTS),
        st.booleans(),
        st.booleans(),
        st.sampled_from(MODES),
    ),
    st.tuples(st.just("cancel"), IDS),
    st.tuples(st.just("cancel all")),
    st.tuples(st.just("replace"), IDS, st.sampled_from(TEXTS), st.booleans()),
    st.tuples(st.just("commit"), st.integers(1, 4)),
    st.tuples(st.just("fail"), st.integers(1, 2)),
    st.tuples(st.just("answer"), st.booleans()),
    st.tuples(st.just("tick"), st.sampled_from((0.0, 1.0, 70.0, 3_700.0))),
)


class Storm:
    """A world with little room in its lane; what left is noted with its text as it left."""

    def __init__(self, provider: type[FakeProvider]) -> None:
        providers = {"one": provider("one")}
        lane = LaneRules(concurrency=1)
        self.world = World(
            store=FakeStore(at_once=False),
            providers=providers,
            lane=lane,
            rules=[Rule("243", ("one",))],
        )
        self.submitter = FakeSubmitter(self.world.rights)
        self.asker = FakeAsker(self.world.rights)
        self.requests: dict[int, Any] = {}
        self.number = self.seen = self.judged = self.submitted = 0
        self.cancelled: set[int] = set()
        self.text: dict[int, str] = {}  # as the last replacement that was answered says

    def do(self, act: tuple[Any, ...]) -> None:
        world, (name, *about) = self.world, act
        self.number += 1
        if name == "submit":
            text, flagged, later, mode = about
            pdu = submit_sm(
                text,
                sequence_number=self.number,
                replace_if_present_flag=int(flagged),
                esm_class=mode,
                schedule_delivery_time=HOUR if later else b"",
            )
            self.submitted += 1
            world.take(self.submitter, pdu)
        elif name == "cancel":
            self.ask(cancel(b"%d" % about[0], self.number))
        elif name == "cancel all":
            self.ask(by_addresses(self.number))
        elif name == "replace":
            message_id, text, now = about
            at = b"200101000000000+" if now else b""
            fields = {"message_id": b"%d" % message_id, "schedule_delivery_time": at}
            self.ask(replace(text, self.number, **fields))
        elif name == "commit":
            world.store.commit(about[0])
        elif name == "fail":
            world.store.fail(about[0])
        elif name == "answer":
            self.answer(about[0])
        else:
            world.wait(about[0])
            world.endings.responses.tick()
        self.look()

    def ask(self, request: CancelSm | ReplaceSm) -> None:
        self.requests[request.sequence_number] = request
        self.world.asked(request, session=self.asker)

    def answer(self, accepts: bool) -> None:
        wire = self.world.wire
        for operation, about in [*wire.out]:
            outcome = Accepted(f"X{about}") if accepts else Postponed("busy", after=60.0)
            if operation == "submit":
                wire.answer((about, outcome))
            elif operation == "batch":
                outcomes = [
                    Accepted(f"X{n}") if accepts else Postponed("busy", after=60.0)
                    for n in about[1:]
                ]
                wire.answer((about, outcomes), operation="batch")

    def look(self) -> None:
        """Judge what left since, and note the answers since."""
        for _, operation, about in self.world.wire.sent[self.seen :]:
            ids = about[1:] if operation == "batch" else (about,)
            for message_id in ids if operation in ("submit", "batch") else ():
                assert message_id not in self.cancelled
                if message_id in self.text:
                    assert self.leaving(operation, about)[message_id] == self.text[message_id]
        self.seen = len(self.world.wire.sent)
        for response in self.asker.answers[self.judged :]:
            request = self.requests[response.sequence_number]
            if response.command_status:
                continue
            if isinstance(request, ReplaceSm):
                self.text[int(request.message_id)] = request.short_message.decode()
            elif request.message_id:
                self.cancelled.add(int(request.message_id))
        self.judged = len(self.asker.answers)

    def leaving(self, operation: str, about: Any) -> dict[int, str]:
        load = self.world.wire.out[operation, about].about
        attempts = getattr(load, "attempts", [load])
        return {a.message.message_id: a.message.text for a in attempts}

    def commit_all(self) -> None:
        """Commit call by call: what is out is looked at before it is answered."""
        self.look()
        while self.world.store.pending:
            self.world.store.commit(1)
            self.look()

    def end(self) -> None:
        """Let all that is open come to its end: nothing is lost, nothing stays counted."""
        world = self.world
        for _ in range(12):
            self.commit_all()
            world.wait(3_700.0)
            self.commit_all()
            self.answer(True)
            self.commit_all()
        assert set(world.store.stages().values()) <= {Stage.SUBMITTED, Stage.FINISHED}
        assert world.lane_set.depth == 0
        assert len(self.asker.statuses()) == len(self.asker.answers) == len(self.requests)
        assert (world.query.waiting, world.cancel.waiting, world.replace.waiting) == (0, 0, 0)
        assert world.accept.supersede.waiting == 0
        ended = {n for n, r in world.store.messages.items() if r.stage is Stage.FINISHED}
        receipts = {n for n, state in world.store.deliveries if state == State.DELETED}
        messages = {n: row.message for n, row in world.store.messages.items()}
        answers = self.submitter.answers
        assert len({number for number, _, _ in answers}) == len(answers) == self.submitted
        refused = sum(status == FakeSubmitter.failure for _, status, _ in answers)
        wanted = {n for n in ended if messages[n].registered_delivery}
        assert receipts <= wanted
        unasked = {n for n, m in messages.items() if not m.registered_delivery}
        ids = set(self.submitter.ids())
        assert ids <= messages.keys()
        told = messages.keys() - ids  # by the response, in place of a receipt
        assert (len(told), receipts & told) == (refused, set())
        assert wanted - told == receipts
        assert all(m.traits.datagram or n in told for n, m in messages.items() if n in unasked)
        assert self.cancelled <= ended
        for message_id, text in self.text.items():
            assert world.store.messages[message_id].message.text == text


@settings(max_examples=EXAMPLES, deadline=None)
@given(provider=st.sampled_from([FakeProvider, KeyedProvider]), acts=st.lists(ACTS, max_size=30))
def test_no_order_sends_what_was_cancelled_or_replaced(
    provider: type[FakeProvider], acts: list[tuple[Any, ...]]
) -> None:
    storm = Storm(provider)
    for act in acts:
        storm.do(act)
    storm.end()

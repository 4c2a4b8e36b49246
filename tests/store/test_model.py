"""Any sequence of verbs, against a store that is a few dicts."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from smppbridge.model.message import Attempt, Message, Stage
from smppbridge.model.report import Delivery
from smppbridge.smpp.constants import MessageState as State
from smppbridge.store.port import EarlyReport, Entry, LineQuery
from tests.store.opened import (
    KEEP,
    NOW,
    Opened,
    again,
    first_attempt,
    message,
    taken,
    told,
    tried,
    unknown,
)

PROVIDERS = ("keccel", "d7")
TIMES = st.integers(0, 5).map(lambda seconds: NOW + seconds)
MOST = 6


@dataclass(slots=True)
class Known:
    """What the store should say of one message."""

    message: Message
    stage: Stage
    due: float
    provider: str
    out: bool = False
    done_at: float = 0.0
    name: str | None = None
    state: int = 0


class Sequences(RuleBasedStateMachine):
    def __init__(self, kind: Callable[[Path], Opened] = Opened) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.opened = kind(self.folder)
        self.known: dict[int, Known] = {}
        self.owed: dict[tuple[int, int], Delivery] = {}
        self.ended: set[tuple[int, int]] = set()
        self.early: dict[tuple[str, str], EarlyReport] = {}
        self.last = 0

    def teardown(self) -> None:
        self.opened.close()
        shutil.rmtree(self.folder)

    def attempts(self, picked: set[int]) -> list[tuple[Known, Attempt]]:
        some = [known for i, known in self.known.items() if i % MOST in picked]
        return [(each, tried(each.message, each.provider)) for each in some]

    picks = st.sets(st.integers(0, MOST - 1), max_size=3)

    @precondition(lambda self: len(self.known) < MOST)
    @rule(due=TIMES, expires_at=TIMES, provider=st.sampled_from(PROVIDERS), begun=st.booleans())
    def accept(self, due: float, expires_at: float, provider: str, begun: bool) -> None:
        self.last += 1
        whole = message(self.last, due=due, expires_at=expires_at, route=(provider,))
        self.opened.wait(
            self.opened.store.accept([Entry(whole, attempt=first_attempt(whole, begun))])
        )
        stage = Stage.SUBMITTING if begun else Stage.WAITING
        self.known[self.last] = Known(whole, stage, due, provider, begun)

    @rule(picked=picks, provider=st.sampled_from(PROVIDERS))
    def move(self, picked: set[int], provider: str) -> None:
        some = self.attempts(picked)
        moved = [replace(attempt, provider=provider) for _, attempt in some]
        self.opened.wait(self.opened.store.move(moved))
        for known, _ in some:
            if known.stage is Stage.WAITING:
                known.provider = provider

    @rule(picked=picks)
    def begin(self, picked: set[int]) -> None:
        some = [each for each in self.attempts(picked) if not each[0].out]
        began = self.opened.wait(self.opened.store.begin([attempt for _, attempt in some]))
        can = [each for each in self.open(some) if each[0].stage is not Stage.SUBMITTED]
        assert {a.message.message_id for a in began} == {k.message.message_id for k, _ in can}
        for known, _ in can:
            known.stage, known.out = Stage.SUBMITTING, True

    @rule(picked=picks)
    def recall(self, picked: set[int]) -> None:
        some = self.attempts(picked)
        self.opened.wait(self.opened.store.recall([attempt for _, attempt in some]))
        for known, _ in self.open(some):
            if known.out:
                known.stage, known.due = Stage.WAITING, min(known.message.due, NOW)
                known.out = False

    @rule(picked=picks, due=TIMES, outcome=st.sampled_from(("taken", "again", "unknown")))
    def record(self, picked: set[int], due: float, outcome: str) -> None:
        some = self.attempts(picked)
        verdicts = {
            "taken": lambda a: taken(a, f"X{a.message.message_id}", due),
            "again": lambda a: again(a, due),
            "unknown": lambda a: unknown(a, due),
        }
        decided = [verdicts[outcome](attempt) for _, attempt in some]
        self.opened.wait(self.opened.store.record(decided))
        for known, attempt in self.open(some):
            known.stage, known.due, known.out = decided[0].stage, due, False
            if outcome == "taken":
                known.name = f"X{attempt.message.message_id}"

    @rule(picked=picks, due=TIMES)
    def revisit(self, picked: set[int], due: float) -> None:
        some = self.attempts(picked)
        self.opened.wait(self.opened.store.revisit([(k.message.message_id, due) for k, _ in some]))
        for known, _ in self.open(some):
            known.due = known.due if known.out else due

    @rule(
        picked=picks,
        at=TIMES,
        state=st.sampled_from((State.ENROUTE, State.DELIVERED, State.REJECTED)),
    )
    def settle(self, picked: set[int], at: float, state: State) -> None:
        some = self.open(self.attempts(picked))
        settlements = [told(attempt, state, at) for _, attempt in some]
        self.opened.wait(self.opened.store.settle(settlements))
        for (known, _), settled in zip(some, settlements, strict=True):
            known.state = state
            if state.is_final:
                known.stage, known.out, known.done_at = Stage.FINISHED, False, at
            for delivery in settled.deliveries:
                if (key := (delivery.message_id, delivery.state)) not in self.ended:
                    self.owed.setdefault(key, delivery)

    @precondition(lambda self: self.owed)
    @rule(which=st.integers(0, MOST), due=TIMES, ends=st.booleans())
    def deliver(self, which: int, due: float, ends: bool) -> None:
        key = sorted(self.owed)[which % len(self.owed)]
        if ends:
            delivery = self.owed.pop(key)
            self.ended.add(key)
            self.opened.wait(self.opened.store.finish([(delivery, 0)], NOW))
        else:
            self.owed[key] = delivery = replace(self.owed[key], due=due, attempts=1)
            self.opened.wait(self.opened.store.postpone([delivery]))

    @rule(at=TIMES)
    def lapse(self, at: float) -> None:
        late = {key for key, d in self.owed.items() if d.expires_at <= at + KEEP}
        counted = self.opened.wait(self.opened.store.lapse(at + KEEP, 99))
        assert counted == ({"bank": len(late)} if late else {})
        self.ended |= late
        for key in late:
            del self.owed[key]

    @rule(before=TIMES)
    def forget(self, before: float) -> None:
        old = [
            i
            for i, known in self.known.items()
            if known.stage is Stage.FINISHED and known.done_at < before
        ]
        assert self.opened.wait(self.opened.store.forget(before, 99)) == len(old)
        for message_id in old:
            del self.known[message_id]
            self.owed = {k: d for k, d in self.owed.items() if k[0] != message_id}

    @rule(names=st.sets(st.sampled_from("abc")), at=TIMES, keep=st.booleans())
    def early_reports(self, names: set[str], at: float, keep: bool) -> None:
        reports = [EarlyReport("keccel", name, State.DELIVERED, 0, at) for name in names]
        keys = [(report.provider, report.provider_message_id) for report in reports]
        if keep:
            self.opened.wait(self.opened.store.keep_early(reports))
            self.early |= dict(zip(keys, reports, strict=True))
        else:
            self.opened.wait(self.opened.store.drop_early([(*key, at) for key in keys]))
            for key in keys:
                if key in self.early and self.early[key].at <= at:
                    del self.early[key]

    @rule()
    def reopen(self) -> None:
        restored = self.opened.reopen()
        waiting = [k.provider for k in self.known.values() if k.stage is Stage.WAITING]
        counts = {found.provider: found.messages for found in restored.waiting}
        assert counts == {name: waiting.count(name) for name in waiting}
        interrupted = {i for i, known in self.known.items() if known.out}
        assert {a.message.message_id for a in restored.interrupted} == interrupted
        assert restored.owed == ({"bank": len(self.owed)} if self.owed else {})
        kept = {(early.provider, early.provider_message_id): early for early in restored.early}
        assert kept == self.early
        assert restored.last_id >= max(self.known, default=0)

    def open(self, some: list[tuple[Known, Attempt]]) -> list[tuple[Known, Attempt]]:
        return [each for each in some if each[0].stage is not Stage.FINISHED]

    @invariant()
    def messages_are_found(self) -> None:
        found = self.opened.wait(self.opened.store.find(list(range(1, self.last + 1))))
        assert set(found) == set(self.known)
        for i, known in self.known.items():
            attempt = found[i].attempt
            said = (found[i].stage, attempt.provider, attempt.provider_message_id, attempt.state)
            assert said == (known.stage, known.provider, known.name, known.state)

    def look(self, stage: Stage, provider: str) -> Any:
        if stage is not Stage.WAITING:
            return self.opened.store.due(stage, provider, NOW + 2, 99)
        line = [LineQuery("bank", 0, ())]
        return self.opened.store.waiting(provider, line, NOW + 2, 99).addCallback(lambda x: x[0])

    @invariant()
    def what_is_due_is_found(self) -> None:
        for provider in PROVIDERS:
            mine = {i: k for i, k in self.known.items() if k.provider == provider}
            for stage in (Stage.WAITING, Stage.SUBMITTING, Stage.SUBMITTED):
                attempts = self.opened.wait(self.look(stage, provider))
                dues = {
                    i: k.due
                    for i, k in mine.items()
                    if k.stage is stage and not k.out and k.due <= NOW + 2
                }
                order = [a.message.message_id for a in attempts]
                assert sorted(order) == sorted(dues)
                assert [dues[i] for i in order] == sorted(dues.values())
            expired = self.opened.wait(self.opened.store.expired(provider, NOW + 2, 99))
            assert {a.message.message_id for a in expired} == {
                i
                for i, k in mine.items()
                if k.stage is Stage.WAITING and k.message.expires_at <= NOW + 2
            }

    @invariant()
    def what_is_owed_is_found(self) -> None:
        owed = self.opened.wait(self.opened.store.owed("bank", NOW + 2, 99))
        expected = [d for d in self.owed.values() if d.due <= NOW + 2]
        assert owed == sorted(expected, key=lambda d: (d.due, d.expires_at, d.message_id, d.state))


Sequences.TestCase.settings = settings(max_examples=30, stateful_step_count=25, deadline=None)
TestSequences = Sequences.TestCase

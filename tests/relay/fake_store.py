"""A store in memory that commits when a test says so, with the rules of the real ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from twisted.internet.defer import Deferred

from smppbridge.model.message import Attempt, GatheringKey, Message, Segment, Stage
from smppbridge.model.report import Delivery
from smppbridge.store.port import (
    EarlyReport,
    Entry,
    Found,
    LineQuery,
    MoEntry,
    Settlement,
    StoreFailure,
    Verdict,
    same_id,
)


@dataclass
class Row:
    """A message as the store has it."""

    message: Message
    stage: Stage
    provider: str
    due: float | None
    number: int = 0
    hop: int = 0
    begun_at: float = 0.0
    answered_at: float = 0.0
    provider_message_id: str | None = None
    state: int = 0
    batch: str | None = None

    def attempt(self) -> Attempt:
        message = replace(self.message, segments=tuple(map(replace, self.message.segments)))
        return Attempt(
            message,
            self.provider,
            self.number,
            self.hop,
            self.begun_at,
            self.answered_at,
            self.provider_message_id,
            self.state,
            self.batch,
        )


@dataclass
class Call:
    waiter: Deferred[Any]
    does: Callable[[], Any]
    is_question: bool
    verb: str


@dataclass
class FakeStore:
    """Carries out calls in their order, when `commit` says so; at once while *at_once*.

    While *failing* nothing can be written; questions are answered all the same.
    """

    at_once: bool = True
    failing: bool = False
    messages: dict[int, Row] = field(default_factory=dict)
    segments: dict[int, tuple[GatheringKey, Segment]] = field(default_factory=dict)
    deliveries: dict[tuple[int, int], Delivery] = field(default_factory=dict)
    finished: dict[tuple[int, int], int] = field(default_factory=dict)
    early: dict[tuple[str, str], EarlyReport] = field(default_factory=dict)
    mos: dict[tuple[str, str, int], int] = field(default_factory=dict)
    optouts: dict[tuple[str, str], float] = field(default_factory=dict)
    ended: list[tuple[str, str]] = field(default_factory=list)
    by_hand: list[tuple[int, str]] = field(default_factory=list)
    pending: list[Call] = field(default_factory=list)
    log: list[str] = field(default_factory=list)

    # -- when ---------------------------------------------------------------------------------

    def commit(self, count: int | None = None) -> None:
        """Carry out the next calls, all there are if *count* is None."""
        for _ in range(len(self.pending) if count is None else count):
            self._carry_out(self.pending.pop(0))

    def commit_all(self) -> None:
        """Carry out calls until none is left."""
        while self.pending:
            self.commit(1)

    def fail(self, count: int | None = None) -> None:
        """Let the next calls fail."""
        self.failing = True
        self.commit(count)
        self.failing = False

    def crash(self) -> None:
        """Lose what is not on disk; nobody is left to hear of it."""
        self.pending.clear()

    def _carry_out(self, call: Call) -> None:
        if self.failing and not call.is_question:
            call.waiter.errback(StoreFailure("disk full"))
        else:
            call.waiter.callback(call.does())

    def _do(
        self, verb: str, does: Callable[[], Any], *, is_question: bool = False
    ) -> Deferred[Any]:
        call = Call(Deferred(), does, is_question, verb)
        self.log.append(verb)
        if self.at_once and not self.pending:
            self._carry_out(call)
        else:
            self.pending.append(call)
        return call.waiter

    # -- verbs: copies are made at once, as rows are --------------------------------------------

    def accept(
        self, entries: Sequence[Entry], settlements: Sequence[Settlement] = ()
    ) -> Deferred[None]:
        kept = [
            (
                replace(e.message) if e.message else None,
                e.attempt is not None and e.attempt.number > 0,
                e.attempt.hop if e.attempt else 0,
                e.key,
                e.segment and replace(e.segment),
            )
            for e in entries
        ]
        settle = self._settling(settlements)

        def does() -> None:
            for message, begun, hop, key, segment in kept:
                if segment is not None and key is not None:
                    assert segment.message_id not in self.segments
                    self.segments[segment.message_id] = key, segment
                if message is not None:
                    self._insert(message, begun, hop)
            settle()

        return self._do("accept", does)

    def _insert(self, message: Message, begun: bool, hop: int) -> None:
        assert message.message_id not in self.messages
        provider = message.route[hop] if message.route else ""
        stage = Stage.SUBMITTING if begun else Stage.WAITING
        row = Row(message, stage, provider, None if begun else message.due, int(begun), hop)
        self.messages[message.message_id] = row
        for segment in message.segments:
            assert segment.message_id in self.segments, "a segment that was never written down"
            del self.segments[segment.message_id]

    def begin(self, attempts: Sequence[Attempt]) -> Deferred[None]:
        begun = [replace(a) for a in attempts]

        def does() -> None:
            for a in begun:
                row = self._open(a)
                if row:
                    row.stage, row.due, row.provider, row.hop = (
                        Stage.SUBMITTING,
                        None,
                        a.provider,
                        a.hop,
                    )
                    row.number, row.begun_at, row.batch = a.number, a.begun_at, a.batch

        return self._do("begin", does)

    def record(
        self, verdicts: Sequence[Verdict], settlements: Sequence[Settlement] = ()
    ) -> Deferred[None]:
        told = [(replace(v.attempt), replace(v)) for v in verdicts]
        settle = self._settling(settlements)

        def does() -> None:
            for a, v in told:
                row = self._open(a)
                if row:
                    row.stage, row.due, row.answered_at, row.number = v.stage, v.due, v.at, a.number
                    row.provider, row.hop = v.next_provider or a.provider, v.next_hop or a.hop
                    row.provider_message_id = v.provider_message_id or row.provider_message_id
            settle()

        return self._do("record", does)

    def move(self, attempts: Sequence[Attempt]) -> Deferred[None]:
        told = [(a.message.message_id, a.provider, a.hop) for a in attempts]

        def does() -> None:
            for message_id, provider, hop in told:
                row = self.messages[message_id]
                if row.stage is Stage.WAITING:
                    row.provider, row.hop = provider, hop

        return self._do("move", does)

    def revisit(self, dues: Sequence[tuple[int, float]]) -> Deferred[None]:
        def does() -> None:
            for message_id, due in dues:
                self.messages[message_id].due = due

        return self._do("revisit", does)

    def settle(self, settlements: Sequence[Settlement]) -> Deferred[None]:
        return self._do("settle", self._settling(settlements))

    def _settling(self, settlements: Sequence[Settlement]) -> Callable[[], None]:
        told = [
            (s.attempt.message.message_id, replace(s), list(map(replace, s.deliveries)))
            for s in settlements
        ]

        def does() -> None:
            for message_id, s, deliveries in told:
                row = self.messages[message_id]
                if row.stage is not Stage.FINISHED:
                    row.state = s.state
                    row.provider_message_id = s.renamed or row.provider_message_id
                    if s.final:
                        row.stage, row.due = Stage.FINISHED, None
                for d in deliveries:
                    self.deliveries.setdefault((d.message_id, d.state), d)
                if s.early:
                    self.early.pop(s.early, None)

        return does

    def keep_early(self, reports: Sequence[EarlyReport]) -> Deferred[None]:
        kept = list(map(replace, reports))
        return self._do(
            "keep_early",
            lambda: self.early.update({(r.provider, r.provider_message_id): r for r in kept}),
        )

    def drop_early(self, keys: Sequence[tuple[str, str]]) -> Deferred[None]:
        def does() -> None:
            for key in keys:
                self.early.pop(key, None)

        return self._do("drop_early", does)

    def finish(self, done: Sequence[tuple[Delivery, int]], at: float) -> Deferred[None]:
        told = {(d.message_id, d.state): status for d, status in done}
        return self._do("finish", lambda: self.finished.update(told))

    def postpone(self, deliveries: Sequence[Delivery]) -> Deferred[None]:
        told = list(map(replace, deliveries))
        return self._do(
            "postpone", lambda: self.deliveries.update({(d.message_id, d.state): d for d in told})
        )

    def keep_mos(self, entries: Sequence[MoEntry]) -> Deferred[set[int]]:
        told = [(e, list(map(replace, e.deliveries))) for e in map(replace, entries)]

        def does() -> set[int]:
            fresh: set[int] = set()
            for entry, deliveries in told:
                name = entry.provider, entry.provider_message_id, entry.segment
                if not entry.provider_message_id or name not in self.mos:
                    self.mos[name] = entry.message_id
                    fresh.add(entry.message_id)
                    self.deliveries.update({(d.message_id, d.state): d for d in deliveries})
            return fresh

        return self._do("keep_mos", does)

    def keep_optouts(self, optouts: Sequence[tuple[str, str, float]]) -> Deferred[None]:
        told = {(provider, number): at for provider, number, at in optouts}
        return self._do("keep_optouts", lambda: self.optouts.update(told))

    # -- questions ------------------------------------------------------------------------------

    def ended_optouts(self) -> Deferred[list[tuple[str, str]]]:
        def does() -> list[tuple[str, str]]:
            taken, self.ended = self.ended, []
            for each in taken:
                self.optouts.pop(each, None)
            return taken

        return self._do("ended_optouts", does, is_question=True)

    def waiting(
        self, provider: str, lines: Sequence[LineQuery], now: float, limit: int
    ) -> Deferred[list[list[Attempt]]]:
        lines = [line._replace(skip=frozenset(line.skip)) for line in lines]

        def of(line: LineQuery) -> list[Attempt]:
            found = [
                r
                for r in self._due(Stage.WAITING, provider, now)
                if (r.message.system_id, r.message.priority) == line[:2]
                and r.message.message_id not in line.skip
            ]
            return [r.attempt() for r in found[:limit]]

        return self._do("waiting", lambda: list(map(of, lines)), is_question=True)

    def due(self, stage: Stage, provider: str, now: float, limit: int) -> Deferred[list[Attempt]]:
        assert stage in (Stage.SUBMITTING, Stage.SUBMITTED)
        return self._do(
            "due",
            lambda: [r.attempt() for r in self._due(stage, provider, now)[:limit]],
            is_question=True,
        )

    def _due(self, stage: Stage, provider: str, now: float) -> list[Row]:
        rows = [
            r
            for r in self.messages.values()
            if r.stage is stage and r.provider == provider and r.due is not None and r.due <= now
        ]
        return sorted(rows, key=lambda r: r.due or 0.0)

    def batches(self, keys: Sequence[str]) -> Deferred[dict[str, list[Found]]]:
        def does() -> dict[str, list[Found]]:
            rows = sorted(self.messages.values(), key=lambda r: r.message.message_id)
            return {key: [self._found(r) for r in rows if r.batch == key] for key in keys}

        return self._do("batches", does, is_question=True)

    def expired(self, provider: str, now: float, limit: int) -> Deferred[list[Attempt]]:
        def does() -> list[Attempt]:
            rows = [r for r in self.messages.values() if r.stage is Stage.WAITING]
            late = [r for r in rows if r.provider == provider and r.message.expires_at <= now]
            return [r.attempt() for r in late[:limit]]

        return self._do("expired", does, is_question=True)

    def decisions(self) -> Deferred[list[tuple[Found, str]]]:
        def does() -> list[tuple[Found, str]]:
            taken, self.by_hand = self.by_hand, []
            return [(self._found(self.messages[m]), verb) for m, verb in taken]

        return self._do("decisions", does, is_question=True)

    def find(
        self, keys: Sequence[tuple[str, str] | int]
    ) -> Deferred[dict[tuple[str, str] | int, Found]]:
        def does() -> dict[tuple[str, str] | int, Found]:
            rows = {key: row for key in keys if (row := self._look_up(key)) is not None}
            return {key: self._found(row) for key, row in rows.items()}

        return self._do("find", does, is_question=True)

    def owed(
        self,
        system_id: str,
        now: float,
        limit: int,
        skip: Collection[tuple[int, int]] = (),
    ) -> Deferred[list[Delivery]]:
        skip = frozenset(skip)

        def does() -> list[Delivery]:
            owed = [d for d in self.unfinished() if d.system_id == system_id and d.due <= now]
            owed = [d for d in owed if (d.message_id, d.state) not in skip]
            return [replace(d) for d in sorted(owed, key=lambda d: d.due)[:limit]]

        return self._do("owed", does, is_question=True)

    def lapse(self, now: float, limit: int) -> Deferred[dict[str, int]]:
        def does() -> dict[str, int]:
            late = [d for d in self.unfinished() if d.expires_at <= now][:limit]
            self.finished.update({(d.message_id, d.state): -1 for d in late})
            return dict(Counter(d.system_id for d in late))

        return self._do("lapse", does)

    def unfinished(self) -> list[Delivery]:
        """Return the deliveries that are owed still."""
        return [d for key, d in self.deliveries.items() if key not in self.finished]

    def stages(self) -> dict[int, Stage]:
        return {message_id: row.stage for message_id, row in self.messages.items()}

    def _open(self, attempt: Attempt) -> Row | None:
        row = self.messages[attempt.message.message_id]
        return None if row.stage is Stage.FINISHED else row

    def _found(self, row: Row) -> Found:
        return Found(row.attempt(), row.stage)

    def _look_up(self, key: tuple[str, str] | int) -> Row | None:
        if isinstance(key, int):
            return self.messages.get(key)
        like = [
            r
            for r in self.messages.values()
            if r.provider == key[0]
            and r.provider_message_id is not None
            and same_id(r.provider_message_id) == same_id(key[1])
        ]
        found = [r for r in like if r.provider_message_id == key[1]] or like
        return found[0] if len(found) == 1 else None

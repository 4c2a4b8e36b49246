"""fake_store: a store in memory that commits when a test does, by the rules of the real stores.

tests/contracts holds all stores to the same suite.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum, auto
from typing import Any

from twisted.internet.defer import Deferred

from smppbridge.model.identifiers import StoredIds, Tolerance, is_alike
from smppbridge.model.message import (
    Attempt,
    GatheringKey,
    KnownState,
    Message,
    Segment,
    Stage,
    fingerprint,
)
from smppbridge.model.parts import Part as MessagePart
from smppbridge.model.report import Delivery
from smppbridge.store import gathered, mo
from smppbridge.store import records as rec
from smppbridge.store.named import PAGE
from smppbridge.store.parts import part_rows
from smppbridge.store.port import (
    EXACT,
    EarlyKey,
    EarlyReport,
    Entry,
    Found,
    LineQuery,
    MoEntry,
    Named,
    PartEnd,
    Restored,
    Settlement,
    Stoppable,
    StoreFailure,
    Verdict,
    Waiting,
)
from smppbridge.store.statements import SqlRow

_LARGEST = 2**63 - 1
OTHER = 9
"""The slot of another bridge."""


class Part(IntEnum):
    """The parts of a transaction, in the order in which they are carried out."""

    MESSAGE = auto()
    BEGIN = auto()
    RECALL = auto()
    RECORD = auto()
    PARTS = auto()
    END_PARTS = auto()
    MOVE = auto()
    REWRITE = auto()
    REVISIT = auto()
    STATE = auto()
    FINAL = auto()
    DELIVERY = auto()
    MO = auto()
    OPTOUT = auto()
    FINISH = auto()
    POSTPONE = auto()
    EARLY = auto()
    DROP_EARLY = auto()


Does = Callable[[], Any]
Parts = list[tuple[Part, Does]]


@dataclass
class Row:
    """A message as a row of the store."""

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
    done_at: float = 0.0
    error: int = 0
    parts: tuple[MessagePart, ...] = ()

    def attempt(self) -> Attempt:
        segments = tuple(map(replace, self.message.segments))
        message = replace(self.message, segments=segments, due=self.due or 0.0)
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
            self.parts,
        )

    def names(self) -> list[str]:
        """Return the ids that the provider gave the message: of each part, if it has parts."""
        if self.parts:
            return [part.provider_message_id for part in self.parts]
        return [] if self.provider_message_id is None else [self.provider_message_id]


@dataclass
class Call:
    """A verb's parts with the rows that SQL would keep, a question, or both."""

    waiter: Deferred[Any]
    verb: str
    parts: Parts
    question: Does | None
    rows: list[SqlRow]
    inserts: frozenset[tuple[str, int]]  # what must not be there yet: table, message_id
    writes: bool  # fails where nothing can be written

    @property
    def is_question(self) -> bool:
        return self.question is not None and not self.parts


@dataclass
class FakeStore:
    """Carries out calls in their order, when a test calls `commit`; at once while *at_once*.

    While *failing* every call that writes fails; questions are answered all the same.  The messages
    *taken* are another bridge's: nothing is written about them, and none of them is work to be
    done.  Of the calls *in_doubt* nobody knows whether they were committed; calls that are
    made meanwhile fail.
    """

    at_once: bool = True
    failing: bool = False
    messages: dict[int, Row] = field(default_factory=dict)
    segments: dict[int, tuple[GatheringKey, Segment]] = field(default_factory=dict)
    joined: list[tuple[GatheringKey, Segment, int]] = field(default_factory=list)
    deliveries: dict[tuple[int, int], Delivery] = field(default_factory=dict)
    finished: dict[tuple[int, int], int] = field(default_factory=dict)
    early: dict[tuple[str, str], EarlyReport] = field(default_factory=dict)
    mos: dict[tuple[str, str, int], int] = field(default_factory=dict)
    optouts: dict[tuple[str, str], float] = field(default_factory=dict)
    ended: list[tuple[str, str]] = field(default_factory=list)
    by_hand: list[tuple[int, str]] = field(default_factory=list)
    pending: list[Call] = field(default_factory=list)
    in_doubt: list[Call] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    inserted: set[tuple[str, int]] = field(default_factory=set)
    taken: set[int] = field(default_factory=set)

    # -- when ---------------------------------------------------------------------------------

    def commit(self, count: int | None = None) -> None:
        """Carry out the next calls in one transaction: all calls if *count* is None."""
        count = len(self.pending) if count is None else count
        calls, self.pending = self.pending[:count], self.pending[count:]
        self._carry_out(calls)

    def commit_all(self) -> None:
        """Carry out calls until none is left, each in a transaction of its own."""
        while self.pending:
            self.commit(1)

    def fail(self, count: int | None = None) -> None:
        """Let the next calls fail."""
        self.failing = True
        self.commit(count)
        self.failing = False

    def lose_answer(self, count: int | None = None) -> None:
        """Commit the next calls, and lose the answer.

        A test says by `find_out` whether they were committed.
        """
        assert not self.in_doubt, "the calls before them are in doubt yet"
        count = len(self.pending) if count is None else count
        self.in_doubt, self.pending = self.pending[:count], self.pending[count:]

    def find_out(self, *, committed: bool) -> None:
        """Answer the calls that are in doubt: they were committed, or nothing of them was."""
        calls, self.in_doubt = self.in_doubt, []
        if committed:
            self._carry_out(calls)
            return
        for call in calls:
            call.waiter.errback(StoreFailure("the connection was lost"))

    def stop(self) -> None:
        """Commit the calls that wait."""
        self.commit()

    def crash(self) -> None:
        """Lose the calls that are not committed; their callers are never answered."""
        self.pending.clear()
        self.in_doubt.clear()

    def restored(self) -> Restored:
        """Return the state that a store restores when it is opened on these rows."""
        rows = self._ours()
        waits = Counter(
            (r.provider, r.message.system_id, r.message.priority)
            for r in rows
            if r.stage is Stage.WAITING
        )
        ids = [*self.messages, *self.segments, *self.mos.values()]
        ids += [s.message_id for r in rows for s in r.message.segments]
        return Restored(
            max(ids, default=0),
            [Waiting(*line, count) for line, count in waits.items()],
            [r.attempt() for r in rows if r.stage is Stage.SUBMITTING and r.due is None],
            [(key, replace(segment)) for key, segment in self.segments.values()],
            dict(Counter(d.system_id for d in self.unfinished())),
            sorted(self.early.values(), key=lambda r: r.at),
            [each for each in self.optouts if each not in self.ended],
            self._stored_ids(),
            [(key, replace(segment), mark) for key, segment, mark in self.joined],
        )

    def _stored_ids(self) -> StoredIds:
        stored = StoredIds()
        for row in self._ours():
            if row.stage in (Stage.SUBMITTING, Stage.SUBMITTED):
                for name in row.names():
                    stored.add((row.provider, name))
        return stored

    def _carry_out(self, calls: list[Call]) -> None:
        """Carry out the parts of all calls in their order, then questions; answer callers last."""
        failures = list(map(self._failure, calls))
        good = [call for call, failure in zip(calls, failures, strict=True) if failure is None]
        for _, does in sorted((p for call in good for p in call.parts), key=lambda part: part[0]):
            does()
        answers = {id(call): call.question() for call in good if call.question}
        for call, failure in sorted(
            zip(calls, failures, strict=True), key=lambda pair: pair[0].is_question
        ):
            if failure is not None:
                call.waiter.errback(failure)
            else:
                call.waiter.callback(answers.get(id(call)))

    def _failure(self, call: Call) -> StoreFailure | None:
        """Return why nothing of a call can be carried out, though all of the others is."""
        if self.failing and call.writes:
            return StoreFailure("disk full")
        if not all(map(_can_be_kept, call.rows)):
            return StoreFailure("a value that SQL cannot have")
        if self.inserted & call.inserts:
            return StoreFailure("UNIQUE constraint failed")
        self.inserted |= call.inserts
        return None

    def _do(
        self,
        verb: str,
        parts: Parts | None = None,
        question: Does | None = None,
        *,
        rows: Sequence[SqlRow] = (),
        inserts: Collection[tuple[str, int]] = (),
        writes: bool = True,
    ) -> Deferred[Any]:
        call = Call(Deferred(), verb, parts or [], question, list(rows), frozenset(inserts), writes)
        self.log.append(verb)
        if self.in_doubt:
            call.waiter.errback(StoreFailure("the store cannot be reached"))
        elif self.at_once and not self.pending:
            self._carry_out([call])
        else:
            self.pending.append(call)
        return call.waiter

    def _ask(self, verb: str, question: Does, *asked: Any) -> Deferred[Any]:
        return self._do(verb, question=question, rows=[asked], writes=False)

    # -- verbs: copies are made at once, as rows are --------------------------------------------

    def accept(
        self, entries: Sequence[Entry], settlements: Sequence[Settlement] = ()
    ) -> Deferred[None]:
        kept = [replace(e, message=e.message and replace(e.message)) for e in entries]
        for entry in kept:
            entry.segment = entry.segment and replace(entry.segment)
            entry.attempt = entry.attempt and replace(entry.attempt)
        messages = [rec.message_row(e.message, e.attempt) for e in kept if e.message]
        segments = [gathered.segment_row(e) for e in kept if e.segment]
        inserts = [("message", row[0]) for row in messages]
        inserts += [("segment", row[0]) for row in segments]

        def does() -> None:
            for entry in kept:
                if entry.segment is not None and entry.key is not None:
                    self.segments[entry.segment.message_id] = entry.key, entry.segment
            for entry in kept:
                if entry.message is not None:
                    begun = entry.attempt is not None and entry.attempt.number > 0
                    hop = entry.attempt.hop if entry.attempt else 0
                    self._insert(entry.message, begun, hop)

        parts: Parts = [(Part.MESSAGE, does), *self._settling(settlements)]
        rows = [*messages, *segments, *_settled_rows(settlements)]
        return self._do("accept", parts, rows=rows, inserts=inserts)

    def _insert(self, message: Message, begun: bool, hop: int) -> None:
        provider = message.route[hop] if message.route else ""
        stage = Stage.SUBMITTING if begun else Stage.WAITING
        row = Row(message, stage, provider, None if begun else message.due, int(begun), hop)
        row.begun_at = message.accepted_at if begun else 0.0
        for segment in message.segments:
            assert segment.message_id in self.segments, "a segment that was never written down"
        took = [self.segments.pop(segment.message_id) for segment in message.segments]
        message.segments = tuple(
            Segment(s.message_id, s.number, s.registered_delivery, s.received_at)
            for s in message.segments
        )
        self.joined += [
            (key, joined, fingerprint(segment.octets))
            for joined, (key, segment) in zip(message.segments, took, strict=True)
            if sum(not each.repeats for _, each in took) == key.total and not segment.repeats
        ]
        self.messages[message.message_id] = row

    def begin(self, attempts: Sequence[Attempt]) -> Deferred[Sequence[Attempt]]:
        attempts, begun = list(attempts), set[int]()
        rows: list[SqlRow] = [
            (a.message.message_id, a.provider, a.hop, a.number, a.begun_at, a.batch)
            for a in attempts
        ]

        def does() -> None:
            for message_id, provider, hop, number, begun_at, batch in rows:
                row = self._open(message_id)
                if row and row.stage is not Stage.SUBMITTED:
                    assert (row.provider, row.hop) == (provider, hop), "not where it is written"
                    begun.add(message_id)
                    row.stage, row.due, row.number = Stage.SUBMITTING, None, number
                    row.begun_at, row.batch = begun_at, batch

        def question() -> list[Attempt]:
            return [a for a in attempts if a.message.message_id in begun]

        return self._do("begin", [(Part.BEGIN, does)], question, rows=rows)

    def recall(self, attempts: Sequence[Attempt]) -> Deferred[None]:
        rows = list(map(rec.recalled_row, attempts))

        def does() -> None:
            for message_id, due, number in rows:
                row = self._open(message_id)
                if row and row.stage is Stage.SUBMITTING:
                    row.stage, row.due, row.number, row.batch = Stage.WAITING, due, number, None

        return self._do("recall", [(Part.RECALL, does)], rows=rows)

    def hasten(
        self, provider: str, lines: Sequence[tuple[str, int]], now: float, limit: int
    ) -> Deferred[int]:
        lines = list(lines)

        def does() -> int:
            tried = [
                r
                for r in self._ours()
                if r.stage is Stage.WAITING
                and r.provider == provider
                and (r.message.system_id, r.message.priority) in lines
                and r.number
                and (r.due or 0.0) > now
            ]
            last = sorted(tried, key=lambda r: r.due or 0.0, reverse=True)[:limit]
            for row in last:
                row.due = row.message.accepted_at
            return len(last)

        return self._do("hasten", question=does, rows=[(provider, now, limit)])

    def record(
        self, verdicts: Sequence[Verdict], settlements: Sequence[Settlement] = ()
    ) -> Deferred[None]:
        rows = [(*rec.verdict_row(v), v.provider_message_id) for v in verdicts]
        noted = [rec.attempt_row(v) for v in verdicts]

        def does() -> None:
            for message_id, stage, due, provider, hop, number, at, name in rows:
                if row := self._open(message_id):
                    if name is not None:
                        written = row.provider, row.hop, row.number
                        assert written == (provider, hop, number), "not what is written"
                        assert stage == Stage.SUBMITTED
                    row.stage, row.due, row.answered_at, row.number = Stage(stage), due, at, number
                    row.provider, row.hop = provider, hop
                    row.provider_message_id = name or row.provider_message_id

        named = {v.attempt.message.message_id: v.parts for v in verdicts if v.parts}

        def name_parts() -> None:
            for message_id, found in named.items():
                if row := self._open(message_id):
                    row.parts = found

        parts: Parts = [(Part.RECORD, does), *self._settling(settlements)]
        if named:
            parts.append((Part.PARTS, name_parts))
            noted += [row for v in verdicts for row in part_rows(v)]
        return self._do("record", parts, rows=[*rows, *noted, *_settled_rows(settlements)])

    def move(self, attempts: Sequence[Attempt]) -> Deferred[None]:
        rows: list[SqlRow] = [(a.message.message_id, a.provider, a.hop) for a in attempts]

        def does() -> None:
            for message_id, provider, hop in rows:
                row = self._open(message_id)
                if row and row.stage is Stage.WAITING:
                    row.provider, row.hop = provider, hop

        return self._do("move", [(Part.MOVE, does)], rows=rows)

    def rewrite(self, attempts: Sequence[Attempt]) -> Deferred[None]:
        new = [(replace(a.message), a.provider, a.hop) for a in attempts]

        def does() -> None:
            for message, provider, hop in new:
                row = self._open(message.message_id)
                if row and row.stage is Stage.WAITING:
                    row.message = replace(message, segments=row.message.segments)
                    row.due, row.provider, row.hop = message.due, provider, hop

        rows = list(map(rec.rewritten_row, attempts))
        return self._do("rewrite", [(Part.REWRITE, does)], rows=rows)

    def revisit(self, dues: Sequence[tuple[int, float]]) -> Deferred[None]:
        rows = list(dues)

        def does() -> None:
            for message_id, due in rows:
                row = self._open(message_id)
                if row and row.due is not None:  # not of an attempt that is out
                    row.due = due

        return self._do("revisit", [(Part.REVISIT, does)], rows=rows)

    def settle(
        self, settlements: Sequence[Settlement], used: Sequence[EarlyKey] = ()
    ) -> Deferred[None]:
        rows, keys = [*_settled_rows(settlements), *used], list(used)
        parts: Parts = [(Part.DROP_EARLY, lambda: self._forget_early(keys))]
        return self._do("settle", [*self._settling(settlements), *parts], rows=rows)

    def _settling(self, settlements: Sequence[Settlement]) -> Parts:
        states = [(*rec.settlement_row(s), s.renamed) for s in settlements if not s.final]
        finals = [(*rec.settlement_row(s), s.renamed) for s in settlements if s.final]
        deliveries = [replace(d) for s in settlements for d in s.deliveries]

        def set_states(rows: list[SqlRow], *, final: bool) -> None:
            for message_id, state, error, at, _source, renamed in rows:
                if row := self._open(message_id):
                    row.state, row.error = state, error
                    row.provider_message_id = renamed or row.provider_message_id
                    if final:
                        row.stage, row.due, row.done_at = Stage.FINISHED, None, at

        def owe() -> None:
            for d in deliveries:
                if d.parent not in self.taken:
                    self.deliveries.setdefault((d.message_id, d.state), d)

        return [
            (Part.STATE, lambda: set_states(states, final=False)),
            (Part.FINAL, lambda: set_states(finals, final=True)),
            (Part.DELIVERY, owe),
        ]

    def end_parts(self, ended: Sequence[PartEnd]) -> Deferred[dict[int, tuple[MessagePart, ...]]]:
        ended = list(ended)

        def does() -> None:
            for message_id, number, state, error in ended:
                row = self._get(message_id)
                if row is None or number > len(row.parts) or row.parts[number - 1].state:
                    continue
                found = list(row.parts)
                found[number - 1] = replace(found[number - 1], state=state, error=error)
                row.parts = tuple(found)

        def question() -> dict[int, tuple[MessagePart, ...]]:
            rows = {part.message_id: self._get(part.message_id) for part in ended}
            return {name: row.parts for name, row in rows.items() if row and row.parts}

        parts: Parts = [(Part.END_PARTS, does)]
        return self._do("end_parts", parts, question, rows=[tuple(part) for part in ended])

    def keep_early(self, reports: Sequence[EarlyReport]) -> Deferred[None]:
        rows: list[SqlRow] = [
            (r.provider, r.provider_message_id, r.state, r.error, r.at, r.renamed, r.done_at)
            for r in reports
        ]
        named = {(r.provider, r.provider_message_id): r for r in reports}
        return self._do("keep_early", [(Part.EARLY, lambda: self.early.update(named))], rows=rows)

    def drop_early(self, keys: Sequence[EarlyKey]) -> Deferred[None]:
        keys = list(keys)
        parts: Parts = [(Part.DROP_EARLY, lambda: self._forget_early(keys))]
        return self._do("drop_early", parts, rows=keys)

    def _forget_early(self, keys: Sequence[EarlyKey]) -> None:
        for provider, name, till in keys:
            kept = self.early.get((provider, name))
            if kept is not None and kept.at <= till:
                del self.early[provider, name]

    def finish(self, done: Sequence[tuple[Delivery, int]], at: float) -> Deferred[None]:
        ended = {(d.message_id, d.state): status for d, status in done}

        def does() -> None:
            there = {key: status for key, status in ended.items() if key in self.deliveries}
            self.finished.update(there)

        rows: list[SqlRow] = [(*key, status, at) for key, status in ended.items()]
        return self._do("finish", [(Part.FINISH, does)], rows=rows)

    def postpone(self, deliveries: Sequence[Delivery]) -> Deferred[None]:
        rows = [(d.message_id, d.state, d.due, d.attempts) for d in deliveries]

        def does() -> None:
            for message_id, state, due, attempts in rows:
                if delivery := self.deliveries.get((message_id, state)):
                    delivery.due, delivery.attempts = due, attempts

        return self._do("postpone", [(Part.POSTPONE, does)], rows=rows)

    def keep_mos(self, entries: Sequence[MoEntry]) -> Deferred[set[int]]:
        deliveries = [replace(d) for entry in entries for d in entry.deliveries]
        ids = {entry.message_id for entry in entries}
        rows = [row for entry in entries for row in mo.entry_rows(entry)]

        def does() -> None:
            for message_id, _parent, provider, name, segment, *_ in rows:
                # without a name of the provider's nobody can tell a repetition
                self.mos.setdefault((provider, name or f"#{message_id}", segment), message_id)
            there = set(self.mos.values())
            for d in deliveries:
                if d.parent in there:
                    self.deliveries.setdefault((d.message_id, d.state), d)

        return self._do(
            "keep_mos",
            [(Part.MO, does)],
            lambda: ids & set(self.mos.values()),
            rows=[*rows, *map(rec.delivery_row, deliveries)],
        )

    def keep_optouts(self, optouts: Sequence[tuple[str, str, float]]) -> Deferred[None]:
        rows = list(optouts)
        opted_out = {(provider, number): at for provider, number, at in rows}
        parts: Parts = [(Part.OPTOUT, lambda: self.optouts.update(opted_out))]
        return self._do("keep_optouts", parts, rows=rows)

    # -- questions ------------------------------------------------------------------------------

    def ended_optouts(self) -> Deferred[list[tuple[str, str]]]:
        def does() -> list[tuple[str, str]]:
            taken, self.ended = self.ended, []
            for each in taken:
                self.optouts.pop(each, None)
            return taken

        return self._do("ended_optouts", question=does, writes=bool(self.ended))

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

        asked = [each for line in lines for each in line[:2]]
        return self._ask("waiting", lambda: list(map(of, lines)), provider, now, limit, *asked)

    def due(self, stage: Stage, provider: str, now: float, limit: int) -> Deferred[list[Attempt]]:
        assert stage in (Stage.SUBMITTING, Stage.SUBMITTED)
        return self._ask(
            "due",
            lambda: [r.attempt() for r in self._due(stage, provider, now)[:limit]],
            *(provider, now, limit),
        )

    def _due(self, stage: Stage, provider: str, now: float) -> list[Row]:
        rows = [
            r
            for r in self._ours()
            if r.stage is stage and r.provider == provider and r.due is not None and r.due <= now
        ]
        return sorted(rows, key=lambda r: (r.due or 0.0, r.message.message_id))

    def batches(self, keys: Sequence[str]) -> Deferred[dict[str, list[Found]]]:
        def does() -> dict[str, list[Found]]:
            rows = sorted(self._ours(), key=lambda r: r.message.message_id)
            return {key: [self._found(r) for r in rows if r.batch == key] for key in keys}

        return self._ask("batches", does, *keys)

    def expired(self, provider: str, now: float, limit: int) -> Deferred[list[Attempt]]:
        def does() -> list[Attempt]:
            rows = [r for r in self._ours() if r.stage is Stage.WAITING]
            late = [r for r in rows if r.provider == provider and r.message.expires_at <= now]
            return [r.attempt() for r in late[:limit]]

        return self._ask("expired", does, provider, now, limit)

    def decisions(self) -> Deferred[list[tuple[Found, str]]]:
        def does() -> list[tuple[Found, str]]:
            taken, self.by_hand = self.by_hand, []
            return [(self._found(self.messages[m]), verb) for m, verb in taken]

        return self._do("decisions", question=does, writes=bool(self.by_hand))

    def find(
        self,
        keys: Sequence[tuple[str, str] | int],
        tolerances: Mapping[str, Tolerance] = EXACT,
    ) -> Deferred[dict[tuple[str, str] | int, Found]]:
        def does() -> dict[tuple[str, str] | int, Found]:
            rows = {key: row for key in keys if (row := self._look_up(key, tolerances)) is not None}
            return {key: self._found(row) for key, row in rows.items()}

        asked = [each for key in keys for each in ((key,) if isinstance(key, int) else key)]
        return self._ask("find", does, *asked)

    def states(self, message_ids: Sequence[int]) -> Deferred[dict[int, tuple[KnownState, ...]]]:
        ids = list(message_ids)

        def does() -> dict[int, tuple[KnownState, ...]]:
            named = {each: self._named(each) for each in ids}
            return {each: tuple(map(_state, rows)) for each, rows in named.items() if rows}

        return self._ask("states", does, *ids)

    def named(self, message_ids: Sequence[int]) -> Deferred[dict[int, tuple[Named, ...]]]:
        ids = list(message_ids)

        def does() -> dict[int, tuple[Named, ...]]:
            return {
                each: tuple(self._found(n) if isinstance(n, Row) else n for n in named)
                for each in ids
                if (named := self._named(each))
            }

        return self._ask("named", does, *ids)

    def _named(self, message_id: int) -> list[Row | GatheringKey]:
        if message_id in self.segments:
            return [self.segments[message_id][0]]
        for row in self.messages.values():
            segments = {segment.message_id for segment in row.message.segments}
            if message_id in {row.message.message_id, *segments}:
                first = row.message.traits.multi
                if first == message_id:
                    ids = range(first, first + row.message.traits.destinations)
                    return [self.messages[each] for each in ids if each in self.messages]
                return [row]
        return []

    def stoppable(
        self, queries: Sequence[tuple[str, str]], before: int | None = None
    ) -> Deferred[dict[tuple[str, str], Stoppable]]:
        wanted = list(queries)

        def of(system_id: str, number: str) -> Stoppable:
            rows = [r for r in self.messages.values() if r.message.number == number]
            rows.sort(key=lambda r: -r.message.message_id)
            if before is not None:
                rows = [r for r in rows if r.message.message_id < before]
            page = [r for r in rows[:PAGE] if r.message.system_id == system_id]
            last = rows[PAGE - 1].message.message_id if len(rows) >= PAGE else None
            return Stoppable([self._found(r) for r in page if _is_stoppable(r)], last)

        asked = [each for query in wanted for each in query]
        return self._ask("stoppable", lambda: {query: of(*query) for query in wanted}, *asked)

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
            owed.sort(key=lambda d: (d.due, d.message_id, d.state))
            return list(map(replace, owed[:limit]))

        return self._ask("owed", does, system_id, now, limit)

    def lapse(self, now: float, limit: int) -> Deferred[dict[str, int]]:
        def does() -> dict[str, int]:
            late = [d for d in self.unfinished() if d.expires_at <= now][:limit]
            self.finished.update({(d.message_id, d.state): -1 for d in late})
            return dict(Counter(d.system_id for d in late))

        return self._do("lapse", question=does, rows=[(now, limit)])

    def forget(self, before: float, limit: int) -> Deferred[int]:
        def does() -> int:
            old = [r for r in self._ours() if r.stage is Stage.FINISHED]
            old = sorted((r for r in old if r.done_at < before), key=lambda r: r.done_at)[:limit]
            for row in old:
                self._forget(row.message)
            return len(old)

        return self._do("forget", question=does, rows=[(before, limit)])

    def _forget(self, message: Message) -> None:
        segments = {segment.message_id for segment in message.segments}
        self.inserted -= {("message", message.message_id), *(("segment", n) for n in segments)}
        del self.messages[message.message_id]
        for key in [k for k in self.deliveries if k[0] in {message.message_id, *segments}]:
            del self.deliveries[key]
            self.finished.pop(key, None)

    def unfinished(self) -> list[Delivery]:
        """Return the deliveries that are owed still."""
        return [d for key, d in self.deliveries.items() if key not in self.finished]

    def stages(self) -> dict[int, Stage]:
        return {message_id: row.stage for message_id, row in self.messages.items()}

    def _ours(self) -> list[Row]:
        """Return the rows of messages that are no other bridge's."""
        return [row for key, row in self.messages.items() if key not in self.taken]

    def _get(self, message_id: int) -> Row | None:
        return None if message_id in self.taken else self.messages.get(message_id)

    def _open(self, message_id: int) -> Row | None:
        row = self._get(message_id)
        return None if row is None or row.stage is Stage.FINISHED else row

    def _found(self, row: Row) -> Found:
        attempt = row.attempt()
        ours = row.stage is Stage.FINISHED or attempt.message.message_id not in self.taken
        return Found(attempt, row.stage, 0 if ours else OTHER)

    def _look_up(
        self, key: tuple[str, str] | int, tolerances: Mapping[str, Tolerance]
    ) -> Row | None:
        if isinstance(key, int):
            return self.messages.get(key)
        provider, wanted = key
        named = [
            (name, r)
            for r in self.messages.values()
            if r.provider == provider
            for name in r.names()
        ]
        tolerance = tolerances.get(provider, "exact")
        exact = [r for name, r in named if name == wanted]
        alike = {name for name, r in named if is_alike(wanted, name, tolerance)}
        found = exact or [r for name, r in named if name in alike and len(alike) == 1]
        found.sort(key=lambda r: (r.answered_at, r.message.message_id))
        open_ = [r for r in found if r.stage is not Stage.FINISHED]
        newest = sorted(found, key=lambda r: -r.message.message_id)
        return next(iter([*open_, *newest]), None)


def _state(of: Row | GatheringKey) -> KnownState:
    if isinstance(of, GatheringKey):
        plan = rec.source_plan(of.source)
        return KnownState(of.system_id, of.source.addr, plan, Stage.GATHERING)
    m, done_at = of.message, of.done_at if of.stage is Stage.FINISHED else None
    plan = rec.source_plan(m.source)
    return KnownState(m.system_id, m.source.addr, plan, of.stage, of.state, of.error, done_at)


def _is_stoppable(row: Row) -> bool:
    kept = row.stage is Stage.SUBMITTED and row.message.traits.scheduled is not None
    return kept or row.stage is Stage.WAITING


def _settled_rows(settlements: Sequence[Settlement]) -> Iterator[SqlRow]:
    for s in settlements:
        yield (*rec.settlement_row(s), s.renamed)
        yield from map(rec.delivery_row, s.deliveries)


def _can_be_kept(row: SqlRow) -> bool:
    """Tell whether SQL can have the values: integers of 64 bits, text without lone surrogates."""
    for value in row:
        if isinstance(value, int) and not -_LARGEST - 1 <= value <= _LARGEST:
            return False
        if isinstance(value, str) and any("\ud800" <= c <= "\udfff" for c in value):
            return False
    return True

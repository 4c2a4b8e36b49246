"""What the relay asks a store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from twisted.internet.defer import Deferred

from smppbridge.model.identifiers import StoredIds, Tolerance
from smppbridge.model.message import Attempt, GatheringKey, KnownState, Message, Stage
from smppbridge.model.report import Delivery
from smppbridge.store import records as rec
from smppbridge.store.named import PAGE
from smppbridge.store.port import EXACT, Found, LineQuery, Named, Restored, Stoppable, Waiting
from tests.relay.fake_store.rows import Row
from tests.relay.fake_store.transactions import Transactions


class Questions(Transactions):
    """Answers from what is committed, after the writes of the same transaction."""

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

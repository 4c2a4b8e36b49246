"""Messages: accepted, tried, moved, written anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from twisted.internet.defer import Deferred

from smppbridge.model.message import Attempt, Message, Segment, Stage, fingerprint
from smppbridge.store import gathered
from smppbridge.store import records as rec
from smppbridge.store.parts import part_rows
from smppbridge.store.port import Entry, Settlement, Verdict
from smppbridge.store.statements import SqlRow
from tests.relay.fake_store.reports import Reports, settled_rows
from tests.relay.fake_store.rows import Row
from tests.relay.fake_store.transactions import Part, Parts


class Messages(Reports):
    """Verbs about messages and their attempts: copies are made at once, as rows are."""

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
        rows = [*messages, *segments, *settled_rows(settlements)]
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
        return self._do("record", parts, rows=[*rows, *noted, *settled_rows(settlements)])

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

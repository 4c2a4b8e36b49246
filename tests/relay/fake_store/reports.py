"""What became of messages: reports, deliveries, MO messages, opt-outs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from twisted.internet.defer import Deferred

from smppbridge.model.message import Stage
from smppbridge.model.parts import Part as MessagePart
from smppbridge.model.report import Delivery
from smppbridge.store import mo
from smppbridge.store import records as rec
from smppbridge.store.port import EarlyKey, EarlyReport, MoEntry, PartEnd, Settlement
from smppbridge.store.statements import SqlRow
from tests.relay.fake_store.transactions import Part, Parts, Transactions


class Reports(Transactions):
    """Verbs about what came back: copies are made at once, as rows are."""

    def settle(
        self, settlements: Sequence[Settlement], used: Sequence[EarlyKey] = ()
    ) -> Deferred[None]:
        rows, keys = [*settled_rows(settlements), *used], list(used)
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


def settled_rows(settlements: Sequence[Settlement]) -> Iterator[SqlRow]:
    for s in settlements:
        yield (*rec.settlement_row(s), s.renamed)
        yield from map(rec.delivery_row, s.deliveries)

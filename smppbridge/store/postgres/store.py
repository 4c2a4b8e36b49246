"""The store on PostgreSQL: the same verbs on a database that several bridges share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import psycopg
from twisted.internet.defer import Deferred

from smppbridge.model.message import Attempt, Stage
from smppbridge.model.notes import Note, RefusedSubmission, Unmatched
from smppbridge.model.parts import Part
from smppbridge.model.report import Delivery
from smppbridge.store import note_rows
from smppbridge.store.port import (
    EarlyKey,
    EarlyReport,
    Entry,
    MoEntry,
    PartEnd,
    Restored,
    Settlement,
    Verdict,
)
from smppbridge.store.postgres import migrate, owing, restoring
from smppbridge.store.postgres import records as rec
from smppbridge.store.postgres import statements_ended as ended
from smppbridge.store.postgres import statements_sent as sent
from smppbridge.store.postgres.adoption import Adoption
from smppbridge.store.postgres.aside import Aside
from smppbridge.store.postgres.asked import AskedStore
from smppbridge.store.postgres.between import BetweenRows
from smppbridge.store.postgres.connection import connect
from smppbridge.store.postgres.dues import Dues
from smppbridge.store.postgres.errands import ErrandRows
from smppbridge.store.postgres.fence import SILENT
from smppbridge.store.postgres.found import parts_of
from smppbridge.store.postgres.homes import HomeRows
from smppbridge.store.postgres.jobs import JobRows
from smppbridge.store.postgres.tables import Writes
from smppbridge.store.postgres.tenure import Holders, Tenure
from smppbridge.store.postgres.writer import DatabaseStanding, PostgresWriter
from smppbridge.store.statements import SqlRow

T = TypeVar("T")
Claim = Callable[[psycopg.Connection[Any]], Tenure]
"""Takes a slot for this bridge (blocks)."""


class PostgresStore(AskedStore):
    """The verbs of ``store.port`` on PostgreSQL, for the bridge that has a slot there.

    Methods are for the reactor thread; rows are made there, so that no value is shared with the
    store thread.  *claim* takes the slot, when the store opens.  *committed* is called for every
    transaction with its seconds, *changed* when transactions begin to fail (with the error) or
    succeed again (None); *confirmed* in the store thread, with the time (monotonic) at which a
    transaction was sent that was committed.  *recording* are the verdicts
    that may not be written yet: a bridge that is taken over still knows them.
    """

    def __init__(
        self,
        dsn: str,
        claim: Claim,
        call_in_reactor: Callable[..., object],
        committed: Callable[[float], None] = lambda _: None,
        changed: Callable[[Exception | None], None] = lambda _: None,
        *,
        standing: DatabaseStanding,
        confirmed: Callable[[float], None] = lambda _: None,
        unacknowledged: float = 5.0,
    ) -> None:
        self.dsn, self._claim = dsn, claim

        def connected() -> psycopg.Connection[Any]:
            return connect(dsn, unacknowledged=unacknowledged)

        self._connect = connected
        super().__init__(
            PostgresWriter(connected, call_in_reactor, committed, changed, standing, confirmed),
            Aside(connected, call_in_reactor),
        )
        self._write = self._writer.write
        adoption = Adoption(self._writer, self._aside)
        self.adopt, self.give_back = adoption.adopt, adoption.give_back
        self.recording: dict[int, Sequence[Verdict]] = {}
        self._looks: dict[str, float] = {}
        self.holders = Holders()
        self.between, self.jobs = BetweenRows(self._writer, self._aside), JobRows(self._writer)
        self.dues = Dues(self._writer)
        self.errands = ErrandRows(self._writer)
        self.homes = HomeRows(self._writer)

    # -- opening and closing ------------------------------------------------------------------

    def open(self, now: float) -> Restored:
        """Connect, take a slot, return the contents of its shards (blocks).

        Raises migrate.NotMigrated, migrate.NotOurs, migrate.TooNew, psycopg.Error, and the
        errors of a claim.
        """
        db = self._connect()
        try:
            migrate.check(db)
            tenure = self._claim(db)
            self._writer.take(db, tenure)
            self.holders.slot = tenure.slot
            return restoring.restore(db, tenure.shards)
        except BaseException:
            db.close()
            raise

    @property
    def tenure(self) -> Tenure:
        """The slot of this bridge, and its shards."""
        return self._writer.tenure

    # -- the verbs that write: their rows go into the next transaction -------------------------

    def accept(
        self, entries: Sequence[Entry], settlements: Sequence[Settlement] = ()
    ) -> Deferred[None]:
        messages, out, waiting, looks = list[SqlRow](), list[SqlRow](), list[SqlRow](), self._looks
        segments, joined = list[SqlRow](), list[SqlRow]()
        for entry in entries:
            m, first = entry.message, entry.attempt
            if m is None:
                segments.append(rec.segment_row(entry))
                continue
            messages.append(rec.message_row(m))
            hop = first.hop if first is not None else 0
            if first is not None and first.number > 0:
                out.append(rec.out_row(m, hop, looks))
            else:
                waiting.append(rec.waiting_row(m, hop))
            if m.segments:
                joined += rec.segment_rows(m, entry.key)
        writes: Writes = [
            (sent.MESSAGES, messages),
            (sent.OUT, out),
            (sent.WAITING, waiting),
            (sent.SEGMENTS, segments),
            (sent.JOINED, joined),
        ]
        if settlements:
            writes += self._settled(settlements)
        return self._write(writes)

    def begin(self, attempts: Sequence[Attempt]) -> Deferred[Sequence[Attempt]]:
        looks = self._looks
        return self._writer.begin([rec.begun_row(a, looks) for a in attempts], attempts)

    def recall(self, attempts: Sequence[Attempt]) -> Deferred[None]:
        return self._write([(sent.RECALLED, list(map(rec.recalled_row, attempts)))])

    def record(
        self, verdicts: Sequence[Verdict], settlements: Sequence[Settlement] = ()
    ) -> Deferred[None]:
        accepted = [v for v in verdicts if v.provider_message_id is not None]
        writes: Writes = [
            (sent.SUBMITTED, list(map(rec.submitted_row, accepted))),
            (sent.NAMED, rec.named_rows(accepted)),
        ]
        if accepted:
            self._learn(accepted[0])
        if len(accepted) < len(verdicts):
            others = [v for v in verdicts if v.provider_message_id is None]
            again = [v for v in others if v.stage is Stage.WAITING]
            unsure = [v for v in others if v.stage is not Stage.WAITING]
            writes += [
                (sent.AGAIN, list(map(rec.waiting_again_row, again))),
                (sent.UNSURE, list(map(rec.unsure_row, unsure))),
                (sent.ATTEMPTS, list(map(rec.tried_row, others))),
            ]
        if several := [v for v in verdicts if v.parts]:
            writes.append((sent.PARTS, [row for v in several for row in rec.part_rows(v)]))
        if settlements:
            writes += self._settled(settlements)
        written = self._write(writes)
        self.recording[id(written)] = verdicts
        return written.addBoth(self._recorded, id(written))

    def _recorded(self, result: Any, key: int) -> Any:
        del self.recording[key]
        return result

    def _learn(self, v: Verdict) -> None:
        """Remember how long after its answer a message of a provider is looked at first."""
        if v.due is not None and not v.attempt.message.traits.limited:
            provider, look = v.attempt.provider, v.due - v.at
            if look < self._looks.get(provider, look + 1):
                self._looks[provider] = look

    def move(self, attempts: Sequence[Attempt]) -> Deferred[None]:
        return self._write(
            [(sent.MOVED, [(a.message.message_id, a.provider, a.hop) for a in attempts])]
        )

    def rewrite(self, attempts: Sequence[Attempt]) -> Deferred[None]:
        return self._write([(sent.REWRITTEN, [rec.rewritten_row(a) for a in attempts])])

    def revisit(self, dues: Sequence[tuple[int, float]]) -> Deferred[None]:
        return self._write([(sent.DUES, list(dues))])

    def settle(
        self, settlements: Sequence[Settlement], used: Sequence[EarlyKey] = ()
    ) -> Deferred[None]:
        writes = self._settled(settlements)
        if used:
            writes.append((ended.USED, rec.used_rows(used)))
        return self._write(writes)

    def _settled(self, settlements: Sequence[Settlement]) -> Writes:
        holders = self.holders
        final = [s for s in settlements if s.final]
        writes: Writes = [
            (ended.FATES, list(map(rec.settlement_row, final))),
            (
                ended.RECEIPTS,
                [rec.delivery_row(d, holders, s.state) for s in final for d in s.deliveries],
            ),
        ]
        if len(final) < len(settlements):
            others = [s for s in settlements if not s.final]
            notices = [rec.delivery_row(d, holders) for s in others for d in s.deliveries]
            writes += [
                (ended.STATES, list(map(rec.settlement_row, others))),
                (ended.NOTICES, notices),
            ]
        if renamed := [s for s in settlements if s.renamed is not None]:
            writes.append((ended.RENAMED, list(map(rec.renamed_row, renamed))))
        return writes

    def end_parts(self, ended: Sequence[PartEnd]) -> Deferred[dict[int, tuple[Part, ...]]]:
        ids = list(dict.fromkeys(part.message_id for part in ended))
        writes: Writes = [(sent.ENDED_PARTS, list(ended))]
        return self._writer.write(writes, lambda db: parts_of(db, ids))

    def keep_early(self, reports: Sequence[EarlyReport]) -> Deferred[None]:
        return self._write([(ended.EARLY, list(map(rec.early_row, reports)))])

    def drop_early(self, keys: Sequence[EarlyKey]) -> Deferred[None]:
        return self._write([(ended.USED, rec.used_rows(keys))])

    def finish(self, done: Sequence[tuple[Delivery, int]], at: float) -> Deferred[None]:
        rows: list[SqlRow] = [(d.message_id, d.state, status, at) for d, status in done]
        return self._write([(ended.DONE, rows)])

    def postpone(self, deliveries: Sequence[Delivery]) -> Deferred[None]:
        return self._write([(ended.POSTPONED, list(map(rec.postponed_row, deliveries)))])

    def keep_mos(self, entries: Sequence[MoEntry]) -> Deferred[set[int]]:
        holders = self.holders
        rows = [row for entry in entries for row in rec.mo_rows(entry)]
        owed = [rec.delivery_row(d, holders) for entry in entries for d in entry.deliveries]
        ids = [entry.message_id for entry in entries]
        writes: Writes = [(ended.MOS, rows), (ended.MO_DELIVERIES, owed)]
        return self._writer.write(writes, lambda db: owing.kept_mos(db, ids))

    def keep_optouts(self, optouts: Sequence[tuple[str, str, float]]) -> Deferred[None]:
        return self._write([(ended.OPTOUTS, list(optouts))])

    def keep_noted(
        self,
        notes: Sequence[Note],
        refused: Sequence[RefusedSubmission],
        unmatched: Sequence[Unmatched],
    ) -> Deferred[None]:
        turned_away = [rec.sound_row(note_rows.refused_row(each)) for each in refused]
        strays = [rec.sound_row(note_rows.unmatched_row(each)) for each in unmatched]
        return self._write(
            [
                (ended.NOTES, list(map(note_rows.note_row, notes))),
                (ended.REFUSED, turned_away),
                (ended.UNMATCHED, strays),
            ]
        )

    def beat(self) -> Deferred[None]:
        """Write nothing but the row of our slot: the others see that we live."""
        return self._write([(ended.BEATS, [(0,)])])

    def be_silent(self, seconds: float) -> Deferred[None]:
        """Have the others wait for us for so long, if that is more than a lease; 0: as ever."""
        values = seconds, self.tenure.slot
        return self._writer.act(lambda db: db.execute(SILENT, values)).addCallback(lambda _: None)

    def probe(self) -> Deferred[None]:
        """Write the row of our slot: a store that failed may be well again."""
        return self.beat()

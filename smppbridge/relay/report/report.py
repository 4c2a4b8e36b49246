"""report: a provider's report finds its message and gives it a state; deliveries become due.

    receive -> found -> claim -> settle .disk. -> conclude -> deliver
            -> not found -> early .disk. -> expect

Not found is normal: a callback can overtake the answer that names its message.  Reports that come
together about one id are one early report: it is settled once, by who finds its message first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter

from smppbridge.model.identifiers import StoredIds, Tolerance
from smppbridge.model.message import Attempt, Stage
from smppbridge.model.reasons import Reason
from smppbridge.model.report import Report
from smppbridge.relay.ports import Around
from smppbridge.relay.report.awaited import Awaited
from smppbridge.relay.report.by_our_id import ReportsByOurId
from smppbridge.relay.report.early import Early, EarlyRules, Key, Met, joined
from smppbridge.relay.report.elsewhere import (
    NotShared,
    SharedReports,
    failure_of,
    meet,
    not_told,
    settled_elsewhere,
)
from smppbridge.relay.report.ending import Endings, Fate, fate_of
from smppbridge.relay.report.parts import of_messages
from smppbridge.relay.report.statuses import UnknownStatuses
from smppbridge.relay.report.strays import Strays
from smppbridge.store.port import EXACT, EarlyKey, EarlyReport, Found, ReportStore, StoreFailure

SOUGHT_AT_ONCE = 500
_PART = attrgetter("part")
_SUBMITTED = Stage.SUBMITTED  # members of an Enum are slow to load


class Reports:
    """Settles the messages of reports, and awaits the reports of accepted messages.

    Only Reports writes the early and the awaited reports, and renames an accepted attempt.
    *busy* is whether requests to a provider are out: one of them may be answered with any id.
    *shared* has the reports that cross to other bridges, where the store is not this one's alone.
    """

    def __init__(
        self,
        store: ReportStore,
        endings: Endings,
        early: EarlyRules,
        around: Around,
        *,
        busy: Callable[[str], bool],
        shared: SharedReports | None = None,
    ) -> None:
        self.early, self.awaited = Early(early), Awaited()
        self.strays = Strays(store, self.early, around)
        self._store, self._endings, self._busy = store, endings, busy
        self.shared = shared or NotShared()
        self._by_our_id = ReportsByOurId(store, self.shared, self.strays, around)
        self._statuses = UnknownStatuses(around)
        self._clock, self._meters, self._notes = around.clock, around.meters, around.notes
        self._tolerances = EXACT
        self._first, self._behind = self.awaited.first, self.awaited.behind
        self._seeking = 0  # early reports whose messages are being looked for
        self._unsought: dict[Key, None] = {}  # of early reports, because the store failed
        self._settling: dict[Key, EarlyReport] = {}

    def change(self, tolerances: Mapping[str, Tolerance]) -> None:
        """Go by other tolerances of ids, by provider, from now on."""
        self._tolerances = tolerances

    # -- a provider's reports -------------------------------------------------------------------

    async def receive(self, provider: str, reports: Iterable[Report], source: str) -> None:
        """Settle the messages of reports; return when that is on disk.  Raises StoreFailure."""
        fates: list[Fate] = []
        unknown: list[Report] = []
        named: list[Report] = []
        for report in reports:
            if report.unknown:
                self._statuses.note(provider, report.unknown)
            attempt = self._first.get((provider, report.provider_message_id))
            ours = report.message_id
            if attempt is not None and (ours is None or ours == attempt.message.message_id):
                if self._behind and ours is None:
                    attempt = self._oldest(provider, report, fates)
                fates.append(fate_of(report, attempt, _SUBMITTED))
            else:
                (unknown if ours is None else named).append(report)
        if named:
            fates += await self._by_our_id.fates(provider, named, source)
        if fates:
            await self._settle(fates, source)
        if unknown:
            await self._search(provider, unknown, source)

    def _oldest(self, provider: str, report: Report, fates: Sequence[Fate]) -> Attempt:
        """Return the open attempt that was accepted first; *fates* are about to be claimed."""
        ending = {id(fate.attempt) for fate in fates if fate.final and not fate.part}
        return self.awaited.oldest(
            (provider, report.provider_message_id),
            lambda attempt: id(attempt) in ending or self._endings.ends(attempt),
        )

    async def _settle(
        self, fates: Sequence[Fate], source: str, used: Sequence[EarlyKey] = ()
    ) -> None:
        if sum(map(_PART, fates)):
            fates, used = await self._joined(fates, source, used)
        ending = self._endings.claim(fates, source)
        taken = {id(fate): fate.early for fate in fates if fate.early}
        for fate, _ in ending.blocked:
            if early := taken.pop(id(fate), None):
                self._put_back([early])  # sought again, when the state before it is durable
        try:
            # also when every claim is denied: the state that stands before must be on disk
            await self._store.settle(
                ending.settlements, [*used, *(early.key for early in taken.values())]
            )
        except StoreFailure:
            self._endings.release(ending)
            self._put_back(taken.values())
            self.strays.undropped += used
            raise
        for fate in ending.fates:
            self._await_no_more(fate)
        self._endings.conclude(ending)
        now = self._clock.wall()
        for fate in ending.fates:
            attempt = fate.attempt
            self._meters.reported(attempt.provider, source, fate.state, 1)
            if fate.final and attempt.answered_at:
                self._meters.report_latency(attempt.provider, max(0.0, now - attempt.answered_at))
        if self.early:
            await self._settle_renamed([f.attempt for f in ending.fates if f.renamed])
        if not all(before.durable or fate.early for fate, before in ending.blocked):
            raise StoreFailure("the state that stood before was not written")

    async def _joined(
        self, fates: Sequence[Fate], source: str, used: Sequence[EarlyKey]
    ) -> tuple[Sequence[Fate], Sequence[EarlyKey]]:
        """Return the fates of messages in parts and the reports used up; parts' ends are on disk.

        The other fates are settled first: while a write is awaited, their stages may change.
        """
        others = [fate for fate in fates if not fate.part]
        fates = [fate for fate in fates if fate.part]
        try:
            if others:
                await self._settle(others, source)
            wholes = await of_messages(self._store, fates)
        except StoreFailure:
            self._put_back([fate.early for fate in fates if fate.early])
            self.strays.undropped += used
            raise
        parts = set(fates).difference(wholes)
        for fate in parts:
            self._meters.reported(fate.attempt.provider, source, fate.state, 1)
        return wholes, [*used, *(fate.early.key for fate in parts if fate.early)]

    async def _settle_renamed(self, attempts: Sequence[Attempt]) -> None:
        """Settle messages whose reports came under their new ids before the ids were known.

        The store finds the messages again: their stages may be others by now.
        """
        if met := self.early.match(attempts, self._tolerances):
            self._put_back(early for early, _ in met)
            await self._seek()

    def _await_no_more(self, fate: Fate) -> None:
        """Forget an attempt whose message has ended; await a renamed attempt under its new id."""
        attempt = fate.attempt
        if fate.final or fate.renamed:
            awaited = self.awaited.remove(attempt)
            if fate.renamed:
                attempt.provider_message_id = fate.renamed
                if awaited and not fate.final:  # else the store finds its message
                    self.awaited.add([attempt])

    # -- reports whose messages are not in memory -------------------------------------------------

    async def _search(self, provider: str, reports: Sequence[Report], source: str) -> None:
        """Settle messages that are in the store; a report without a message stays early.

        A report that is being settled stays on disk too: it counts again if that fails.
        """
        now, settling = self._clock.wall(), self._settling
        reports = await not_told(self.shared, provider, reports, source, now)
        if not reports:
            return
        kept = self.early.put_all(provider, reports, now)
        self._notes.reason(Reason.EARLY.value, provider, len(reports), first=False, others=False)
        rows = [joined(settling[k], r) if k in settling else r for k, r in kept.items()]
        keys = list(kept)
        keeping = self._store.keep_early(rows)  # most are early: one commit for both
        finding = self._store.find(keys, self._tolerances)
        self._seeking += len(keys)
        try:
            failed = await failure_of(keeping)
            found = await finding
            if failed is not None:
                raise failed
            await self._settle_found(found, keys, source, fresh=True)
        except StoreFailure:
            self._unsought |= dict.fromkeys(keys)
            raise
        finally:
            self._seeking -= len(keys)
        await self.strays.give_up(self.early.excess(self._seeking))

    async def _settle_found(
        self, found: Mapping[Key | int, Found], keys: Iterable[Key], source: str, *, fresh: bool
    ) -> None:
        """Settle the messages of early reports by their present states, not by those received here.

        Another report about an id may have come since, and have been answered; whoever takes the
        early report settles it for all.  A report that `expect` has matched meanwhile is not early
        any more.  Reports that are not *fresh* may be older than the message that is found.
        """
        fates: list[Fate] = []
        repeated: list[EarlyKey] = []
        others: list[tuple[Found, EarlyReport]] = []
        for key in keys:
            early, message = self.early.get(key), found.get(key)
            if early is None or message is None:
                continue
            if message.stage is Stage.FINISHED:
                if self._is_perhaps_new(key, early, message):
                    continue
                repeated.append(early.key)
            elif not fresh and early.at < message.attempt.begun_at:
                continue
            elif not message.ours:
                others.append((message, early))
            else:
                fates.append(fate_of(early, message.attempt, message.stage))
            self.early.take(key)
        if others and (failed := await failure_of(self.shared.tell_on(others, source))):
            self._put_back(each for _, each in others)
            self._put_back(fate.early for fate in fates if fate.early)
            raise failed
        if fates or repeated:
            taken = {fate.early.key[:2]: fate.early for fate in fates if fate.early}
            self._settling |= taken
            try:
                await self._settle(fates, source, repeated)
            finally:
                self._settling = {k: r for k, r in self._settling.items() if k not in taken}

    def _is_perhaps_new(self, key: Key, early: EarlyReport, message: Found) -> bool:
        """Count a report about a FINISHED message as repeated; return whether it stays early.

        The provider may have given the id again, to a message whose request is out: only a request
        that began before the report can be answered with its id.
        """
        self._meters.repeated(key[0], message.attempt.state != early.state)
        return self._busy(key[0]) and self.early.doubt(key, self._clock.wall())

    def _put_back(self, taken: Iterable[EarlyReport]) -> None:
        for early in taken:
            self.early.put_back(early)
            self._unsought[early.provider, early.provider_message_id] = None

    async def restore(
        self, reports: Sequence[EarlyReport], stored: StoredIds | None = None
    ) -> None:
        """Take over the early reports of the store: their messages may be known by now.

        *stored* are the ids of messages that are open from before the start.
        """
        if stored is not None:
            self.awaited.restore(stored)
        self._put_back(reports)
        await self._seek()

    async def seek_all(self) -> None:
        """Look for the messages of all early reports again: other bridges may have named them."""
        self._unsought |= dict.fromkeys(self.early.keys)
        await self._seek()

    async def _seek(self) -> None:
        """Look for the messages of early reports that the store failed to find or to settle."""
        unsought, self._unsought = list(self._unsought), {}
        for at in range(0, len(unsought), SOUGHT_AT_ONCE):
            keys = unsought[at : at + SOUGHT_AT_ONCE]
            try:
                found = await self._store.find(keys, self._tolerances)
                await self._settle_found(found, keys, "push", fresh=False)
            except StoreFailure:
                self._unsought |= dict.fromkeys(keys)  # until the next time

    async def forget_early(self) -> None:
        """Seek again after a StoreFailure; give up early reports that are too old or too many."""
        await self._seek()
        late, repeated = self.early.outdated(self._clock.wall())
        if late and not self.shared.alone:
            late, repeated = await settled_elsewhere(self._store, late, repeated)
        await self.strays.give_up([*late, *self.early.excess(self._seeking)], repeated)

    # -- reports that come before their message is known ------------------------------------------

    def expect(self, attempts: Sequence[Attempt]) -> list[Met]:
        """Await reports about attempts just accepted; return the early reports about them.

        Called before the acceptance is durable, so that no report falls in between.
        """
        self.awaited.add(attempts)
        return self.early.match(attempts, self._tolerances) if self.early else []

    def unexpect(self, met: Sequence[Met]) -> None:
        """Put matched early reports back: the acceptance of their messages was not recorded."""
        for early, _ in met:
            self.early.put_back(early)

    async def settle_early(self, met: Sequence[Met], attempts: Sequence[Attempt]) -> None:
        """Settle messages whose reports were early, now that their acceptance is durable.

        *attempts* are those accepted: reports about them may be early at other bridges.
        """
        try:
            if not self.shared.alone:
                known = self.early.get, self._settling.get
                met = await meet(self.shared, met, attempts, self._tolerances, known)
            await self._settle([fate_of(e, attempt, _SUBMITTED) for e, attempt in met], "push")
        except StoreFailure:
            return  # sought again

    # -- ends of our own ------------------------------------------------------------------------

    async def settle_own(self, fates: Sequence[Fate]) -> list[Attempt] | None:
        """End messages for a reason of our own; return the attempts of messages that have ended.

        None: the store failed.  A message that a report is ending is left to the report.
        """
        ending = self._endings.claim(fates, "own")
        try:
            await self._store.settle(ending.settlements)
        except StoreFailure:
            self._endings.release(ending)
            return None
        for fate in ending.fates:
            self.awaited.remove(fate.attempt)
        self._endings.conclude(ending)
        return [fate.attempt for fate in ending.fates]

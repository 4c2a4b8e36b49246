"""report: what providers say became of messages, and the deliveries that this makes due.

    told -> found -> settle .disk. -> deliver
         -> not found -> keep .disk. -> expect

Not found is normal: a callback can overtake the answer that names its message.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from smppbridge.model.message import Attempt, Message, Stage
from smppbridge.model.report import Delivery, Report
from smppbridge.relay.ports import Clock, Journal, Meters
from smppbridge.relay.report.early import Early, EarlyRules, as_report
from smppbridge.relay.report.ending import Overtaken
from smppbridge.relay.report.receipts import settlement
from smppbridge.smpp.constants import MessageState
from smppbridge.store.port import EarlyReport, Found, ReportStore, Settlement, StoreFailure

RESTORED_AT_ONCE = 500
MOST_AWAITED = 50_000  # accepted messages kept in memory; the others are found in the store
_WELL = (MessageState.DELIVERED, MessageState.ACCEPTED)  # the second where no report can come
Known = tuple[Report, Attempt, Stage]
"""A report, the attempt that it is about, and the stage of that one's message."""
Met = tuple[Report, Attempt]
"""An early report, and the attempt that it waited for."""
Fate = tuple[Attempt, int, int]  # the final state and its error


class Reports:
    """Finds the message a report is about and settles it.

    *keep* is how long its deliveries are owed (seconds); *owe* takes them on.
    """

    def __init__(
        self,
        store: ReportStore,
        owe: Callable[[Sequence[Delivery]], None],
        *,
        keep: float,
        early: EarlyRules,
        every_fate: bool,
        clock: Clock,
        meters: Meters,
        journal: Journal,
    ) -> None:
        self.early = Early(early)
        self._store, self._owe, self._keep, self._every_fate = store, owe, keep, every_fate
        self._clock, self._meters, self._journal = clock, meters, journal
        self._awaited: dict[tuple[str, str], Attempt] = {}
        self._settling: dict[int, int] = {}  # the states on their way to the disk
        self.overtaken = Overtaken()
        self._unsettled: list[Met] = []

    # -- what a provider says -------------------------------------------------------------------

    async def told(self, provider: str, reports: Iterable[Report], source: str) -> None:
        """Take reports; return when they are on disk.  Raises StoreFailure."""
        known: list[Known] = []
        unknown: list[Report] = []
        named: list[Report] = []
        for report in reports:
            attempt = self._awaited.get((provider, report.provider_message_id))
            if attempt is not None:
                known.append((report, attempt, Stage.SUBMITTED))
            else:
                (unknown if report.message_id is None else named).append(report)
        if named:
            known += await self._named(provider, named)
        if known:
            await self._settle(known, source)
        if unknown:
            await self._search(provider, unknown, source)

    async def _named(self, provider: str, reports: Sequence[Report]) -> list[Known]:
        """Return the open messages that reports name by our message_id: these are never early."""
        found = await self._store.find([r.message_id for r in reports if r.message_id is not None])
        known: list[Known] = []
        for report in reports:
            message = found.get(report.message_id or 0)
            if message is None or message.attempt.provider != provider:  # it went on to another
                self._meters.unmatched(provider, 1)
            elif self._is_open(provider, message, report):
                if message.attempt.provider_message_id is None:  # it overtakes the answer
                    report = replace(report, renamed=report.provider_message_id)
                known.append((report, message.attempt, message.stage))
        return known

    async def _search(self, provider: str, reports: Sequence[Report], source: str) -> None:
        """Look for messages that are not in memory; what is not in the store either is early."""
        now = self._clock.wall()
        kept = [self.early.put(provider, report, now) for report in reports]
        keys = [(provider, report.provider_message_id) for report in reports]
        keeping = self._store.keep_early(kept)  # most are early: one commit for both
        finding = self._store.find(keys)
        try:
            await keeping
        finally:
            found = await finding
        known: list[Known] = []
        closed: list[tuple[str, str]] = []
        for key, report, early in zip(keys, reports, kept, strict=True):
            if key not in found or early not in self.early:
                continue  # `expect` meets it, or has met it meanwhile
            self.early.take(early)
            if self._is_open(provider, found[key], report):
                known.append((report, found[key].attempt, found[key].stage))
            else:
                closed.append(key)
        if closed:
            await self._store.drop_early(closed)
        if known:
            await self._settle(known, source, early=True)

    async def _settle(self, known: Sequence[Known], source: str, *, early: bool = False) -> None:
        now = self._clock.wall()
        news = [one for one in known if self._is_news(one[0], one[1])]
        settlements = [
            settlement(
                attempt,
                report.state,
                report.error,
                now,
                source=source,
                keep=self._keep,
                early=(attempt.provider, report.provider_message_id) if early else None,
                renamed=report.renamed or None,
            )
            for report, attempt, _ in news
        ]
        overtaking = self.overtaken.take(news)
        try:
            await self._store.settle(settlements)
        except StoreFailure:
            self.overtaken.undo(overtaking)
            raise
        finally:
            for report, attempt, _ in news:
                if self._settling.get(attempt.message.message_id) == report.state:
                    del self._settling[attempt.message.message_id]
        self.overtaken.ended(overtaking)
        for report, attempt, _ in news:
            self._heard(report, attempt, now)
            self._meters.reported(attempt.provider, source, report.state, 1)
        self.settled(settlements)

    def _is_news(self, report: Report, attempt: Attempt) -> bool:
        """Tell whether a report changes anything: a final state never does again."""
        message_id = attempt.message.message_id
        said = self._settling.get(message_id, attempt.state)
        if said == report.state or MessageState(said).is_final:
            self._meters.repeated(attempt.provider, said != report.state)
            return False
        self._settling[message_id] = report.state
        return True

    def _is_open(self, provider: str, found: Found, report: Report) -> bool:
        if found.stage is Stage.FINISHED:
            self._meters.repeated(provider, found.attempt.state != report.state)
            return False
        return True

    def _heard(self, report: Report, attempt: Attempt, now: float) -> None:
        attempt.state = report.state
        final = MessageState(report.state).is_final
        awaited = self._forget(attempt) if final or report.renamed else False
        if report.renamed:
            attempt.provider_message_id = report.renamed
        if awaited and not final:  # those that are not are found in the store
            self._awaited[attempt.provider, report.renamed] = attempt
        if final and attempt.answered_at:
            self._meters.report_latency(attempt.provider, max(0.0, now - attempt.answered_at))

    # -- what comes before its message is known -------------------------------------------------

    async def restore(self, reports: Iterable[EarlyReport]) -> None:
        """Take back what the store kept: some of it may be known by now."""
        by_provider: dict[str, list[Report]] = {}
        for early in reports:
            by_provider.setdefault(early.provider, []).append(as_report(early))
        for provider, kept in by_provider.items():
            for at in range(0, len(kept), RESTORED_AT_ONCE):
                await self.told(provider, kept[at : at + RESTORED_AT_ONCE], "push")

    def expect(self, attempts: Sequence[Attempt]) -> list[Met]:
        """Await reports about attempts just accepted; return those that have come already.

        Called before the acceptance is durable, so that no report falls in between.
        """
        for attempt in attempts:
            if not MessageState(attempt.state).is_final:
                self._awaited[attempt.provider, attempt.provider_message_id or ""] = attempt
        while len(self._awaited) > MOST_AWAITED:
            del self._awaited[next(iter(self._awaited))]
        return self.early.match(attempts) if self.early else []

    def unexpect(self, met: Sequence[Met]) -> None:
        """Undo `expect`: the acceptance could not be written down yet."""
        for report, attempt in met:
            self.early.put(attempt.provider, report, self._clock.wall())

    async def settle_early(self, met: Sequence[Met]) -> None:
        """Settle messages whose reports came first, now that their acceptance is durable."""
        try:
            known = [(report, attempt, Stage.SUBMITTED) for report, attempt in met]
            await self._settle(known, "push", early=True)
        except StoreFailure:
            self._unsettled += met

    async def forget_early(self) -> None:
        """Settle what could not be settled; give up reports that are too old, or too many."""
        if self._unsettled:
            met, self._unsettled = self._unsettled, []
            await self.settle_early(met)
        late = self.early.outdated(self._clock.wall())
        if late:
            for report in late:
                self._meters.unmatched(report.provider, 1)
            await self._store.drop_early([(r.provider, r.provider_message_id) for r in late])

    # -- what we say ourselves ------------------------------------------------------------------

    def own(self, fates: Sequence[Fate]) -> list[Settlement]:
        """Return reports of our own, which are final: failed, rejected, expired, given up."""
        now = self._clock.wall()
        return [
            settlement(attempt, state, error, now, source="own", keep=self._keep, final=True)
            for attempt, state, error in fates
        ]

    async def settle_own(self, fates: Sequence[Fate]) -> bool:
        """Write down reports of our own; tell whether it worked.

        A message that a provider's report is just settling is left to that.
        """
        fates = [f for f in fates if not self._is_ending(f[0])]
        settlements = self.own(fates)
        self.ending(fates)
        try:
            await self._store.settle(settlements)
        except StoreFailure:
            return False
        finally:
            self.ended(fates)
        for attempt, _, _ in fates:
            self._forget(attempt)
        self.settled(settlements)
        return True

    def ending(self, fates: Sequence[Fate]) -> None:
        """Note fates that are on their way to the disk: no report changes them."""
        self._settling |= {attempt.message.message_id: state for attempt, state, _ in fates}

    def ended(self, fates: Sequence[Fate]) -> None:
        """Note that fates are on the disk, or could not be written."""
        for attempt, _, _ in fates:
            self._settling.pop(attempt.message.message_id, None)

    def _is_ending(self, attempt: Attempt) -> bool:
        said = self._settling.get(attempt.message.message_id, 0)
        return MessageState(said).is_final

    def settled(self, settlements: Sequence[Settlement]) -> None:
        """Go on with settlements that are durable: deliver, count, tell."""
        owed = [delivery for s in settlements for delivery in s.deliveries]
        if owed:
            self._owe(owed)
        for s in settlements:
            if s.final:
                self._meters.finished(s.attempt.message.system_id, s.state, 1)
                if self._every_fate or s.state not in _WELL:
                    self._tell(s)

    def _forget(self, attempt: Attempt) -> bool:
        """Await no reports about an attempt any more; tell whether they were."""
        key = attempt.provider, attempt.provider_message_id or ""
        return self._awaited.pop(key, None) is not None

    def _tell(self, s: Settlement) -> None:
        names = {
            MessageState.DELIVERED: "message_delivered",
            MessageState.EXPIRED: "message_expired",
            MessageState.ACCEPTED: "message_ended",
        }
        message = s.attempt.message
        self._journal(
            names.get(MessageState(s.state), "message_failed"),
            message_id=message.message_id,
            system_id=message.system_id,
            destination=message.number,
            provider=s.attempt.provider,
            provider_message_id=s.attempt.provider_message_id,
            state=MessageState(s.state).name,
            error=s.error,
            source=s.source,
            **_others(message),
        )


def _others(message: Message) -> dict[str, list[int]]:
    """Return the ids that the segments of a long message were given, for its line in the log."""
    ids = [segment.message_id for segment in message.segments]
    return {"segments": ids} if ids else {}

"""backlog: the attempts in line: counted, read back, moved along their route, expired."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from math import inf

from smppbridge.model.message import Attempt
from smppbridge.model.reasons import Reason
from smppbridge.relay.lanes import failover, quiet, retry
from smppbridge.relay.lanes.batch import Batch, Load, all_attempts, divided
from smppbridge.relay.lanes.lane import IN_MEMORY, MANY, Lane
from smppbridge.relay.lanes.lanes import Lanes
from smppbridge.relay.lanes.skipped import note_diverted, note_expired, note_waiting, why_shut
from smppbridge.relay.ports import Around
from smppbridge.relay.report.ending import Endings, Fate, Standing
from smppbridge.relay.report.report import Reports
from smppbridge.smpp.constants import MessageState
from smppbridge.store.port import LineQuery, StoreFailure, SubmitStore, Verdict

HASTENED = 1_000  # messages that are made due in one transaction
STORE_PAUSE = 1.0  # seconds before the store is tried again
WAKES_EVERY = 30.0  # seconds: a provider may go and come again and again


class Backlog:
    """Keeps the lines of all lanes filled; *move* lets a lane begin attempts.

    Only Backlog writes the attempts that are held for a report, the lanes that are to be woken, and
    a lane's *loading*.
    """

    def __init__(
        self,
        store: SubmitStore,
        lanes: Lanes,
        reports: Reports,
        endings: Endings,
        *,
        move: Callable[[Lane], None],
        around: Around,
    ) -> None:
        self._store, self._lanes, self._reports, self._endings = store, lanes, reports, endings
        self._move, self._clock, self._meters = move, around.clock, around.meters
        self._journal, self._spawn, self._notes = around.journal, around.spawn, around.notes
        self._draining = False
        self._waking: set[str] = set()  # lanes whose provider is there again
        self._woken: dict[str, float] = {}  # when a lane was woken last
        self._held: list[Attempt] = []  # in line, until it is known whether a report ends them

    def wait(self, attempts: Iterable[Attempt], dues: Iterable[float] | None = None) -> None:
        """Put attempts in line that are WAITING in the store; count those that are not due yet.

        *dues* (UNIX seconds) are the times of the attempts; None: those of their messages.
        """
        wall = self._clock.wall()
        ready: dict[Lane, list[Attempt]] = {}
        if dues is None:
            attempts = list(attempts)
            dues = [attempt.message.due for attempt in attempts]
        for attempt, due in zip(attempts, dues, strict=True):
            lane = self._lanes.by_name.get(attempt.provider)
            if lane is None:
                continue  # the store keeps the attempt until its provider is back
            in_line = ready.setdefault(lane, [])
            if self._endings.moving and not self._is_open(lane, attempt):
                continue
            if due <= wall:
                in_line.append(attempt)
            else:
                lane.later(attempt)
        for lane, in_line in ready.items():
            lane.wait(in_line)
            self._move(lane)

    def wait_again(self, verdicts: Iterable[Verdict]) -> None:
        """Put attempts in line by the verdicts of another try: at their time, or in their place."""
        verdicts = list(verdicts)
        note_waiting(self._notes, verdicts)
        others: list[Verdict] = []
        in_place: dict[str, list[Attempt]] = {}
        for verdict in verdicts:
            attempt = verdict.attempt
            if retry.keeps_place(verdict):
                in_place.setdefault(attempt.provider, []).append(attempt)
            else:
                attempt.provider, attempt.hop = verdict.next_provider, verdict.next_hop
                others.append(verdict)
        if others:
            self.wait([v.attempt for v in others], [v.due or 0.0 for v in others])
        for name, attempts in in_place.items():
            if lane := self._lanes.by_name.get(name):
                self.come_back(lane, attempts)

    def put_back(self, lane: Lane, attempts: Iterable[Attempt]) -> None:
        """Put attempts back to the front of their lines: the store failed to record their move."""
        back: list[Attempt] = []
        for attempt in attempts:
            standing = self._endings.standing(attempt.message)
            if standing is Standing.ENDED:
                lane.gone([attempt])
            else:
                (self._held if standing is Standing.ENDING else back).append(attempt)
        lane.queue.put_back(back)

    def without_lost(
        self, lane: Lane, loads: Sequence[Load], begun: Sequence[Attempt]
    ) -> list[Load]:
        """Return the requests whose attempts have all begun; recall the attempts of the others.

        An attempt that has not begun is another bridge's: it leaves the lane.
        """
        whole, others = divided(loads, begun)
        lane.give_back(len(loads) - len(whole) - len(others))
        if others:
            self._spawn(self.recall(lane, others))
        return whole

    async def recall(self, lane: Lane, loads: Sequence[Load]) -> None:
        """Put attempts in line again that were begun and did not leave, for now."""
        attempts = all_attempts(loads)
        try:
            await self._store.recall(attempts)
        except StoreFailure:
            lane.ready.extendleft(reversed(loads))  # they are recalled at the next tick, or leave
            return
        for attempt in attempts:
            attempt.number, attempt.batch = attempt.number - 1, None
        lane.give_back(len(loads))
        self.come_back(lane, attempts)

    def come_back(self, lane: Lane, attempts: Sequence[Attempt]) -> None:
        """Put attempts that are WAITING again to the front of their lines: the lane was too fast.

        Either they were recalled, or their provider refused them as too fast.
        """
        if self._endings.moving:
            attempts = [attempt for attempt in attempts if self._is_open(lane, attempt)]
        for attempt in attempts:
            lane.later(attempt)
        lane.queue.put_back(lane.hold(attempts))
        self._move(lane)

    def come_again(self, attempt: Attempt, before: str) -> None:
        """Put an attempt in line, as the store has it now, that was withdrawn from a line.

        *before* is the provider of that line.  In the same line the attempt keeps its place.
        """
        if lane := self._lanes.by_name.get(before):
            lane.gone([attempt])
        if lane and attempt.provider == before and attempt.message.due <= self._clock.wall():
            self.come_back(lane, [attempt])
        else:
            self.wait([attempt])

    def _is_open(self, lane: Lane, attempt: Attempt) -> bool:
        """Return whether a message is open; an attempt whose message is ending is held."""
        standing = self._endings.standing(attempt.message)
        if standing is Standing.ENDING:
            lane.later(attempt)
            self._held += lane.hold([attempt])
        return standing is Standing.OPEN

    # -- quiet hours ----------------------------------------------------------------------------

    def set_aside(self, lane: Lane, attempts: Sequence[Attempt]) -> None:
        """End attempts that were taken out of line if expired; hold the others: they are quiet."""
        wall = self._clock.wall()
        if expired := [a for a in attempts if a.message.expires_at <= wall]:
            self._spawn(self.end_expired(lane, expired))
        if len(expired) < len(attempts):
            held = [a for a in attempts if a.message.expires_at > wall]
            held += lane.queue.remove(lambda a: quiet.leaves_at(a.message, wall) > wall)
            self._spawn(self._hold(lane, held, wall))

    async def _hold(self, lane: Lane, attempts: Sequence[Attempt], wall: float) -> None:
        """Make attempts out of line due at the end of their quiet hours."""
        try:
            await self._store.revisit([_quiet_due([a], a, wall) for a in attempts])
        except StoreFailure:
            self.put_back(lane, attempts)
            lane.begin_after(self._clock.monotonic() + STORE_PAUSE)
            return
        self._held += attempts  # the next tick leaves them to the store, unless a report ended one
        for system_id, count in Counter(a.message.system_id for a in attempts).items():
            self._meters.quiet(system_id, count)
            self._notes.reason(Reason.QUIET_HOURS.value, system_id, count)
        self._journal("messages_quiet", provider=lane.name, messages=len(attempts))
        self._move(lane)

    def keep_quiet(self, lane: Lane, loads: Sequence[Load]) -> list[Load]:
        """Recall the requests that are in quiet hours by now; return those that may leave."""
        late = quiet.late(loads, self._clock.wall())
        if not late:
            return [*loads]
        lane.keep(len(late))
        self._spawn(self.recall(lane, late))
        return [load for load in loads if load not in late]

    async def put_off(self, batches: Sequence[Batch]) -> list[Batch]:
        """Make batches due again at the end of their quiet hours; return those that have none now.

        Raises StoreFailure.
        """
        wall = self._clock.wall()
        dues = {
            batch.name: [_quiet_due(batch.undecided, a, wall) for a in batch.undecided]
            for batch in batches
            if any(quiet.leaves_at(a.message, wall) > wall for a in batch.undecided)
        }
        if dues:
            await self._store.revisit([due for each in dues.values() for due in each])
        return [batch for batch in batches if batch.name not in dues]

    def drain(self, draining: bool = True) -> None:
        """Send no message to another provider any more: the bridge is stopping; or do so again."""
        self._draining = draining

    # -- time passes ----------------------------------------------------------------------------

    def tick(self) -> None:
        """Forget held attempts whose messages have ended; leave the open ones to the store."""
        self._endings.tick()
        held, self._held = self._held, []
        for attempt in held:
            lane = self._lanes.by_name.get(attempt.provider)
            standing = self._endings.standing(attempt.message)
            if standing is Standing.ENDING:
                self._held.append(attempt)
            elif lane is not None:
                (lane.gone if standing is Standing.ENDED else lane.let_go)([attempt])
        for name in [*self._waking]:
            self._wake_now(name)

    def wake(self, name: str) -> None:
        """Make the messages due that wait for a provider which is there again, at the next tick.

        The oldest messages were tried most often: their pauses have grown longest.
        """
        self._waking.add(name)

    def _wake_now(self, name: str) -> None:
        now, lane = self._clock.monotonic(), self._lanes.by_name.get(name)
        if lane is not None and now < self._woken.get(name, -inf) + WAKES_EVERY:
            return
        self._waking.discard(name)
        if lane is not None:
            self._woken[name] = now
            self._spawn(self._wake(lane))

    async def _wake(self, lane: Lane) -> None:
        """Make the tried messages of a lane due, so many at a time; they are read back by age."""
        lines = [line for line in lane.queue.lines.values() if line.depth > len(line.held)]
        for line in lines:
            lane.overflow(line, True)  # a new message stays behind them
        named, wall = [(line.system_id, line.priority) for line in lines], self._clock.wall()
        try:
            while await self._store.hasten(lane.name, named, wall, HASTENED) == HASTENED:
                pass
        except StoreFailure:
            self._waking.add(lane.name)
        self.refill(lane)

    def divert(self, lane: Lane) -> None:
        """Move the messages of a shut lane to open lanes: reads the whole queue, so not often."""
        if self._draining:
            return
        if lane.queue.waiting and lane.is_shut(self._clock.monotonic()):
            self._spawn(self._divert(lane))

    async def _divert(self, lane: Lane) -> None:
        now = self._clock.monotonic()
        detours = failover.take_detours(self._lanes.by_name, lane, now)
        if not detours:
            return
        attempts = [detour.attempt for detour in detours]
        try:
            await self._store.move(attempts)
        except StoreFailure:
            for detour in detours:
                detour.undo()
            self.put_back(lane, attempts)
            return
        lane.gone(attempts)
        note_diverted(self._notes, lane, attempts)
        why = why_shut(lane).value
        self._journal("messages_diverted", provider=lane.name, messages=len(attempts), reason=why)
        self.wait(attempts)

    def refill(self, lane: Lane) -> None:
        """Read attempts back for lines that have more attempts in the store than in memory."""
        if not lane.loading and lane.hungry():
            lane.loading = True
            self._spawn(self._refill(lane))

    async def _refill(self, lane: Lane) -> None:
        lines = lane.hungry()
        room = max(0, IN_MEMORY - lane.queue.waiting)
        limit = max(1, min(max(MANY, lane.most), room // len(lines)))
        wanted = [LineQuery(line.system_id, line.priority, line.held) for line in lines]
        try:
            found = await self._store.waiting(lane.name, wanted, self._clock.wall(), limit)
        except StoreFailure:
            return
        finally:
            lane.loading = False
        for line, attempts in zip(lines, found, strict=True):
            lane.load(line, attempts)
            lane.overflow(line, len(attempts) == limit and line.depth > len(line.held))
        if any(found):
            self.divert(lane)
            self._move(lane)

    async def expire(self) -> None:
        """End messages whose deadline passed while they waited, in memory or in the store."""
        wall = self._clock.wall()
        for lane in list(self._lanes.by_name.values()):
            if waited := lane.expired(wall):
                await self.end_expired(lane, waited)
            try:
                stored = await self._store.expired(lane.name, wall, MANY)
            except StoreFailure:
                return
            if fresh := lane.hold(stored):
                await self.end_expired(lane, fresh)

    async def end_expired(self, lane: Lane, attempts: Sequence[Attempt]) -> None:
        """End messages that were taken out of line as EXPIRED, unless a report ends them."""
        fates = [Fate(attempt, MessageState.EXPIRED) for attempt in attempts]
        settled = await self._reports.settle_own(fates) or ()
        ended = {a.message.message_id for a in settled}
        if settled:
            note_expired(self._notes, lane, settled, self._clock.monotonic())
        for attempt in attempts:
            (lane.gone if attempt.message.message_id in ended else lane.let_go)([attempt])


def _quiet_due(sharing: Iterable[Attempt], attempt: Attempt, wall: float) -> tuple[int, float]:
    """Return when an attempt may leave with those that share its request, or expires before."""
    end = max(quiet.leaves_at(each.message, wall) for each in sharing)
    return attempt.message.message_id, min(end, attempt.message.expires_at)

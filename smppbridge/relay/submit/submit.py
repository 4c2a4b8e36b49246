"""submit: the attempts of a message, recorded before their requests leave and when they conclude.

wait -> begin .disk. -> leave -> concluded -> decide -> claim -> record .disk. -> conclude
     ^---- recall .disk. <-'                                                       |
     ^------------------------------------------------------------------ again, or onward
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from smppbridge.model.message import Attempt, Stage
from smppbridge.model.outcome import Accepted, Outcome, Refused, Uncertain
from smppbridge.relay.lanes import failover, retry
from smppbridge.relay.lanes.batch import Batch, Load, all_attempts, attempts_of, provider_of
from smppbridge.relay.lanes.conclusions import BACK, adjust, sorted_out, undecided
from smppbridge.relay.lanes.lane import Lane
from smppbridge.relay.lanes.lanes import Lanes
from smppbridge.relay.lanes.skipped import note_failed
from smppbridge.relay.ports import Around
from smppbridge.relay.report.ending import Endings, Fate, Standing
from smppbridge.relay.report.report import Reports
from smppbridge.relay.submit.backlog import STORE_PAUSE, Backlog
from smppbridge.relay.submit.carry import Carrier, Conclusions
from smppbridge.relay.submit.repeats import Repeats
from smppbridge.store.port import StoreFailure, SubmitStore, Verdict

_SUBMITTED = Stage.SUBMITTED  # members of an Enum are slow to load
_KEY_TOO_OLD = Uncertain("its key was too old when it could leave again")


class Submit:
    """Moves the attempts of all lanes: only Submit lets a request leave.

    Only Submit and its Backlog (through failover) write attempts that are placed, but for the state
    (Endings) and the new id of a renamed attempt (Reports).
    *random* returns 0 to 1, for jitter; *new_key* makes the key of a request, a random UUID.
    """

    def __init__(
        self,
        store: SubmitStore,
        lanes: Lanes,
        carrier: Carrier,
        reports: Reports,
        endings: Endings,
        *,
        random: Callable[[], float],
        new_key: Callable[[], str],
        around: Around,
    ) -> None:
        self._store, self._lanes, self._carrier = store, lanes, carrier
        self._reports, self._endings, self._responses = reports, endings, endings.responses
        self._draining, self._random, self._new_key = False, random, new_key
        self._clock, self._meters = around.clock, around.meters
        self._journal, self._spawn, self._notes = around.journal, around.spawn, around.notes
        self._unrecorded: list[Verdict] = []  # until the next tick
        self._suspended = False
        self.backlog = Backlog(store, lanes, reports, endings, move=self._move, around=around)
        self._repeats = Repeats(store, self.backlog, around.clock, self._decide)

    def take(self, attempts: Iterable[Attempt]) -> None:
        """Let attempts leave that are begun (number 1); put the other attempts in line."""
        begun: dict[str, list[Attempt]] = {}
        waiting: list[Attempt] = []
        for attempt in attempts:
            if attempt.number:
                begun.setdefault(attempt.provider, []).append(attempt)
            else:
                waiting.append(attempt)
        for name, loads in begun.items():
            lane = self._lanes.by_name[name]
            lane.begun(loads)
            self._leave(lane)
        if waiting:
            self.backlog.wait(waiting)

    def drain(self, draining: bool = True) -> None:
        """Begin no attempt any more: the bridge is stopping; or begin attempts again."""
        self._draining = draining
        self._lanes.drain(draining)
        self.backlog.drain(draining)

    def suspend(self, suspended: bool) -> None:
        """Let no attempt leave, begun or not, as long as the bridge is *suspended*."""
        self._suspended = suspended

    @property
    def unrecorded(self) -> Sequence[Verdict]:
        """The verdicts that the store failed to record."""
        return self._unrecorded

    # -- time passes ----------------------------------------------------------------------------

    def tick(self) -> None:
        """Do the acts that time has made due: called twice a second or so."""
        self.backlog.tick()
        if self._unrecorded:
            verdicts, self._unrecorded = self._unrecorded, []
            self._spawn(self._record(verdicts))
        for lane in self._lanes.by_name.values():
            self._leave(lane)
            self.backlog.divert(lane)
            self.backlog.refill(lane)
            self._move(lane)

    def pace(self) -> None:
        """Let requests leave that rates and ended pauses allow: called many times a second."""
        for lane in self._lanes.by_name.values():
            if lane.rules.rate or lane.pace.is_slow or lane.throttle.in_row:
                self._leave(lane)
                self._move(lane)

    @property
    def idle(self) -> bool:
        """Whether no request is out and every outcome is recorded."""
        return not self._unrecorded and all(lane.idle for lane in self._lanes.by_name.values())

    # -- an attempt begins and leaves -----------------------------------------------------------

    def _move(self, lane: Lane) -> None:
        if self._draining:
            return
        now, wall = self._clock.monotonic(), self._clock.wall()
        loads, others = lane.take(now, wall, self._new_key)
        if others:
            self.backlog.set_aside(lane, others)
        if loads:
            for load in loads:
                name = load.name if type(load) is Batch else None
                for attempt in attempts_of(load):
                    attempt.number += 1
                    attempt.begun_at, attempt.batch = wall, name
            self._spawn(self._begin(lane, loads))
        elif lane.overflowing:
            self.backlog.refill(lane)

    async def _begin(self, lane: Lane, loads: Sequence[Load]) -> None:
        attempts = all_attempts(loads)
        try:
            begun = await self._store.begin(attempts)
        except StoreFailure:
            for attempt in attempts:
                attempt.number -= 1
            lane.give_back(len(loads))
            self.backlog.put_back(lane, attempts)
            lane.begin_after(self._clock.monotonic() + STORE_PAUSE)
            return
        lane.gone(attempts)
        if len(begun) < len(attempts):  # of the others another bridge has the messages
            loads = self.backlog.without_lost(lane, loads, begun)
        lane.begun(loads)
        self._leave(lane)
        self._move(lane)

    async def repeat(self, lane: Lane, names: Sequence[str]) -> set[str]:
        """Repeat requests whose outcome is Uncertain, unchanged and under their keys.

        Returns the names of requests that cannot be repeated unchanged: one of their attempts is
        gone, or waits.  Raises StoreFailure.
        """
        broken = await self._repeats.begin(lane, names)
        self._leave(lane)
        return broken

    async def resend(self, attempts: Sequence[Attempt]) -> None:
        """Begin another try of Uncertain attempts, as an operator decided: perhaps a second SMS."""
        now, outcome = self._clock.wall(), Uncertain("to be sent again, by hand")
        await self._record([retry.waiting(attempt, outcome, now) for attempt in attempts])

    def _leave(self, lane: Lane) -> None:
        if self._suspended:
            return
        now = self._clock.monotonic()
        stands = lane.held or lane.paused_until > now or not lane.breaker.is_closed
        if lane.ready and stands and (back := lane.recall(now)):
            self._spawn(self.backlog.recall(lane, back))
        leaving = lane.leave(now)
        if leaving and lane.watched:
            leaving = self.backlog.keep_quiet(lane, leaving)
        if leaving and (self._endings.moving or lane.repeating):
            leaving = self._unchanged(lane, leaving)
        if leaving:
            self._carrier.carry(lane.name, leaving, lane.exchange, self._concluded)

    def _unchanged(self, lane: Lane, loads: Sequence[Load]) -> list[Load]:
        """Return the requests that may leave as they were begun; recall or decide about the others.

        A request is recalled if one of its messages ends: the other messages are open, and had no
        try.  A repeated request keeps its attempts, ended or not: its key stands for all of them,
        and the provider may not know the key any more.
        """
        leaving: list[Load] = []
        recalled: list[Load] = []
        wall = self._clock.wall()
        for load in loads:
            attempts = attempts_of(load)
            if type(load) is Batch and load.repeated:
                if lane.rules.policy.knows_key(attempts[0], wall):
                    leaving.append(load)
                else:
                    lane.out -= 1
                    lane.repeating.discard(load.name)
                    self._decide([(attempt, _KEY_TOO_OLD, True) for attempt in load.undecided])
            elif all(self._endings.standing(a.message) is Standing.OPEN for a in attempts):
                leaving.append(load)
            else:
                recalled.append(load)
        if recalled:
            lane.keep(len(recalled))
            self._spawn(self.backlog.recall(lane, recalled))
        return leaving

    # -- a request is concluded -----------------------------------------------------------------

    def _concluded(self, conclusions: Conclusions) -> None:
        now, wall = self._clock.monotonic(), self._clock.wall()
        by_name: dict[str, Conclusions] = {}
        for conclusion in conclusions:
            by_name.setdefault(provider_of(conclusion[0]), []).append(conclusion)
        for name, requests in by_name.items():
            lane = self._lanes.by_name[name]
            lane.out -= len(requests)
            accepted, others = sorted_out(requests)
            if lane.repeating:
                lane.repeating -= {r.load.name for r in others if type(r.load) is Batch}
            meters = self._meters
            for event, facts in adjust(lane, accepted, others, now=now, wall=wall, meters=meters):
                self._journal(event, provider=name, **facts)
                if event in BACK:
                    self.backlog.wake(name)
            policy = lane.rules.policy
            verdicts = [retry.submitted(a, outcome, policy, wall) for a, outcome in accepted]
            if others:
                verdicts += self._verdicts(undecided(others))
            self._spawn(self._record(verdicts))
        for name in by_name:
            lane = self._lanes.by_name[name]
            if lane.ready:
                self._leave(lane)
            if lane.queue.waiting or lane.overflowing:
                self._move(lane)

    def interrupted(self, attempts: Iterable[Attempt]) -> None:
        """Decide about attempts whose requests were out when the process ended."""
        self.decide((a, Uncertain("the bridge stopped while it was out")) for a in attempts)

    def decide(self, outcomes: Iterable[tuple[Attempt, Outcome]]) -> None:
        """Decide about Uncertain attempts whose outcomes are known now."""
        self._decide([(attempt, outcome, False) for attempt, outcome in outcomes])

    def _decide(self, outcomes: Iterable[tuple[Attempt, Outcome, bool]]) -> None:
        self._spawn(self._record(self._verdicts(outcomes)))

    def _verdicts(self, outcomes: Iterable[tuple[Attempt, Outcome, bool]]) -> list[Verdict]:
        now = self._clock.wall()
        return [
            retry.decide(
                attempt,
                outcome,
                self._lanes.by_name[attempt.provider].rules.policy,
                now=now,
                random=self._random(),
                onward=self._onward,
                repeated=repeated,
            )
            for attempt, outcome, repeated in outcomes
        ]

    def _onward(self, attempt: Attempt, only_open: bool) -> int | None:
        now = self._clock.monotonic()
        return failover.onward(self._lanes.by_name, attempt, now, only_open=only_open)

    async def _record(self, verdicts: list[Verdict]) -> None:
        if self._endings.moving:
            verdicts = self._still_open(verdicts)
        if not verdicts:
            return
        ending = self._endings.claim([_fate_of(v) for v in verdicts if v.state], "own")
        recorded = self._store.record(verdicts, ending.settlements)
        met = self._reports.expect(_named(verdicts))
        try:
            await recorded
        except StoreFailure:
            self._endings.release(ending)
            self._reports.unexpect(met)
            self._unrecorded += verdicts
            return
        if ending.fates:
            self._endings.conclude(ending)
        if self._responses.waiting:
            self._responses.accepted(verdicts)
        if others := [v for v in verdicts if v.stage is not _SUBMITTED]:
            self._go_on(others)
        if met or not self._reports.shared.alone:  # last: who waits could be read back meanwhile
            await self._reports.settle_early(met, [v.attempt for v in verdicts])

    def _still_open(self, verdicts: Sequence[Verdict]) -> list[Verdict]:
        """Return the verdicts on open messages; keep those on ending messages for the next tick."""
        open_: list[Verdict] = []
        for verdict in verdicts:
            standing = self._endings.standing(verdict.attempt.message)
            if standing is Standing.OPEN:
                open_.append(verdict)
            elif standing is Standing.ENDING:
                self._unrecorded.append(verdict)
        return open_

    def _go_on(self, verdicts: Iterable[Verdict]) -> None:
        waiting: list[Verdict] = []
        for verdict in verdicts:
            attempt, outcome = verdict.attempt, verdict.outcome
            if verdict.stage is Stage.WAITING:
                waiting.append(verdict)
            elif isinstance(outcome, Uncertain) and not verdict.state:
                self._log("message_uncertain", attempt, outcome)
            elif verdict.state:
                if isinstance(outcome, Refused):
                    self._log("message_refused", attempt, outcome)
                note_failed(self._notes, self._lanes, verdict)
        if waiting:
            self.backlog.wait_again(waiting)

    def _log(self, event: str, attempt: Attempt, outcome: Refused | Uncertain) -> None:
        self._journal(
            event,
            message_id=attempt.message.message_id,
            system_id=attempt.message.system_id,
            provider=attempt.provider,
            attempt=attempt.number,
            reason=outcome.reason,
            **({"words": outcome.words} if outcome.words else {}),
        )


def _fate_of(verdict: Verdict) -> Fate:
    status = getattr(verdict.outcome, "command_status", 0)
    return Fate(verdict.attempt, verdict.state, verdict.error, command_status=status)


def _named(verdicts: Iterable[Verdict]) -> list[Attempt]:
    """Give accepted attempts their provider_message_id, and return these attempts."""
    accepted: list[Attempt] = []
    for verdict in verdicts:
        if type(verdict.outcome) is Accepted:
            attempt = verdict.attempt
            attempt.provider_message_id = verdict.provider_message_id
            attempt.parts = verdict.parts
            attempt.answered_at = verdict.at
            accepted.append(attempt)
    return accepted

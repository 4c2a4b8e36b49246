"""clockwork: the acts of a bridge that are due every so often."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from smppbridge.service.doubts import log_doubts

if TYPE_CHECKING:
    from smppbridge.service.bridge import Bridge

FORGOTTEN_AT_ONCE, FORGOTTEN_TIMES = 500, 4  # a second: twice what a busy bridge finishes
_BREATH = 0.1


class Clockwork:
    """The loops of a bridge."""

    _log = Logger()

    def __init__(self, bridge: Bridge) -> None:
        self.figures: dict[str, float] = {}
        self.oldest_owed: dict[str, float] = {}  # UNIX seconds, by system_id
        self._bridge = bridge
        self._breathed = 0.0
        self._forgetting = False
        self._loops: list[LoopingCall] = []

    def start(self) -> None:
        """Start all loops."""
        self._breathed = self._bridge.clock.monotonic()
        self._every(0.05, self._twentieth)
        self._every(_BREATH, self._breathe)
        self._every(0.5, self._half_second)
        self._every(1.0, self._second)
        self._every(10.0, self._ten_seconds)
        self._every(86_400.0, lambda: log_doubts(self._bridge))

    def stop(self) -> None:
        """Stop all loops; the figures of the day are written a last time."""
        for loop in self._loops:
            loop.stop()
        self._bridge.spawn(self._bridge.kept.keep(at_once=True))

    def _every(self, seconds: float, call: Callable[[], None]) -> None:
        def guarded() -> None:
            try:
                call()
            except Exception:  # a loop that ended would never be missed until it is too late
                self._log.failure("clockwork")

        loop = LoopingCall(guarded)
        loop.clock = self._bridge.reactor
        loop.start(seconds, now=False)
        self._loops.append(loop)

    def _twentieth(self) -> None:
        self._bridge.relay.submit.pace()
        self._bridge.relay.deliver.flush()

    def _breathe(self) -> None:
        bridge = self._bridge
        now = bridge.clock.monotonic()
        bridge.metrics.reactor_lag(max(0.0, now - self._breathed - _BREATH))
        self._breathed = now
        if step := bridge.clock.look():
            bridge.journal("clock_set", seconds=round(step, 1), lead=round(bridge.clock.lead, 1))
        bridge.journal.flush()
        bridge.relay.ussd.tick()
        bridge.relay.query.tick()
        bridge.relay.cancel.tick()

    def _half_second(self) -> None:
        self._bridge.relay.submit.tick()
        self._bridge.relay.deliver.tick()
        self._bridge.relay.responses.tick()

    def _second(self) -> None:
        bridge = self._bridge
        bridge.relay.overdue.tick()
        bridge.relay.rounds.tick()
        bridge.doors.outbinds.tick()
        bridge.tracing.tick()
        bridge.live.tick()
        bridge.spawn(bridge.admin.broadcast.tick())
        bridge.spawn(bridge.relay.overdue.by_hand())
        bridge.spawn(bridge.relay.mobile.take_back())
        bridge.spawn(bridge.relay.accept.expire(bridge.doors.binds.rights))
        bridge.spawn(self._forget())
        bridge.relay.accept.refused.tick()
        bridge.reasons.tick()
        bridge.spawn(bridge.notebook.flush())
        if bridge.store.failing:
            bridge.spawn(self._probe())
        if bridge.store.alive:
            bridge.notify.alive()

    def _ten_seconds(self) -> None:
        bridge = self._bridge
        bridge.spawn(bridge.relay.submit.backlog.expire())
        bridge.spawn(bridge.relay.reports.forget_early())
        bridge.spawn(bridge.relay.deliver.lapse())
        bridge.spawn(self._measure())
        bridge.spawn(bridge.notebook.forget())
        bridge.beside.exports.tick(bridge.clock.wall())
        bridge.spawn(bridge.credits.keep(bridge.clock.wall()))
        bridge.spawn(bridge.kept.keep())
        bridge.notify.status(bridge.status())

    async def _forget(self) -> None:
        settings = self._bridge.settings
        kept = max(settings.retention, settings.receipts.keep)  # a receipt needs its message
        before = self._bridge.clock.wall() - kept
        if self._forgetting:  # a slow disk: calls must not pile up
            return
        self._forgetting = True
        try:
            for _ in range(FORGOTTEN_TIMES):
                exported = self._bridge.beside.exports.exported
                found = await self._bridge.store.forget(before, FORGOTTEN_AT_ONCE, exported)
                if found < FORGOTTEN_AT_ONCE:
                    return
        finally:
            self._forgetting = False

    async def _probe(self) -> None:
        """Find out whether there is room again: nobody may submit while we are not ready."""
        await self._bridge.store.probe()

    async def _measure(self) -> None:
        self.figures.update(await self._bridge.store.measure())
        self.oldest_owed = await self._bridge.store.oldest_owed()

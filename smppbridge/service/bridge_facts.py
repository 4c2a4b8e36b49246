"""bridge_facts: the facts about a waiting message that the running bridge knows, not the store."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from smppbridge.model.message import Stage
from smppbridge.model.reasons import Reason
from smppbridge.model.report import Delivery
from smppbridge.model.verdict_facts import BridgeFacts
from smppbridge.net.esme_session import EsmeSession
from smppbridge.relay.lanes.lane import Lane
from smppbridge.relay.lanes.queue import Line
from smppbridge.service.build import Relay
from smppbridge.service.clock import SystemClock
from smppbridge.service.doors import PeerListeners
from smppbridge.store.lookup import ListedMessage


@dataclass(frozen=True, slots=True)
class WaitingPlaces:
    """The parts of a bridge that messages wait in."""

    relay: Relay
    doors: PeerListeners
    clock: SystemClock

    def of(self, message: ListedMessage) -> BridgeFacts:
        """Return the facts about a message's lane, segments and sessions."""
        account = self._account_of(message)
        if message.stage == Stage.GATHERING:
            return replace(account, until=self._gathered_until(message))
        lane = self.relay.lanes.by_name.get(message.provider)
        if message.stage != Stage.WAITING or lane is None:
            return account
        now = self.clock.monotonic()
        shut, until = self._shut(lane, now)
        return replace(
            account,
            shut=shut,
            until=None if until is None else self.clock.wall() + until - now,
            before=_before(lane, message),
            limit="" if shut else _limit(lane, now),
            speed=0.0 if shut else _speed(lane, now),
        )

    def _account_of(self, message: ListedMessage) -> BridgeFacts:
        """Return the facts about the sessions of a message's account."""
        outbox = self.relay.deliver.outboxes.get(message.system_id)
        sessions = self.doors.binds.sessions.get(message.system_id, ())
        until = [
            at
            for each in sessions
            if isinstance(each, EsmeSession)
            for at, _, about in each.session.asked.open.values()
            if isinstance(about, Delivery) and about.parent == message.message_id
        ]
        now = self.doors.smsc.clock.seconds()
        return BridgeFacts(
            receivers=len(outbox.receivers) if outbox else 0,
            bound=len(sessions),
            unanswered_until=self.clock.wall() + max(until) - now if until else None,
        )

    def _gathered_until(self, message: ListedMessage) -> float | None:
        gathering = self.relay.accept.gather.open_with(message.message_id)
        rights = self.doors.binds.rights.get(message.system_id)
        if gathering is None or rights is None:
            return None
        waits = gathering.waits(rights.account.gather_timeout)
        until = self.clock.wall() + gathering.latest + waits - self.clock.monotonic()
        return min(until, gathering.expires_at)

    def _shut(self, lane: Lane, now: float) -> tuple[str, float | None]:
        """Return why nothing leaves a lane, and until when (monotonic seconds)."""
        if lane.held:
            return Reason.PROVIDER_HELD, None
        if not lane.breaker.is_closed:
            until = lane.breaker.probes_at
            return Reason.BREAKER_OPEN, until if until is not None and until > now else None
        if not self.relay.wires.smpp.may_submit(lane.name):
            return Reason.PROVIDER_UNBOUND, None
        if lane.paused_until > now:
            return Reason.PROVIDER_PAUSED, lane.paused_until
        return "", None


def _limit(lane: Lane, now: float) -> str:
    """Return the limit that a lane has come to, an empty word for none."""
    if lane.out >= lane.concurrency.limit:
        return "concurrency"
    if lane.pace.rate(now) < (lane.rules.rate or math.inf):
        return "pace"
    return "rate" if lane.rules.rate and (lane.ready or lane.queue.waiting) else ""


def _speed(lane: Lane, now: float) -> float:
    return min(lane.speed(now), lane.rules.rate or math.inf, lane.pace.rate(now))


def _before(lane: Lane, message: ListedMessage) -> int:
    """Return how many messages go before one that waits, as accounts take turns."""
    own, before, message_id = None, 0, message.message_id
    for line in lane.queue.lines.values():
        if line.system_id == message.system_id and message_id in line.held:
            own = line
    if own is None:  # it waits in the store alone, behind those in memory
        return sum(
            line.waiting
            for line in lane.queue.lines.values()
            if line.system_id == message.system_id
        )
    place = _place(own, message_id)
    for line in lane.queue.lines.values():
        if line.priority > own.priority:
            before += line.depth
        elif line is not own and line.priority == own.priority:
            before += min(line.depth, place)
    return before + place


def _place(line: Line, message_id: int) -> int:
    return sum(
        attempt.message.message_id < message_id
        for group in line.groups.values()
        for attempt in group
    )

"""The life of a session: its state, its timeouts, the PDUs that keep it alive, and its end."""

from __future__ import annotations

import math

from smppbridge.smpp import pdus
from smppbridge.smpp.codec import MAX_LENGTH, MAX_LENGTH_BEFORE_BIND
from smppbridge.smpp.constants import CommandId
from smppbridge.smpp.events import Event, FaultyPdu, PeerAlive
from smppbridge.smpp.matrix import BOUND, MAY_SEND, Law, Role, State
from smppbridge.smpp.pace import Pace
from smppbridge.smpp.pdus import Pdu
from smppbridge.smpp.timers import Timeout, Timeouts, Timers
from smppbridge.smpp.window import Window

_DELIVER_SM = int(CommandId.DELIVER_SM)


class Life:
    """The state of one session (SMPP 3.4, 2.2), and the ways from one state to the next.

    Only the `Session` of a Life calls the Life. Both append to *out*, the encoded PDUs that leave,
    number their requests by *asked*, the window, and write the times of *timeouts*; enquire_link
    and unbind, the Life's own requests, take no room in the window.
    By the *law* each state has: *may_send* and *may_come*, the command_ids that we and the peer may
    send; *delivers*, whether deliver_sm may pass either way. A state also has *reads*, whether PDUs
    are read, and *max_length* of a PDU. *known* is the deadline that the owner
    knows; *sooner* is set when the deadline has become earlier than that, or the state another.
    *waiting_unbind* is the peer's unbind, which is answered after all requests of the peer.
    """

    __slots__ = (
        "_asked",
        "_out",
        "_pace",
        "_parting",
        "_role",
        "delivers",
        "end_reason",
        "known",
        "law",
        "max_length",
        "may_come",
        "may_send",
        "reads",
        "sooner",
        "state",
        "timeouts",
        "timers",
        "waiting_unbind",
    )

    def __init__(
        self,
        role: Role,
        timeouts: Timeouts,
        *,
        timers: Timers,
        pace: Pace,
        asked: Window,
        out: list[bytes],
    ) -> None:
        self.timers = timers
        self.timeouts = timeouts
        self.end_reason = ""
        self.known = 0.0
        self._role = role
        self._pace = pace
        self._asked = asked
        self._out = out
        self._parting = ""  # why, once an unbind is under way
        self.waiting_unbind: Pdu | None = None
        self.law: Law = MAY_SEND
        self.go(State.OPEN)

    @property
    def resting(self) -> bool:
        """Return whether PDUs are not read because too many carried no message."""
        return self._pace.resting

    @property
    def parted(self) -> bool:
        """Return whether the session is over by an unbind, and by nothing else."""
        return (
            self.state is State.CLOSED and bool(self._parting) and self.end_reason == self._parting
        )

    # -- the state ------------------------------------------------------------------------------

    def go(self, state: State, law: Law | None = None) -> None:
        """Enter a state, and go by the law of the state; *law* is a new one."""
        self.law = law or self.law
        self.state, self.sooner = state, True
        self.may_send = self.law[self._role, state]
        self.may_come = self.law[self._role.peer, state]
        self.delivers = _DELIVER_SM in self.law[Role.SMSC, state]
        judging = state is State.BINDING and self._role is Role.SMSC
        self.reads = not (judging or state is State.CLOSED or self._pace.resting)
        early = state in (State.OPEN, State.BINDING)
        self.max_length = MAX_LENGTH_BEFORE_BIND if early else MAX_LENGTH

    def end(self, reason: str) -> None:
        """End the session; the first reason stays."""
        if self.state is not State.CLOSED:
            self.end_reason = reason
            self.go(State.CLOSED)

    # -- our PDUs -------------------------------------------------------------------------------

    def probe(self, now: float) -> None:
        """Send an enquire_link (SMPP 3.4, 4.11) if the session is bound."""
        if self.state in BOUND:
            number = self._asked.next_number()
            self._out.append(pdus.EnquireLink(0, number).encode())
            self.timeouts.probe(number, now)
            self.sooner = True

    def unbind(self, now: float, reason: str) -> None:
        """Send an unbind (SMPP 3.4, 4.2) if the session is bound; if it never was, end it."""
        if self.state in BOUND:
            self._out.append(pdus.Unbind(0, self._asked.next_number()).encode())
            self._part(reason, now)
        elif self.state is not State.UNBOUND:
            self.end(reason)

    def answer_unbind(self, request: Pdu) -> None:
        """Answer the peer's unbind, and end the session."""
        self._out.append(pdus.UnbindResp(0, request.sequence_number).encode())
        self.end(self._parting)

    # -- the peer's PDUs ------------------------------------------------------------------------

    def receive_request(self, request: Pdu, now: float, unanswered: int) -> Pdu | None:
        """Act on a request that is NOT_WORK; return the request if the owner is to see it."""
        if isinstance(request, pdus.Bind):
            self.go(State.BINDING)
            return request
        self.count(now)
        if isinstance(request, pdus.EnquireLink):
            self._out.append(pdus.EnquireLinkResp(0, request.sequence_number).encode())
            return None
        if isinstance(request, pdus.Unbind):
            self._unbound(request, now, unanswered)
            return None
        return request

    def receive_response(
        self, command_id: int, status: int, number: int, now: float
    ) -> Event | None:
        """Act on a response that no request in the window waits for; return its event, if any."""
        if command_id == CommandId.ENQUIRE_LINK_RESP:
            seconds = self.timeouts.probe_answered(number, now)
            if seconds is not None:
                return PeerAlive(seconds)
        self.count(now)
        if command_id == CommandId.UNBIND_RESP:
            if self._parting and self.waiting_unbind is None:
                self.end(self._parting)
            return None
        if command_id == CommandId.ENQUIRE_LINK_RESP:
            return None
        return FaultyPdu(command_id, status, "answers no request of ours")

    def count(self, now: float) -> None:
        """Count a PDU that carries no message: too many are read slowly, or end the session."""
        if self.state is State.OPEN:
            if self._pace.count_early():
                self.end("PDUs without a bind")
        elif self._pace.count(now):
            self.go(self.state)
            if self._pace.is_flood(now, self.timeouts.active):
                self.end("PDUs without a message")

    # -- the time -------------------------------------------------------------------------------

    def deadline(self, *, held: bool) -> float | None:
        """Return when a timeout comes, a request of ours expires or a rest ends: the first time.

        While the session is *held*, the peer's octets may lie unread, so the peer cannot be late.
        """
        if self.state is State.CLOSED:
            return None
        if held:
            part_by, pace = self.timeouts.part_by, self._pace
            if not pace.resting:
                return part_by
            return pace.rest_ends if part_by is None else min(pace.rest_ends, part_by)
        first = min((time for time, _ in self.timeouts.set(self.state, self.timers)), default=None)
        expiry = self._asked.deadline
        return first if expiry is None or (first is not None and first < expiry) else expiry

    def hurry(self) -> None:
        """Set *sooner*: the owner has to ask for the deadline again."""
        self.sooner = True

    def now_known(self, deadline: float | None) -> None:
        """Record the deadline that the owner is given; from now on *sooner* is false."""
        self.known, self.sooner = math.inf if deadline is None else deadline, False

    def wake(self, now: float) -> None:
        """Read again if a rest is over."""
        if self._pace.wake(now):
            self.go(self.state)

    def time_out(self, now: float) -> None:
        """Act on all timeouts that are due."""
        for time, timeout in list(self.timeouts.set(self.state, self.timers)):
            if time <= now and self.state is not State.CLOSED:
                self._time_out(timeout, now)

    def _time_out(self, timeout: Timeout, now: float) -> None:
        if timeout is Timeout.ENQUIRE_LINK:
            self.timeouts.misses += self.timeouts.probed is not None
            if self.timeouts.misses < self.timers.enquire_link_misses:
                self.probe(now)
                return
        if timeout is Timeout.INACTIVITY:
            self.unbind(now, timeout.value)
        elif timeout is Timeout.UNBIND and self.waiting_unbind is not None:
            self.answer_unbind(self.waiting_unbind)
        else:
            self.end(self._parting or timeout.value)

    # -- the parting ----------------------------------------------------------------------------

    def _part(self, reason: str, now: float) -> None:
        self._parting = reason
        self.timeouts.part_by = now + self.timers.unbind
        self.go(State.UNBOUND)

    def _unbound(self, request: pdus.Unbind, now: float, unanswered: int) -> None:
        if self.state is State.UNBOUND:  # both at once: both answer, both close
            self._out.append(pdus.UnbindResp(0, request.sequence_number).encode())
            return
        self.waiting_unbind = request
        self._part("unbind", now)
        if not unanswered:
            self.answer_unbind(request)

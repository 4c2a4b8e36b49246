"""One SMPP session, either end of it, without any I/O.

Octets in, events out; PDUs in, octets out; and the time is always an argument, in seconds of a
clock that never steps back.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import suppress

from smppbridge.smpp import matrix, pdus, tlvs
from smppbridge.smpp.codec import MAX_LENGTH, MAX_LENGTH_BEFORE_BIND, Frame, FrameBuffer
from smppbridge.smpp.constants import INTERFACE_VERSION, RESPONSE, CommandId, Tag, status_name
from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.smpp.errors import FramingError, LocalError, PduError
from smppbridge.smpp.events import Alive, Answered, Event, Faulty, Late, Slowed, Unanswered
from smppbridge.smpp.matrix import BOUND, BOUND_AS, DELIVERS, MAY_SEND, NOT_WORK, Role, State
from smppbridge.smpp.pace import Pace
from smppbridge.smpp.pdus import DECODE, Pdu, is_answered, refusal
from smppbridge.smpp.tally import Tally
from smppbridge.smpp.timers import DEFAULT_TIMERS, Alarm, Alarms, Timers
from smppbridge.smpp.window import Window

__all__ = ["Role", "Session", "State", "Timers"]

MAX_WAITING = 16 * MAX_LENGTH
"""Octets that a held session keeps; a peer that makes it more is cut off."""


class Session:
    """The state of one session (SMPP 3.4, 2.2).

    Its owner feeds the peer's octets to it (`receive`), writes *out* to the peer
    (`octets_to_send`), calls `tick` when `deadline` has come, and closes the connection once
    `state` is CLOSED and everything is written. While it is `held` the owner reads no more; *pace*
    says how many PDUs without a message the peer may send, and the session is held over that.
    *sooner* is set when the deadline has become earlier than the one that was returned last, or
    the state another; *stopped* when the last events ended because the session is held.
    """

    def __init__(
        self,
        role: Role,
        now: float,
        *,
        timers: Timers = DEFAULT_TIMERS,
        window: int = 10,
        receive_window: int = 100,
        tally: Tally | None = None,
        pace: Pace | None = None,
    ) -> None:
        self.role = role
        self.timers = timers
        self.window = window
        self.receive_window = receive_window
        self.unanswered = 0
        self.system_id = ""
        self.interface_version = 0
        self.end_reason = ""
        self._tally = tally or Tally()
        self._passed = self._tally.passed
        self._pace = pace or Pace()
        self._alarms = Alarms(now)
        self._asked = Window()
        self._frames = FrameBuffer()
        self.out: list[bytes] = []  # encoded PDUs
        self.sooner = self.stopped = False
        self._deadline = 0.0  # as it was returned last
        self._parting = ""
        self._unbind: Pdu | None = None
        theirs = CommandId.SUBMIT_SM if role is Role.SMSC else CommandId.DELIVER_SM
        self._message = int(theirs)  # IntEnum members are slow to compare
        self._go(State.OPEN)

    @property
    def bound(self) -> bool:
        """Return whether the session is bound, in any of three ways, without an unbind."""
        return self.state in BOUND

    @property
    def may_deliver(self) -> bool:
        """Return whether deliver_sm may pass."""
        return self.state in DELIVERS

    @property
    def held(self) -> bool:
        """Return whether reading waits: a bind is judged, too much is unanswered, or a rest."""
        full = self.unanswered >= self.receive_window
        return self.state is not State.CLOSED and (full or not self._reads)

    @property
    def last_heard(self) -> float:
        """Return when the last octet of the peer came."""
        return self._alarms.heard

    def room(self) -> int:
        """Return how many more requests of ours may be sent now."""
        passes = self.may_deliver if self.role is Role.SMSC else self.state in matrix.SUBMITS
        return max(0, self.window - len(self._asked.open)) if passes else 0

    def receive(self, octets: bytes, now: float) -> Iterator[Event]:
        """Return the events in the peer's octets; each event is made as the caller consumes it.

        No event is lost. Events stop while the session is held; `resume` goes on.
        """
        self._alarms.hear(now)
        if self.state is not State.CLOSED:
            self._frames.feed(octets)
            if self._frames.size > MAX_WAITING and self.held:
                self._end("the peer sends without end")
        return self._events(now)

    def resume(self, now: float) -> Iterator[Event]:
        """Go on, after the session was held, with the octets that are there already."""
        self._alarms.forgive()
        return self._events(now)

    def accept_bind(self, request: pdus.Bind, system_id: bytes, now: float) -> None:
        """Answer a bind: yes, we are *system_id*. Nothing happens if the session is over."""
        if self.state is State.CLOSED:
            return
        if self.state is not State.BINDING or self.role is not Role.SMSC:
            raise LocalError("there is no bind to be answered")
        response = pdus.BIND_RESPS[request.command_id](0, request.sequence_number, system_id)
        # SMPP 3.4, 5.2.4: up to 0x33 is older, but 0 is what larvitsmpp leaves unset.
        version = request.interface_version or INTERFACE_VERSION
        if version >= INTERFACE_VERSION:
            response.tlvs = (tlvs.make_integer(Tag.SC_INTERFACE_VERSION, INTERFACE_VERSION),)
        self.out.append(response.encode())
        self.system_id = request.system_id.decode("latin-1")
        self.interface_version = version
        self._alarms.heard = self._alarms.active = now
        self._go(BOUND_AS[request.command_id])

    def refuse_bind(self, request: pdus.Bind, status: int) -> None:
        """Answer a bind: no, and end the session.

        Nothing happens if the session is over already.
        """
        if self.state is not State.CLOSED:
            self.out.append(refusal(request, status).encode())
            self._end(f"bind refused with {status_name(status)}")

    def ask(self, request: Pdu, about: object, now: float) -> int:
        """Send a request of ours; *about* comes back in Answered, Unanswered or `lost`.

        Returns its sequence_number; raises LocalError if the matrix, the window or a field forbids.
        """
        command_id = request.command_id
        if command_id not in self._may_send or command_id & RESPONSE:
            raise LocalError(f"{type(request).__name__} in {self.state.name}")
        if len(self._asked.open) >= self.window:
            raise LocalError("the window is full")
        answered, expiry = is_answered(command_id), now + self.timers.response
        request.sequence_number = number = self._asked.next_number()
        if answered:
            self._asked.put(number, command_id, about, expiry)
        try:
            self.out.append(request.encode())
        except LocalError:
            if answered:
                self._asked.take(number)
            raise
        self.sooner |= answered and expiry < self._deadline
        if command_id in BOUND_AS:
            self._go(State.BINDING)
        self._alarms.active = now
        return number

    def answer(self, response: Pdu) -> None:
        """Answer a request of the peer. Nothing happens if the session is over.

        Raises LocalError if no request is open, or if the PDU cannot be written.
        """
        if self.state is State.CLOSED:
            return
        if not self.unanswered:
            raise LocalError("there is no request to be answered")
        self.out.append(response.encode())
        self.unanswered -= 1
        if self._unbind is not None and not self.unanswered:
            self._answer_unbind(self._unbind)

    def probe(self, now: float) -> None:
        """Send an enquire_link at once, to see whether a silent peer is alive (SMPP 3.4, 4.11)."""
        if self.bound:
            number = self._asked.next_number()
            self.out.append(pdus.EnquireLink(0, number).encode())
            self._alarms.probe(number, now)
            self.sooner = True

    def unbind(self, now: float, reason: str) -> None:
        """Part from the peer: send unbind, wait for its answer, but not long (SMPP 3.4, 4.2)."""
        if self.bound:
            self.out.append(pdus.Unbind(0, self._asked.next_number()).encode())
            self._part(reason, now)
        elif self.state is not State.UNBOUND:
            self._end(reason)

    def lost(self) -> list[object]:
        """End the session without its connection; return the tokens of our unanswered requests."""
        self._end("connection lost")
        return self._asked.drain()

    def octets_to_send(self) -> bytes:
        """Return the octets to be written to the peer, and forget them."""
        self._tally.sent(self.out)
        octets = b"".join(self.out)
        self.out.clear()
        return octets

    def deadline(self) -> float | None:
        """Return when `tick` wants to be called next, if ever."""
        deadline = self._next_deadline()
        self._deadline, self.sooner = math.inf if deadline is None else deadline, False
        return deadline

    def _next_deadline(self) -> float | None:
        if self.state is State.CLOSED:
            return None
        if self.held:  # the peer's octets may lie unread, so it cannot be late
            part_by, pace = self._alarms.part_by, self._pace
            if not pace.resting:
                return part_by
            return pace.until if part_by is None else min(pace.until, part_by)
        first = min((time for time, _ in self._alarms.set(self.state, self.timers)), default=None)
        expiry = self._asked.deadline
        return first if expiry is None or (first is not None and first < expiry) else expiry

    def tick(self, now: float) -> Iterator[Event]:
        """Act on the alarms that are due at *now*; yield our requests that stayed unanswered."""
        if self._pace.wake(now):
            self._go(self.state)
        if (due := self._next_deadline()) is None or due > now:
            return
        for time, alarm in list(self._alarms.set(self.state, self.timers)):
            if time <= now and self.state is not State.CLOSED:
                self._ring(alarm, now)
        while (expiry := self._asked.deadline) is not None and expiry <= now:
            yield Unanswered(self._asked.take_oldest())

    def _ring(self, alarm: Alarm, now: float) -> None:
        if alarm is Alarm.ENQUIRE_LINK:
            self._alarms.misses += self._alarms.probed is not None
            if self._alarms.misses < self.timers.enquire_link_misses:
                self.probe(now)
                return
        if alarm is Alarm.INACTIVITY:
            self.unbind(now, alarm.value)
        elif alarm is Alarm.UNBIND and self._unbind is not None:
            self._answer_unbind(self._unbind)
        else:
            self._end(self._parting or alarm.value)

    def _go(self, state: State) -> None:
        self.state, self.sooner = state, True
        self._may_send = MAY_SEND[self.role, state]
        self._may_come = MAY_SEND[self.role.peer, state]
        judging = state is State.BINDING and self.role is Role.SMSC
        self._reads = not (judging or state is State.CLOSED or self._pace.resting)
        early = state in (State.OPEN, State.BINDING)
        self._max_length = MAX_LENGTH_BEFORE_BIND if early else MAX_LENGTH

    def _end(self, reason: str) -> None:
        if self.state is not State.CLOSED:
            self.end_reason = reason
            self._go(State.CLOSED)

    def _part(self, reason: str, now: float) -> None:
        self._parting = reason
        self._alarms.part_by, self.sooner = now + self.timers.unbind, True
        self._go(State.UNBOUND)

    def _answer_unbind(self, request: Pdu) -> None:
        self.out.append(pdus.UnbindResp(0, request.sequence_number).encode())
        self._end(self._parting)

    def _events(self, now: float) -> Iterator[Event]:
        frames, alarms = self._frames, self._alarms
        self.stopped = False
        while self._reads and self.unanswered < self.receive_window:
            try:
                frame = frames.next_frame(self._max_length)
            except FramingError as error:
                self.out += [error.answer] if error.answer else []
                self._end(error.reason)
                return
            if frame is None:
                if alarms.partial_since is None and frames.size:
                    alarms.partial_since, self.sooner = now, True
                return
            alarms.partial_since = None
            event = self._received(frame, now)
            if event is not None:
                yield event
        self.stopped = self.state is not State.CLOSED
        if self.stopped and self._pace.resting:
            yield Slowed()

    def _received(self, frame: Frame, now: float) -> Event | None:
        command_id, status, number, start, end = frame
        try:
            self._passed[command_id, status] += 1
        except KeyError:
            self._tally.received((command_id, status))
        if command_id & RESPONSE:
            return self._responded(frame, now)
        if command_id not in self._may_come:
            self._count(now)
            return self._misplaced(frame)
        try:
            request: Pdu = DECODE[command_id](self._frames.octets, start, end, status, number)
        except PduError as error:
            self._count(now)
            return self._refuse(command_id, error.status, number, error.why)
        if command_id == self._message:
            self._alarms.active = now
        elif command_id in NOT_WORK:
            return self._upkeep(request, now)
        else:
            self._alarms.asked = now
            self._count(now)
        self.unanswered += 1
        return request

    def _upkeep(self, request: Pdu, now: float) -> Event | None:
        if isinstance(request, pdus.Bind):
            self._go(State.BINDING)
            return request
        self._count(now)
        if isinstance(request, pdus.EnquireLink):
            self.out.append(pdus.EnquireLinkResp(0, request.sequence_number).encode())
            return None
        if isinstance(request, pdus.Unbind):
            self._unbound(request, now)
            return None
        return request

    def _count(self, now: float) -> None:
        """Count a PDU that carries no message: too many are read slowly, or end the session."""
        if self.state is State.OPEN:
            if self._pace.count_early():
                self._end("PDUs without a bind")
        elif self._pace.count(now):
            self._go(self.state)
            if self._pace.is_flood(now, self._alarms.active):
                self._end("PDUs without a message")

    def _unbound(self, request: pdus.Unbind, now: float) -> None:
        if self.state is State.UNBOUND:  # both at once: both answer, both close
            self.out.append(pdus.UnbindResp(0, request.sequence_number).encode())
            return
        self._unbind = request
        self._part("unbind", now)
        if not self.unanswered:
            self._answer_unbind(request)

    def _misplaced(self, frame: Frame) -> Event:
        command_id, status, number, start, end = frame
        if command_id not in DECODE:
            why = "unknown command_id"
            return self._refuse(command_id, Status.ESME_RINVCMDID, number, why)
        request: Pdu | int = command_id
        with suppress(PduError):
            request = DECODE[command_id](self._frames.octets, start, end, status, number)
        again = self.bound and command_id in BOUND_AS
        refused = Status.ESME_RALYBND if again else Status.ESME_RINVBNDSTS
        return self._refuse(request, refused, number, f"not allowed in {self.state.name}")

    def _refuse(self, request: Pdu | int, status: int, number: int, why: str) -> Event:
        command_id = request.command_id if isinstance(request, Pdu) else request
        if is_answered(command_id) or command_id not in DECODE:
            self.out.append(refusal(request, status, number).encode())
        early = self.state is State.OPEN and command_id in matrix.ENDS_IF_EARLY
        if early or command_id == CommandId.OUTBIND:
            self._end(f"{CommandId(command_id).name.lower()} refused with {status_name(status)}")
        return Faulty(command_id, status, why)

    def _responded(self, frame: Frame, now: float) -> Event | None:
        command_id, status, number, start, end = frame
        if not self._asked.fits(number, command_id):
            late = None
            if command_id == CommandId.SUBMIT_SM_RESP:
                late = self._asked.take_late(number)
            if late is None:
                return self._unmatched(command_id, status, number, now)
            return Late(late, DECODE[command_id](self._frames.octets, start, end, status, number))
        asked, about = self._asked.take(number)
        response: Pdu = DECODE[command_id](self._frames.octets, start, end, status, number)
        self._alarms.active = now
        if asked in BOUND_AS:
            self._bind_answered(BOUND_AS[asked], response)
        return Answered(about, response)

    def _unmatched(self, command_id: int, status: int, number: int, now: float) -> Event | None:
        if command_id == CommandId.ENQUIRE_LINK_RESP:
            seconds = self._alarms.probe_answered(number, now)
            if seconds is not None:
                return Alive(seconds)
        self._count(now)
        if command_id == CommandId.UNBIND_RESP:
            if self._parting and self._unbind is None:
                self._end(self._parting)
            return None
        if command_id == CommandId.ENQUIRE_LINK_RESP:
            return None
        return Faulty(command_id, status, "answers no request of ours")

    def _bind_answered(self, state: State, response: Pdu) -> None:
        if response.command_status or not isinstance(response, pdus.BindResp):
            self._end(f"bind refused with {status_name(response.command_status)}")
            return
        version = tlvs.integer(response.tlvs, Tag.SC_INTERFACE_VERSION)
        if version is None:  # an SMSC older than 3.4, to which no TLVs may be sent
            version = INTERFACE_VERSION - 1
        self.interface_version = version or INTERFACE_VERSION
        self.system_id = response.system_id.decode("latin-1")
        self._go(state)

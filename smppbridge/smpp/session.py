"""One SMPP session, either end of it, without any I/O.

Octets in, events out; PDUs in, octets out; and the time is always an argument, in seconds of a
clock that never steps back.
"""

from __future__ import annotations

from collections.abc import Iterator

from smppbridge.smpp import matrix, pdus
from smppbridge.smpp.codec import MAX_LENGTH, Frame, FrameBuffer
from smppbridge.smpp.constants import RESPONSE, CommandId, status_name
from smppbridge.smpp.errors import FramingError, LocalError, PduError
from smppbridge.smpp.events import Answered, Event, LateResponse, Slowed, Unanswered
from smppbridge.smpp.lenient import Indulgence
from smppbridge.smpp.life import Life
from smppbridge.smpp.matrix import BOUND, BOUND_AS, MAY_SEND, NOT_WORK, Law, Role, State
from smppbridge.smpp.oddities import Oddity
from smppbridge.smpp.pace import Pace
from smppbridge.smpp.pdus import DECODE, Bind, Pdu, is_answered, refusal
from smppbridge.smpp.refusals import Unwanted, malformed, misplaced
from smppbridge.smpp.tally import Tally
from smppbridge.smpp.timers import DEFAULT_TIMERS, Timeouts, Timers
from smppbridge.smpp.versions import bind_response, version_of_esme, version_of_smsc
from smppbridge.smpp.window import Window

__all__ = ["Role", "Session", "State", "Timers"]

MAX_WAITING = 16 * MAX_LENGTH
"""Octets that a held session keeps; a peer that makes it more is cut off."""

_CLOSED = State.CLOSED  # members of an Enum are slow to load


class Session:
    """The requests and responses of one session, either way.

    Owners only read from *life* (state, timeouts, end), *asked* (our open requests) and *frames*.

    The owner feeds the peer's octets to the session (`receive`), writes *out* to the peer
    (`octets_to_send`), calls `tick` when `deadline` has come, and closes the connection once
    `state` is CLOSED and everything is written. While the session is `held` the owner reads no
    more; *pace* says how many PDUs without a message the peer may send, and the session is held
    over that. *stopped* is set when the last events ended because the session is held.
    *indulgence* decides which faulty requests are read all the same.
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
        indulgence: Indulgence | None = None,
    ) -> None:
        self.role = role
        self.indulgence = indulgence or Indulgence()
        self.window, self.receive_window = window, receive_window
        self.unanswered = 0
        self.system_id = ""
        self.interface_version = 0
        self._tally = tally or Tally()
        self._passed = self._tally.passed
        self.timeouts = Timeouts(now)
        self.asked = Window()
        self.frames = FrameBuffer()
        self.out: list[bytes] = []  # encoded PDUs
        self.stopped = False
        self.life = Life(
            role,
            self.timeouts,
            timers=timers,
            pace=pace or Pace(),
            asked=self.asked,
            out=self.out,
        )
        theirs = CommandId.SUBMIT_SM if role is Role.SMSC else CommandId.DELIVER_SM
        self._message = int(theirs)  # IntEnum members are slow to compare

    @property
    def sooner(self) -> bool:
        """Return whether the deadline is earlier than the one returned last, or the state new."""
        return self.life.sooner

    @property
    def state(self) -> State:
        """Return the state (SMPP 3.4, 2.2)."""
        return self.life.state

    @property
    def end_reason(self) -> str:
        """Return why the session ended; empty before that."""
        return self.life.end_reason

    def go_by(self, timers: Timers) -> None:
        """Go by other timers from now on; may be called at any time."""
        self.life.timers = timers
        self.life.hurry()

    @property
    def bound(self) -> bool:
        """Return whether the session is bound, in any of three ways, without an unbind."""
        return self.state in BOUND

    @property
    def may_deliver(self) -> bool:
        """Return whether deliver_sm may pass."""
        return self.life.delivers

    @property
    def held(self) -> bool:
        """Return whether reading waits: a bind is judged, too much is unanswered, or a rest."""
        full = self.unanswered >= self.receive_window
        return self.life.state is not _CLOSED and (full or not self.life.reads)

    @property
    def last_heard(self) -> float:
        """Return when the last octet of the peer came."""
        return self.timeouts.heard

    def room(self) -> int:
        """Return how many more requests of ours may be sent now."""
        passes = self.life.delivers if self.role is Role.SMSC else self.state in matrix.SUBMITS
        return max(0, self.window - len(self.asked.open)) if passes else 0

    def receive(self, octets: bytes, now: float) -> Iterator[Event]:
        """Return the events in the peer's octets; each event is made as the caller consumes it.

        No event is lost. Events stop while the session is held; `resume` goes on.
        """
        self.timeouts.hear(now)
        if self.life.state is not _CLOSED or self._owed:
            self.frames.feed(octets)
            if self.frames.size > MAX_WAITING and self.held:
                self.life.end("the peer sends without end")
        return self._events(now)

    def resume(self, now: float) -> Iterator[Event]:
        """Go on, after the session was held, with the octets that are there already."""
        self.timeouts.forgive()
        return self._events(now)

    def accept_bind(self, request: Bind, system_id: bytes, now: float, law: Law = MAY_SEND) -> None:
        """Answer a bind, to rule the session by *law*. Nothing happens if the session is over."""
        if self.state is _CLOSED:
            return
        if self.state is not State.BINDING or self.role is not Role.SMSC:
            raise LocalError("there is no bind to be answered")
        self.interface_version = version = version_of_esme(request)
        self.out.append(bind_response(request, system_id, version).encode())
        self.system_id = request.system_id.decode("latin-1")
        self.timeouts.heard = self.timeouts.active = now
        self.life.go(BOUND_AS[request.command_id], law)

    def refuse_bind(self, request: Bind, status: int) -> None:
        """Answer a bind: no, and end the session.

        Nothing happens if the session is over already.
        """
        if self.state is not _CLOSED:
            self.out.append(refusal(request, status).encode())
            self.life.end(f"bind refused with {status_name(status)}")

    def ask(self, request: Pdu, about: object, now: float) -> int:
        """Send a request of ours; *about* comes back in Answered, Unanswered or `lost`.

        Returns its sequence_number; raises LocalError if the matrix, the window or a field forbids.
        """
        command_id, life = request.command_id, self.life
        if command_id not in life.may_send or command_id & RESPONSE:
            raise LocalError(f"{type(request).__name__} in {life.state.name}")
        if len(self.asked.open) >= self.window:
            raise LocalError("the window is full")
        answered, expiry = is_answered(command_id), now + life.timers.response
        request.sequence_number = number = self.asked.next_number()
        if answered:
            self.asked.put(number, command_id, about, expiry)
        try:
            self.out.append(request.encode())
        except LocalError:
            if answered:
                self.asked.take(number)
            raise
        if answered and expiry < life.known:
            life.hurry()
        if command_id in BOUND_AS:
            life.go(State.BINDING)
        self.timeouts.active = now
        return number

    def answer(self, response: Pdu) -> None:
        """Answer a request of the peer. Nothing happens if the session is over.

        Raises LocalError if no request is open, or if the PDU cannot be written.
        """
        life = self.life
        if life.state is _CLOSED:
            return
        if not self.unanswered:
            raise LocalError("there is no request to be answered")
        self.out.append(response.encode())
        self.unanswered -= 1
        if life.waiting_unbind is not None and not self.unanswered:
            life.answer_unbind(life.waiting_unbind)

    def probe(self, now: float) -> None:
        """Send an enquire_link at once, to see whether a silent peer is alive (SMPP 3.4, 4.11)."""
        self.life.probe(now)

    def unbind(self, now: float, reason: str) -> None:
        """Part from the peer: send unbind, wait for its answer, but not long (SMPP 3.4, 4.2)."""
        self.life.unbind(now, reason)

    def lost(self) -> list[object]:
        """End the session without its connection; return the tokens of our unanswered requests."""
        self.life.end("connection lost")
        return self.asked.drain()

    def octets_to_send(self) -> bytes:
        """Return the octets to be written to the peer, and forget them."""
        self._tally.sent(self.out)
        octets = b"".join(self.out)
        self.out.clear()
        return octets

    def deadline(self) -> float | None:
        """Return when `tick` wants to be called next, if ever."""
        deadline = self.life.deadline(held=self.held)
        self.life.now_known(deadline)
        return deadline

    def tick(self, now: float) -> Iterator[Event]:
        """Act on the timeouts that are due at *now*; yield our requests that stayed unanswered."""
        self.life.wake(now)
        if (due := self.life.deadline(held=self.held)) is None or due > now:
            return
        self.life.time_out(now)
        while (expiry := self.asked.deadline) is not None and expiry <= now:
            yield Unanswered(self.asked.take_oldest())

    def _events(self, now: float) -> Iterator[Event]:
        life, frames, timeouts = self.life, self.frames, self.timeouts
        self.stopped = False
        while life.reads and self.unanswered < self.receive_window:
            try:
                frame = frames.next_frame(life.max_length)
            except FramingError as error:
                self.out += [error.answer] if error.answer else []
                life.end(error.reason)
                return
            if frame is None:
                if timeouts.partial_since is None and frames.size:
                    timeouts.partial_since = now
                    life.hurry()
                return
            timeouts.partial_since = None
            event = self._received(frame, now)
            if event is not None:
                yield event
        self.stopped = life.state is not _CLOSED
        if self.stopped and life.resting:
            yield Slowed()
        if self._owed:
            yield from self._behind_unbind(now)

    @property
    def _owed(self) -> bool:
        """Return whether responses may still come though both sides have parted."""
        return self.life.parted and bool(self.asked.open)

    def _behind_unbind(self, now: float) -> Iterator[Event]:
        """Return the responses that the peer sent behind its unbind or unbind_resp.

        Some peers unbind in their listener for a message, and answer the message after that.
        """
        try:
            while self._owed and (frame := self.frames.next_frame(MAX_LENGTH)) is not None:
                event = self._received(frame, now) if self.asked.fits(frame[2], frame[0]) else None
                if event is not None:
                    yield event
        except FramingError:
            return

    def _received(self, frame: Frame, now: float) -> Event | None:
        command_id, status, number, start, end = frame
        try:
            self._passed[command_id, status] += 1
        except KeyError:
            self._tally.received((command_id, status))
        if command_id & RESPONSE:
            return self._responded(frame, now)
        if command_id not in self.life.may_come:
            self.life.count(now)
            return self._refuse(misplaced(frame, self.frames.octets, self.life.state))
        try:
            request: Pdu = DECODE[command_id](self.frames.octets, start, end, status, number)
        except PduError as error:
            read = self.indulgence.read(self.frames.octets, frame, error)
            if isinstance(read, PduError):
                self.life.count(now)
                return self._refuse(malformed(read, self.life.state))
            request = read
        if command_id == self._message or command_id in matrix.CARRIES:
            self.timeouts.active = now
        elif command_id in NOT_WORK:
            if start != end and command_id == CommandId.ENQUIRE_LINK:
                self.indulgence.note(Oddity.ENQUIRE_LINK_BODY)
            return self.life.receive_request(request, now, self.unanswered)
        else:
            self.timeouts.asked = now
            if command_id not in matrix.NAMES:  # work about messages, which the window bounds
                self.life.count(now)
        self.unanswered += 1
        return request

    def _refuse(self, unwanted: Unwanted) -> Event:
        if unwanted.answer is not None:
            self.out.append(unwanted.answer.encode())
        if unwanted.end_reason:
            self.life.end(unwanted.end_reason)
        return unwanted.event

    def _responded(self, frame: Frame, now: float) -> Event | None:
        command_id, status, number, start, end = frame
        if not self.asked.fits(number, command_id):
            late = self.asked.take_late(number, command_id)
            if late is None:
                return self.life.receive_response(command_id, status, number, now)
            return LateResponse(
                late, DECODE[command_id](self.frames.octets, start, end, status, number)
            )
        asked, about = self.asked.take(number)
        if start == end and not status and asked == CommandId.DELIVER_SM:
            self.indulgence.note(Oddity.BARE_DELIVER_SM_RESP)
        response: Pdu = DECODE[command_id](self.frames.octets, start, end, status, number)
        self.timeouts.active = now
        if asked in BOUND_AS:
            self._bind_answered(BOUND_AS[asked], response)
        return Answered(about, response)

    def _bind_answered(self, state: State, response: Pdu) -> None:
        if response.command_status or not isinstance(response, pdus.BindResp):
            self.life.end(f"bind refused with {status_name(response.command_status)}")
            return
        self.interface_version = version_of_smsc(response)
        self.system_id = response.system_id.decode("latin-1")
        self.life.go(state)

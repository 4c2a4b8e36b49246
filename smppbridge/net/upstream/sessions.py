"""The sessions of one upstream SMSC: submit_sm spread over them, deliver_sm read and recorded."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.protocol import Factory
from twisted.logger import Logger

from smppbridge.net.upstream.link import KINDS, NAMES, SessionEnd, UpstreamSession
from smppbridge.net.upstream.rebinding import WRONG_CREDENTIALS, Pauses, Rebinding, Rebindings
from smppbridge.providers.exchange import BadReply, NoAnswer, NotSent, Received
from smppbridge.providers.smpp.binding import SmppRequest
from smppbridge.providers.smpp.deliver import Delivered
from smppbridge.providers.smpp.provider import Smpp
from smppbridge.relay.ports import Journal
from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.smpp.constants import status_name
from smppbridge.smpp.errors import LocalError
from smppbridge.smpp.events import FaultyPdu
from smppbridge.smpp.pdus import AlertNotification, Bind, Pdu, SubmitSm
from smppbridge.smpp.session import Timers
from smppbridge.store.port import StoreFailure

_LEAVING = "the provider is being left"
MOST_LOGGED = 20  # PDUs of one session, faulty or unreadable

SmppAnswers = list[tuple[Any, Pdu | NotSent | NoAnswer]]
LateResponses = list[tuple[Any, Pdu]]
RecordReceived = Callable[[str, list[Received]], Coroutine[Any, Any, None]]
ReadDelivery = tuple[UpstreamSession, Delivered, list[Received]]


@dataclass(frozen=True, slots=True)
class Terms:
    """How one SMSC is reached: *connect_timeout* is for connecting and then for binding.

    *timeout* is how long a submit_sm may wait for room, and then for its answer; in seconds.
    """

    provider: Smpp
    ca_file: str | None = None
    connect_timeout: float = 10.0
    timeout: float = 30.0

    def binds_as(self, other: Terms) -> bool:
        """Whether sessions bound by these terms suit *other*."""
        mine, theirs = self.provider.binding, other.provider.binding
        return mine == theirs and replace(self, provider=other.provider) == other


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamPorts:
    """All that upstreams are handed.

    *connect* opens a connection for a factory; *answered* is given the answers to submit_sm, *late*
    those that come after their time, *record* the reports and MO messages of deliver_sm, *bound*
    the name of a provider whose session is bound, *alerted* its alert_notifications, *tapped* each
    new session with the name; *random* returns 0 to 1, *wall* UNIX seconds.
    """

    clock: IReactorTime
    connect: Callable[[Terms, Factory[Any]], Deferred[Any]]
    answered: Callable[[SmppAnswers], None]
    late: Callable[[LateResponses], None]
    record: RecordReceived
    bound: Callable[[str], None]
    alerted: Callable[[str, AlertNotification], None]
    random: Callable[[], float]
    wall: Callable[[], float]
    journal: Journal
    tapped: Callable[[str, UpstreamSession], None] = lambda name, session: None


class Upstream:
    """The sessions with one SMSC, and the submit_sm that wait for room in their windows.

    `start`, then `send`, then `stop`.  Only the upstream writes its state, `terms` by `change`;
    a session is in `sessions` from its connection to its loss.
    """

    _log = Logger()

    def __init__(
        self, name: str, terms: Terms, ports: UpstreamPorts, part: int | None = None
    ) -> None:
        self.name, self.terms, self._ports = name, terms, ports
        self.alerted = partial(ports.alerted, name)
        self.sessions: list[UpstreamSession] = []
        self._waiting: deque[tuple[Any, SubmitSm, float]] = deque()
        self._later: dict[int, tuple[Any, IDelayedCall]] = {}
        self._returned: SmppAnswers = []
        self._delivered: list[ReadDelivery] = []
        self._late: IDelayedCall | None = None
        self._cutting: IDelayedCall | None = None
        self._number = 0
        self._stopping = False
        binding = terms.provider.binding

        def keep(kind: type[Bind]) -> Rebinding:
            pauses = Pauses(ports.random)
            return Rebinding(self._connect, kind, self, pauses=pauses, clock=ports.clock)

        binds = binding.binds if part is None else part
        self.rebindings = Rebindings(keep, KINDS[binding.bind], binding.binds, binds)

    # -- for the client -------------------------------------------------------------------------

    @property
    def is_bound(self) -> bool:
        """Whether submit_sm may be sent on a session."""
        return any(session.submits for session in self.sessions)

    @property
    def waiting(self) -> int:
        """How many submit_sm wait, for room or for their time."""
        return len(self._waiting) + len(self._later)

    def change(self, terms: Terms) -> None:
        """Go by terms that the sessions are bound by already; those that pause bind at once."""
        self.terms = terms
        self.rebindings.hurry()

    def start(self) -> None:
        """Connect and bind, from now on."""
        self.rebindings.start()

    def send(self, requests: list[tuple[Any, SmppRequest]]) -> None:
        """Send each submit_sm once; the value beside a submit_sm comes back with its answer."""
        for about, request in requests:
            if request.after and not self._stopping:
                self._number += 1
                enter = (request.after, self._enter_later, self._number, request.pdu)
                self._later[self._number] = (about, self._ports.clock.callLater(*enter))
            else:
                self._enter(about, request.pdu)
        self._submit()

    async def stop(self, seconds: float) -> None:
        """Unbind: no waiting submit_sm is sent, unanswered ones may take *seconds*."""
        self._stopping = True
        for about, timer in self._later.values():
            timer.cancel()
            self._give_back(about, _LEAVING)
        self._later.clear()
        self._give_waiting_back(_LEAVING)
        ended = self.rebindings.leave(_LEAVING)
        if not ended.called:
            self._cutting = self._ports.clock.callLater(seconds, self._cut)
            await ended
            if self._cutting.active():
                self._cutting.cancel()

    def hurry(self, seconds: float) -> None:
        """Let unanswered submit_sm take *seconds* at most; for an upstream that is stopping."""
        cutting = self._cutting
        if cutting and cutting.active():
            cutting.reset(min(seconds, cutting.getTime() - self._ports.clock.seconds()))

    def _cut(self) -> None:
        for session in list(self.sessions):
            session.close()

    # -- submit_sm ------------------------------------------------------------------------------

    def _enter_later(self, number: int, pdu: SubmitSm) -> None:
        about, _ = self._later.pop(number)
        self._enter(about, pdu)
        self._submit()

    def _enter(self, about: Any, pdu: SubmitSm) -> None:
        if self._stopping or not self.is_bound:
            self._give_back(about, "no session is bound")
            return
        self._waiting.append((about, pdu, self._ports.clock.seconds() + self.terms.timeout))

    def _submit(self) -> None:
        """Let waiting submit_sm leave on the sessions that have the most room."""
        waiting, touched = self._waiting, set()
        rooms = {session: room for session in self.sessions if (room := session.room())}
        while waiting and rooms:
            session = max(rooms, key=rooms.__getitem__)
            about, pdu, _ = waiting.popleft()
            try:
                session.submit(pdu, about)
            except LocalError as error:
                self._give_back(about, str(error))
                continue
            touched.add(session)
            rooms[session] -= 1
            if not rooms[session]:
                del rooms[session]
        for session in touched:
            session.flush()
        if waiting and self._late is None:
            delay = max(0.0, waiting[0][2] - self._ports.clock.seconds())
            self._late = self._ports.clock.callLater(delay, self._waited_too_long)

    def _waited_too_long(self) -> None:
        self._late = None
        now = self._ports.clock.seconds()
        while self._waiting and self._waiting[0][2] <= now:
            self._give_back(self._waiting.popleft()[0], "no room in the window in time")
        self._submit()

    def _give_waiting_back(self, reason: str) -> None:
        while self._waiting:
            self._give_back(self._waiting.popleft()[0], reason)
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _give_back(self, about: Any, reason: str) -> None:
        """Answer a submit_sm that was not sent: later, for the caller of `send` is not done."""
        if not self._returned:
            self._ports.clock.callLater(0, self._answer_returned)
        self._returned.append((about, NotSent(reason)))

    def _answer_returned(self) -> None:
        returned, self._returned = self._returned, []
        self._ports.answered(returned)

    # -- for the sessions -----------------------------------------------------------------------

    def _connect(self, kind: type[Bind]) -> Deferred[UpstreamSession]:
        factory = Factory.forProtocol(partial(self._session, kind))
        factory.noisy = False
        return self._ports.connect(self.terms, factory)

    def _session(self, kind: type[Bind]) -> UpstreamSession:
        binding, ports = self.terms.provider.binding, self._ports
        timers = Timers(
            session_init=self.terms.connect_timeout,
            enquire_link=binding.enquire_link,
            response=self.terms.timeout,
        )
        token = f"{self.name} {ports.wall():.6f} {ports.random():.6f}"
        made = UpstreamSession(self, kind, binding, timers=timers, clock=ports.clock, token=token)
        ports.tapped(self.name, made)
        return made

    def connected(self, session: UpstreamSession) -> None:
        """Count a session in."""
        self.sessions.append(session)

    def bound(self, session: UpstreamSession) -> None:
        """Log that a session is bound, and use its window."""
        self._ports.journal("upstream_bound", provider=self.name, kind=NAMES[session.kind])
        self._ports.bound(self.name)
        self._submit()

    def answered(self, session: UpstreamSession, answers: list[tuple[Any, Pdu]]) -> None:
        """Hand answers to submit_sm on; use the room they make."""
        self._ports.answered(list(answers))
        self._submit()

    def unanswered(self, answers: list[tuple[Any, NoAnswer]]) -> None:
        """Conclude submit_sm without a response: an upstream never sends them again."""
        self._ports.answered(list(answers))
        self._submit()

    def late(self, answers: LateResponses) -> None:
        """Hand on responses that come after their submit_sm were concluded."""
        self._ports.late(answers)

    def writable(self) -> None:
        """Go on submitting."""
        self._submit()

    def faulty(self, session: UpstreamSession, fault: FaultyPdu) -> None:
        """Log a refused PDU, if it is among the first of its session."""
        if session.faults <= MOST_LOGGED:
            self._ports.journal(
                "pdu_refused",
                provider=self.name,
                command_id=f"{fault.command_id:#010x}",
                command_status=status_name(fault.status),
                reason=fault.why,
            )

    def ended(self, session: UpstreamSession) -> None:
        """Count a session out; without another one no submit_sm waits here."""
        self.sessions.remove(session)
        if not self.is_bound:
            self._give_waiting_back("no session is bound")

    def pausing(self, kind: type[Bind], end: SessionEnd, seconds: float) -> None:
        """Log why a session ended and when it is bound again."""
        journal = self._ports.journal
        fields = {"provider": self.name, "kind": NAMES[kind], "again_in": f"{seconds:.0f}s"}
        if end.refused:
            wrong = end.refused in WRONG_CREDENTIALS
            event = "upstream_credentials_refused" if wrong else "upstream_refused"
            journal(event, command_status=status_name(end.refused), **fields)
        elif end.lasted:
            journal("upstream_lost", reason=end.reason, **fields)
        else:
            journal("upstream_unreachable", reason=end.reason, **fields)

    # -- deliver_sm -----------------------------------------------------------------------------

    def delivered(self, session: UpstreamSession, request: Delivered) -> None:
        """Read a deliver_sm; its response follows when its reports are on disk.

        A deliver_sm that nobody can read is answered too: the SMSC would repeat it for ever.
        """
        try:
            received = list(self.terms.provider.read_deliver(request, session.token))
        except BadReply as fault:
            session.count_fault()
            if session.faults <= MOST_LOGGED:
                journal = self._ports.journal
                journal("deliver_sm_unread", provider=self.name, reason=str(fault))
            received = []
        except Exception:  # a provider's fault must not end a session
            self._log.failure("deliver_sm")
            session.reply(request, Status.ESME_RX_P_APPN)
            return
        if not received:
            session.reply(request, Status.ESME_ROK)
            return
        if not self._delivered:
            self._ports.clock.callLater(0, self._record_delivered)
        self._delivered.append((session, request, received))

    def _record_delivered(self) -> None:
        deliveries, self._delivered = self._delivered, []
        Deferred.fromCoroutine(self._record(deliveries))

    async def _record(self, deliveries: list[ReadDelivery]) -> None:
        status = Status.ESME_ROK
        received = [each for _, _, read in deliveries for each in read]
        try:
            await self._ports.record(self.name, received)
        except StoreFailure:  # the store has logged it
            status = Status.ESME_RX_T_APPN
        except Exception:
            self._log.failure("deliver_sm")
            status = Status.ESME_RX_T_APPN
        for session, request, _ in deliveries:
            session.reply(request, status)
        for session in {session for session, _, _ in deliveries}:
            session.flush()

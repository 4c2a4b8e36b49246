"""The session with an ESME, as the relay and binds use the session."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from smppbridge.model.account import Secret
from smppbridge.model.channel import Channel
from smppbridge.model.receipts import NACKED
from smppbridge.model.report import Delivery
from smppbridge.net.client_ca import channel_of
from smppbridge.net.oddities import timers_of
from smppbridge.net.smpp_protocol import SmppProtocol
from smppbridge.relay.accept.intake import Rights
from smppbridge.relay.receipt_pdus import DeliverPdu
from smppbridge.relay.ussd.pdus import DialogueDelivery
from smppbridge.smpp.constants import INTERFACE_VERSION
from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.smpp.events import Answered, FaultyPdu, Happening, PeerAlive, Slowed, Unanswered
from smppbridge.smpp.lenient import Indulgence
from smppbridge.smpp.matrix import DELIVERS_TO_ALL, MAY_SEND, Law, Role, State
from smppbridge.smpp.oddities import Oddity
from smppbridge.smpp.pace import Pace, PaceLimits
from smppbridge.smpp.pdus import (
    AlertNotification,
    Bind,
    GenericNack,
    Pdu,
    SubmitSm,
    refusal,
)
from smppbridge.smpp.session import Session
from smppbridge.smpp.timers import Timeout

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred

    from smppbridge.net.binds import JudgedBind
    from smppbridge.net.handed_sessions import HandedSession
    from smppbridge.net.smpp_server import Smsc

PACE = PaceLimits()
MOST_UNANSWERED = 3  # deliver_sm in a row without an answer end the session


class Movement(Protocol):
    """The movement of the relay that carries out an operation other than submit_sm."""

    def __call__(self, session: EsmeSession, request: Any, /) -> Coroutine[Any, Any, None]:
        """Answer the request of a session, at once or later."""


Operations = Mapping[int, Movement]
"""The movements of operations, by the command_id of their requests."""


class SessionMeters(Protocol):
    """Counts binds and faults of sessions, and times sessions."""

    def pdu_error(self, status: int) -> None:
        """Count a PDU that a session refused."""

    def bind_attempt(self, result: str, reason: str) -> None:
        """Count a bind by its result, and by the reason if it was refused."""

    def old_password(self, system_id: str) -> None:
        """Count a bind with the older of two valid passwords."""

    def bind_ended(self, seconds: float) -> None:
        """Time a session that was bound."""

    def enquire_link(self, seconds: float) -> None:
        """Time the answer to an enquire_link of ours."""

    def odd(self, system_id: str, oddity: str) -> None:
        """Count an oddity of a session; *system_id* is empty before its bind."""


def law_of(rights: Rights) -> Law:
    """Return the law that sessions of an account are bound under."""
    return DELIVERS_TO_ALL if rights.account.receipts.on == "any" else MAY_SEND


class EsmeSession(SmppProtocol):
    """The session with an ESME: Submitter, Receiver, BoundSession and Guest to its users.

    Only the session writes its state: *rights* by `go_by`, *bound_as*, *bound_at*, *known_by* (the
    password of the bind) and *interface_version* by `accept` or `adopt`; the Smsc writes *judging*,
    the judgement of the bind, and *oddities*, those that are logged.
    """

    rights: Rights
    failure = int(Status.ESME_RSUBMITFAIL)
    known_by: Secret | None = None
    busy = False  # until it is bound it gives way
    invited = False  # whether we opened its connection

    def __init__(self, smsc: Smsc, host: str) -> None:
        clock = smsc.clock
        session = Session(
            Role.SMSC,
            clock.seconds(),
            timers=smsc.timers,
            tally=smsc.tally,
            pace=Pace(PACE),
            indulgence=Indulgence(smsc.binds.forgives, self.odd),
        )
        super().__init__(session, clock)
        self.answer: Callable[[Pdu], None] = session.answer
        self.host, self.owner, self._smsc = host, self, smsc
        self.since = clock.seconds()
        self.interface_version = 0  # the peer's, once it is bound
        self.bound_as, self.bound_at = 0, 0.0
        self.faults = self.silences = 0
        self.oddities: set[str] = set()
        self._slowed = False
        self.judging: Deferred[JudgedBind] | None = None
        self._cut = ""

    # -- for the relay and the Smsc -------------------------------------------------------------

    def room(self) -> int:
        """Return how many more requests fit into the window."""
        return 0 if self.choked else self.session.room()

    def ask(self, request: DeliverPdu, about: Delivery | DialogueDelivery) -> None:
        """Put a deliver_sm or data_sm in line."""
        self.session.ask(request, about, self.clock.seconds())

    @property
    def gone(self) -> bool:
        """Whether the session is over: a response is not sent any more."""
        return self.session.state is State.CLOSED

    @property
    def parting(self) -> bool:
        """Whether an unbind is under way: responses can be sent still."""
        return self.session.state is State.UNBOUND

    def probe(self) -> None:
        """Send an enquire_link."""
        self.session.probe(self.clock.seconds())
        self.flush()

    def last_heard(self) -> float:
        """Return when the peer's last octet came."""
        return self.session.last_heard

    @property
    def alertable(self) -> bool:
        """Whether an alert_notification may be sent: to no transmitter, receipts or not.

        A peer before SMPP 3.4 knows none.
        """
        known = self.interface_version >= INTERFACE_VERSION
        return known and AlertNotification.command_id in self.session.life.may_send

    def notify(self, request: AlertNotification) -> None:
        """Put an alert_notification in line, which has no response."""
        self.session.ask(request, None, self.clock.seconds())

    @property
    def channel(self) -> Channel:
        """How the peer's octets come."""
        return channel_of(self.transport)

    @property
    def end_reason(self) -> str:
        """Why the session is over."""
        return self._cut or self.session.end_reason

    def replace(self, reason: str) -> None:
        """Cut the connection: a new session takes its place."""
        self._cut = reason
        self.close()

    def give_way(self) -> None:
        """Cut the connection, which is not bound: a newcomer takes its place."""
        self.close()

    def unbind(self, reason: str) -> None:
        """Send an unbind."""
        self.session.unbind(self.clock.seconds(), reason)
        self.flush()

    def go_by(self, rights: Rights) -> None:
        """Go by rights of the account, which may be new."""
        self.rights = rights
        self.session.window = rights.account.deliver_window
        self.session.receive_window = rights.account.window
        habits = rights.account.habits
        self.session.indulgence.forgives = habits.forgives
        self.session.go_by(timers_of(self._smsc.timers, habits))

    def accept(
        self, request: Bind, rights: Rights, known_by: Secret | None, system_id: bytes
    ) -> None:
        """Put the response to a bind in line: the session is bound by *rights*."""
        now = self.clock.seconds()
        self.go_by(rights)
        self.known_by = known_by
        self.bound_as, self.bound_at = request.command_id, now
        request.interface_version = (
            rights.account.habits.interface_version or request.interface_version
        )
        self.session.accept_bind(request, system_id, now, law_of(rights))
        self.interface_version = self.session.interface_version

    def adopt(self, handed: HandedSession, rights: Rights, known_by: Secret | None) -> None:
        """Be a session that was bound before a restart; its connection is not made yet."""
        now = self.clock.seconds()
        self.go_by(rights)
        self.known_by = known_by
        self.bound_as, self.bound_at = handed.bound_as, now - handed.bound_ago
        self.interface_version = handed.interface_version
        self.faults, self.silences = handed.faults, handed.silences

    def odd(self, oddity: Oddity) -> None:
        """Count an oddity of the peer."""
        self._smsc.odd(self, oddity)

    def count_fault(self) -> None:
        """Count a PDU that the session refused."""
        self.faults += 1

    # -- for the protocol -----------------------------------------------------------------------

    def submitted(self, requests: list[SubmitSm]) -> None:
        """Hand submit_sm to the relay."""
        dialogues = self._smsc.dialogues
        if dialogues is not None and dialogues.serves(self.rights.account.system_id):
            requests = dialogues.take(self, requests)
        if requests:
            self._smsc.spawn(self._smsc.accept.take(self, requests))

    def answered(self, answers: list[Answered]) -> None:
        """Hand responses to our requests to the relay."""
        self.silences = 0
        statuses = [
            (a.about, NACKED if type(a.response) is GenericNack else a.response.command_status)
            for a in answers
        ]
        self._smsc.answered(self.rights.account.system_id, statuses)

    def happened(self, event: Happening) -> None:
        """Go by any other event of the session."""
        if isinstance(event, FaultyPdu):
            self._smsc.faulty(self, event)
        elif isinstance(event, Unanswered):
            self.silences += 1
            if isinstance(event.about, Delivery):  # a dialogue has a deadline of its own
                system_id = self.rights.account.system_id
                self._smsc.deliver.unanswered(system_id, [event.about])
            if self.silences >= MOST_UNANSWERED:
                self.odd(Oddity.SILENT_DELIVER_SM)
                self.session.unbind(self.clock.seconds(), "deliver_sm unanswered")
        elif isinstance(event, Slowed):
            self._log_slowed()
        elif isinstance(event, PeerAlive):
            self._smsc.meters.enquire_link(event.seconds)
        elif isinstance(event, Bind):
            self._smsc.spawn(self._smsc.bind(self, event))
        elif (operation := self._smsc.operations.get(event.command_id)) is not None:
            self._smsc.spawn(operation(self, event))
        else:
            self.session.answer(refusal(event, Status.ESME_RSYSERR))  # no movement was given

    def _log_slowed(self) -> None:
        if not self._slowed:
            self._slowed = True
            system_id = self.rights.account.system_id
            self._smsc.journal("session_slowed", system_id=system_id, address=self.host)

    def writable(self) -> None:
        """Go on delivering."""
        if self.bound_as:
            self._smsc.go_on(self.rights.account.system_id)

    def over(self) -> None:
        """Free the place among the binds of the account: an ESME that unbound may bind at once."""
        if self.bound_as:
            self._smsc.binds.unbound(self.rights.account.system_id, self)

    def ended(self, unanswered: list[object]) -> None:
        """Hand the requests without a response back to the relay."""
        if self.end_reason == Timeout.ENQUIRE_LINK.value:
            self.odd(Oddity.SILENT_ENQUIRE_LINK)
        self._smsc.ended(self, unanswered)

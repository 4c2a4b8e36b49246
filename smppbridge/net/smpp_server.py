"""The SMSC that ESMEs bind to: their sessions, their binds, and their requests for the relay."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Protocol

from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.internet.protocol import Factory
from twisted.internet.protocol import Protocol as TwistedProtocol

from smppbridge.model.account import Account
from smppbridge.model.report import Delivery
from smppbridge.net.binds import Binds
from smppbridge.net.smpp_protocol import SmppProtocol
from smppbridge.relay.accept.accept import Accept, Rights
from smppbridge.relay.deliver import Deliver
from smppbridge.relay.ports import Journal
from smppbridge.relay.ussd.dialogues import Dialogues
from smppbridge.relay.ussd.pdus import Asked
from smppbridge.smpp.constants import CommandId, Tag, status_name
from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.smpp.events import Alive, Answered, Faulty, Happening, Unanswered
from smppbridge.smpp.matrix import Role, State
from smppbridge.smpp.pdus import Bind, DataSm, DeliverSm, Pdu, SubmitMulti, SubmitSm, refusal
from smppbridge.smpp.session import Session, Timers
from smppbridge.smpp.tally import Tally
from smppbridge.smpp.tlvs import find

# The operations that are not served yet, with the status for each operation's own response.
NOT_SERVED = {
    CommandId.QUERY_SM: Status.ESME_RQUERYFAIL,
    CommandId.CANCEL_SM: Status.ESME_RCANCELFAIL,
    CommandId.REPLACE_SM: Status.ESME_RREPLACEFAIL,
    CommandId.SUBMIT_MULTI: Status.ESME_RSUBMITFAIL,
    CommandId.DATA_SM: Status.ESME_RSUBMITFAIL,
}
_KINDS = {
    CommandId.BIND_TRANSMITTER: "transmitter",
    CommandId.BIND_RECEIVER: "receiver",
    CommandId.BIND_TRANSCEIVER: "transceiver",
}
MOST_LOGGED = 20  # faulty PDUs of one session that are logged; all are counted
MOST_UNANSWERED = 3  # deliver_sm in a row without an answer end the session


class SessionMeters(Protocol):
    """Counts binds and faults of sessions, and times sessions."""

    def pdu_error(self, status: int) -> None:
        """Count a PDU that a session refused."""

    def bind_attempt(self, result: str) -> None:
        """Count a bind by its result."""

    def bind_ended(self, seconds: float) -> None:
        """Time a session that was bound."""

    def enquire_link(self, seconds: float) -> None:
        """Time the answer to an enquire_link of ours."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How many sessions are admitted: in all, and before they bind."""

    connections: int = 2_000
    unbound: int = 200
    unbound_per_address: int = 20


class EsmeSession(SmppProtocol):
    """The session with an ESME: Submitter, Receiver and BoundSession to the relay and to Binds.

    Only the session writes its state: *rights* by `go_by`, *bound_as* and *bound_at* by `accept`.
    """

    rights: Rights

    def __init__(self, smsc: Smsc, host: str) -> None:
        clock = smsc.clock
        session = Session(Role.SMSC, clock.seconds(), timers=smsc.timers, tally=smsc.tally)
        super().__init__(session, clock)
        self.host, self.owner, self._smsc = host, self, smsc
        self.bound_as, self.bound_at = 0, 0.0
        self.faults = self._silences = 0

    # -- for the relay and the Smsc -------------------------------------------------------------

    @property
    def interface_version(self) -> int:
        """The peer's interface_version."""
        return self.session.interface_version

    def answer(self, response: Pdu) -> None:
        """Put a response in line."""
        self.session.answer(response)

    def room(self) -> int:
        """Return how many deliver_sm fit into the window."""
        return 0 if self.choked else self.session.room()

    def ask(self, request: DeliverSm, about: Delivery | Asked) -> None:
        """Put a deliver_sm in line."""
        self.session.ask(request, about, self.clock.seconds())

    def probe(self) -> None:
        """Send an enquire_link."""
        self.session.probe(self.clock.seconds())
        self.flush()

    def last_heard(self) -> float:
        """Return when the peer's last octet came."""
        return self.session.last_heard

    def unbind(self, reason: str) -> None:
        """Send an unbind."""
        self.session.unbind(self.clock.seconds(), reason)
        self.flush()

    def go_by(self, rights: Rights) -> None:
        """Go by rights of the account, which may be new."""
        self.rights = rights
        self.session.window = rights.account.deliver_window
        self.session.receive_window = rights.account.window

    def accept(self, request: Bind, rights: Rights, system_id: bytes) -> None:
        """Put the response to a bind in line: the session is bound by *rights*."""
        now = self.clock.seconds()
        self.go_by(rights)
        self.bound_as, self.bound_at = request.command_id, now
        self.session.accept_bind(request, system_id, now)

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
        """Hand deliver_sm_resp to the relay."""
        self._silences = 0
        statuses = [(a.about, a.response.command_status) for a in answers]
        self._smsc.answered(self.rights.account.system_id, statuses)

    def happened(self, event: Happening) -> None:
        """Go by any other event of the session."""
        if isinstance(event, Faulty):
            self._smsc.faulty(self, event)
        elif isinstance(event, Unanswered):
            self._silences += 1
            if isinstance(event.about, Delivery):  # a dialogue has a deadline of its own
                system_id = self.rights.account.system_id
                self._smsc.deliver.unanswered(system_id, [event.about])
            if self._silences >= MOST_UNANSWERED:
                self.session.unbind(self.clock.seconds(), "deliver_sm unanswered")
        elif isinstance(event, Alive):
            self._smsc.meters.enquire_link(event.seconds)
        elif isinstance(event, Bind):
            self._smsc.spawn(self._smsc.bind(self, event))
        else:
            self.session.answer(refusal(event, _status_of(event)))

    def writable(self) -> None:
        """Go on delivering."""
        if self.bound_as:
            self._smsc.go_on(self.rights.account.system_id)

    def ended(self, unanswered: list[object]) -> None:
        """Hand the requests without a response back to the relay."""
        self._smsc.ended(self, unanswered)


class Smsc(Factory):
    """All sessions with ESMEs.

    Only the Smsc writes *sessions* (from connection to loss) and *draining*; *tally* is counted by
    the sessions.
    """

    noisy = False

    def __init__(
        self,
        system_id: str,
        *,
        accept: Accept,
        deliver: Deliver,
        binds: Binds,
        timers: Timers,
        limits: Limits,
        clock: IReactorTime,
        spawn: Callable[[Coroutine[Any, Any, None]], object],
        meters: SessionMeters,
        journal: Journal,
        dialogues: Dialogues | None = None,
    ) -> None:
        self.system_id = system_id.encode("ascii")
        self.accept, self.deliver, self.binds = accept, deliver, binds
        self.dialogues = dialogues
        self.timers, self.limits, self.clock = timers, limits, clock
        self.spawn, self.meters, self.journal = spawn, meters, journal
        self.sessions: set[EsmeSession] = set()
        self.tally = Tally()
        self.draining = False

    def buildProtocol(self, addr: IAddress | None) -> TwistedProtocol | None:
        """Return a session for a connection, None if there is no room for one more."""
        host = getattr(addr, "host", "local")
        unbound = [session for session in self.sessions if not session.bound_as]
        here = sum(1 for session in unbound if session.host == host)
        limits = self.limits
        if (
            self.draining
            or len(self.sessions) >= limits.connections
            or len(unbound) >= limits.unbound
            or here >= limits.unbound_per_address
        ):
            self.meters.bind_attempt("no room")
            return None
        session = EsmeSession(self, host)
        self.sessions.add(session)
        return session

    async def bind(self, session: EsmeSession, request: Bind) -> None:
        """Judge a bind, answer the bind, replay the deliveries owed."""
        rights, status = await self.binds.judge(request, session.host)
        system_id = request.system_id.decode("latin-1")
        if rights is not None and (self.draining or session.session.state is State.CLOSED):
            self.binds.release(system_id, request.command_id)
            rights, status = None, Status.ESME_RBINDFAIL
        self.meters.bind_attempt(status_name(status))
        if rights is None:
            session.session.refuse_bind(request, status)
            self._log_session(
                "session_refused", session, system_id, command_status=status_name(status)
            )
            session.flush()
            return
        session.accept(request, rights, self.system_id)
        self.binds.bound(system_id, session)
        self._log_session("session_bound", session, system_id, kind=_kind(session))
        if session.session.may_deliver:
            if self.dialogues is not None:
                self.dialogues.bound(system_id, session)
            self.deliver.bound(system_id, session)
        session.flush()

    def answered(self, system_id: str, statuses: list[tuple[object, int]]) -> None:
        """Hand the command_status of deliver_sm_resp to the dialogues and to deliver."""
        if self.dialogues is not None:
            asked = [(about, status) for about, status in statuses if isinstance(about, Asked)]
            self.dialogues.answered(asked)
            self.dialogues.go_on(system_id)  # first: a person holds a phone in the hand
        owed = [(about, status) for about, status in statuses if isinstance(about, Delivery)]
        self.deliver.answered(system_id, owed)

    def go_on(self, system_id: str) -> None:
        """Use the room in the windows of an account's sessions."""
        if self.dialogues is not None:
            self.dialogues.go_on(system_id)
        self.deliver.go_on(system_id)

    def faulty(self, session: EsmeSession, fault: Faulty) -> None:
        """Count a refused PDU, and log it if it is among the first of its session."""
        self.meters.pdu_error(fault.status)
        session.count_fault()
        if session.faults > MOST_LOGGED:
            return
        self.journal(
            "pdu_refused",
            address=session.host,
            system_id=session.session.system_id,
            command_id=f"{fault.command_id:#010x}",
            command_status=status_name(fault.status),
            reason=fault.why,
        )

    def ended(self, session: EsmeSession, unanswered: list[object]) -> None:
        """Hand the unanswered requests of a session back, and log the end of the session."""
        self.sessions.discard(session)
        if not session.bound_as:
            self._log_unbound(session)
            return
        system_id = session.rights.account.system_id
        self.binds.unbound(system_id, session)
        if self.dialogues is not None:
            asked = [about for about in unanswered if isinstance(about, Asked)]
            self.dialogues.lost(system_id, session, asked)
        deliveries = [about for about in unanswered if isinstance(about, Delivery)]
        self.deliver.lost(system_id, session, deliveries)
        seconds = self.clock.seconds() - session.bound_at
        self.meters.bind_ended(seconds)
        self._log_session("session_ended", session, system_id, reason=session.session.end_reason)

    def _log_unbound(self, session: EsmeSession) -> None:
        """Log the end of a session that never bound, unless it sent nothing, like health probes."""
        reason = session.session.end_reason
        if reason != "connection lost":
            self.journal("connection_ended", address=session.host, reason=reason)

    def change(self, rights: dict[str, Rights]) -> None:
        """Go by new accounts: sessions of removed and re-passworded accounts are unbound."""
        for session in [session for session in self.sessions if session.bound_as]:
            before = session.rights.account
            new = rights.get(before.system_id)
            if new is None or new.account.password != before.password:
                session.unbind("the account has changed")
            else:
                session.go_by(new)
        self.binds.change(rights)

    def accounts(self) -> dict[str, Account]:
        """Return the accounts in force."""
        return {name: rights.account for name, rights in self.binds.rights.items()}

    def bound_counts(self) -> dict[tuple[str, ...], float]:
        """Return how many sessions are bound, by system_id and kind."""
        counts: dict[tuple[str, ...], float] = {}
        for session in self.sessions:
            if session.bound_as:
                key = (session.rights.account.system_id, _kind(session))
                counts[key] = counts.get(key, 0) + 1
        return counts

    def windows(self) -> dict[tuple[str, ...], float]:
        """Return how many requests are unanswered, by system_id and direction."""
        counts: dict[tuple[str, ...], float] = {}
        for session in self.sessions:
            if session.bound_as:
                system_id = session.rights.account.system_id
                out = (
                    session.session.window - session.session.room()
                    if session.session.may_deliver
                    else 0
                )
                for key, n in (("in", session.session.unanswered), ("out", out)):
                    counts[system_id, key] = counts.get((system_id, key), 0) + n
        return counts

    def drain(self) -> None:
        """Admit no more connections and binds; unbind all sessions."""
        self.draining = True
        for session in list(self.sessions):
            session.unbind("the bridge is stopping")

    def _log_session(
        self, event: str, session: EsmeSession, system_id: str, **fields: object
    ) -> None:
        self.journal(event, system_id=system_id, address=session.host, **fields)


def _kind(session: EsmeSession) -> str:
    return _KINDS[CommandId(session.bound_as)]


def _status_of(request: Pdu) -> int:
    """Return the status that refuses a request: its own fault if it has one, else not served."""
    if isinstance(request, DataSm) and find(request.tlvs, Tag.MESSAGE_PAYLOAD) is None:
        return Status.ESME_RMISSINGOPTPARAM
    if isinstance(request, SubmitMulti) and not request.dest_address:
        return Status.ESME_RINVNUMDESTS
    return NOT_SERVED[CommandId(request.command_id)]

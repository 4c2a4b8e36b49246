"""The SMSC that ESMEs bind to: all sessions, their binds, reloads, and the end."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from types import MappingProxyType
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.internet.protocol import Factory
from twisted.internet.protocol import Protocol as TwistedProtocol

from smppbridge.model.account import Account
from smppbridge.model.channel import OTHER_CERTIFICATE
from smppbridge.model.report import Delivery
from smppbridge.net.binds import NOT_FORGIVEN, Binds, JudgedBind
from smppbridge.net.esme_session import EsmeSession, Operations, SessionMeters
from smppbridge.net.failed_connections import NoteFailed
from smppbridge.net.oddities import REMEDIES
from smppbridge.net.refused_binds import RefusedBinds
from smppbridge.net.room import NEVER_BOUND, STOPPING, Limits, Room
from smppbridge.relay.accept.accept import Accept
from smppbridge.relay.accept.intake import Rights
from smppbridge.relay.deliver import Deliver
from smppbridge.relay.ports import CountReason, Journal, uncounted
from smppbridge.relay.ussd.dialogues import Dialogues
from smppbridge.relay.ussd.pdus import DialogueDelivery
from smppbridge.smpp.constants import CommandId, status_name
from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.smpp.events import FaultyPdu
from smppbridge.smpp.matrix import State
from smppbridge.smpp.oddities import Oddity
from smppbridge.smpp.pdus import Bind
from smppbridge.smpp.session import Timers
from smppbridge.smpp.tally import Tally

_KINDS = {
    CommandId.BIND_TRANSMITTER: "transmitter",
    CommandId.BIND_RECEIVER: "receiver",
    CommandId.BIND_TRANSCEIVER: "transceiver",
}
PASSWORD_OCTETS = 8  # SMPP 3.4, 4.1.1: nine with the NUL
MOST_LOGGED = 20  # faulty PDUs of one session that are logged; all are counted


class Smsc(Factory):
    """All sessions with ESMEs.

    Only the Smsc writes *sessions* (from connection to loss) and *draining*; *tally* is counted by
    the sessions, and *tapped* is written by a trace, to be called with each new session.
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
        failed: NoteFailed,
        reason: CountReason = uncounted,
        dialogues: Dialogues | None = None,
        operations: Operations = MappingProxyType({}),
    ) -> None:
        self.system_id = system_id.encode("ascii")
        self.accept, self.deliver, self.binds = accept, deliver, binds
        self.dialogues, self.operations = dialogues, operations
        self.timers, self.clock = timers, clock
        self.spawn, self.meters, self.journal = spawn, meters, journal
        self._reason = reason
        self._failed, self._room = failed, Room(limits, failed, binds.expects)
        self.sessions: set[EsmeSession] = set()
        self.tally, self.refused = Tally(), RefusedBinds()
        self.draining = False
        self.tapped: Callable[[EsmeSession], None] | None = None

    def buildProtocol(self, addr: IAddress | None) -> TwistedProtocol | None:
        """Return a session for a connection, None if there is no room for one more."""
        return self.admit(EsmeSession(self, getattr(addr, "host", "local")))

    def admit(self, session: EsmeSession) -> EsmeSession | None:
        """Return a session that takes its place among the connections, None if there is no room."""
        if self.draining:
            self._failed(session.host, STOPPING)
            return None
        if not self._room.admit(session):
            return None
        self.sessions.add(session)
        if self.tapped is not None:
            self.tapped(session)
        return session

    def adopt(self, session: EsmeSession) -> None:
        """Take in a session that was bound before a restart; unbind it if it could not bind now."""
        account = session.rights.account
        self.sessions.add(session)
        self._room.adopt(session)
        self.binds.adopt(account.system_id, session)
        if account.system_id not in self.binds.rights or not _may_stay(session, account):
            session.unbind("the account has changed")

    async def bind(self, session: EsmeSession, request: Bind) -> None:
        """Judge a bind, answer the bind, replay the deliveries owed."""
        channel = session.channel
        session.judging = Deferred.fromCoroutine(self.binds.judge(request, session.host, channel))
        try:
            judged = await session.judging
        except CancelledError:  # the connection was lost meanwhile
            return
        system_id = request.system_id.decode("latin-1")
        judged = self._unforgiven(session, request, judged)
        if judged.rights is not None and (self.draining or session.session.state is State.CLOSED):
            self.binds.release(system_id, request.command_id)
            judged = JudgedBind(None, Status.ESME_RBINDFAIL, STOPPING)
        status = status_name(judged.status)
        self.meters.bind_attempt(status, judged.reason)
        if judged.rights is None:
            session.session.refuse_bind(request, judged.status)
            self._keep_refused(session, request, judged)
            refused: dict[str, object] = {"command_status": status, "reason": judged.reason}
            if judged.reason == OTHER_CERTIFICATE:
                refused["certificate"] = [str(name) for name in channel.names]
            detail = f"from {session.host}"
            if self._reason(judged.reason, system_id, detail=detail, first=False):
                self._log_session("session_refused", session, system_id, **refused)
            session.flush()
            return
        session.accept(request, judged.rights, judged.known_by, self.system_id)
        if len(request.password) > PASSWORD_OCTETS:
            self.odd(session, Oddity.LONG_PASSWORD)
        self._room.settle(session)
        self.binds.bound(system_id, session)
        self._log_session("session_bound", session, system_id, kind=kind_of(session))
        if judged.known_by == judged.rights.account.old_password:
            self.meters.old_password(system_id)
            self._log_session("old_password_used", session, system_id)
        self.replay(session)
        session.flush()

    def _keep_refused(self, session: EsmeSession, request: Bind, judged: JudgedBind) -> None:
        self.refused.add(
            self.clock.seconds(),
            request.system_id.decode("latin-1"),
            session.host,
            _KINDS[CommandId(request.command_id)],
            command_status=judged.status,
            reason=judged.reason,
        )

    def replay(self, session: EsmeSession) -> None:
        """Replay the deliveries owed to a session, if deliver_sm may pass."""
        if session.session.may_deliver:
            system_id = session.rights.account.system_id
            if self.dialogues is not None:
                self.dialogues.bound(system_id, session)
            self.deliver.bound(system_id, session)

    def _unforgiven(self, session: EsmeSession, request: Bind, judged: JudgedBind) -> JudgedBind:
        """Refuse a bind that was read leniently for the sake of other accounts than its own.

        Only after the password was right: a stranger learns of no account by a faulty bind.
        """
        if judged.rights is None:
            return judged
        odd = session.session.indulgence.forgave - judged.rights.account.habits.forgives
        if not odd:
            return judged
        self.binds.release(request.system_id.decode("latin-1"), request.command_id)
        return JudgedBind(None, Status.ESME_RINVCMDLEN, NOT_FORGIVEN)

    def odd(self, session: EsmeSession, oddity: Oddity) -> None:
        """Count an oddity, and log its first time in a session with the setting that helps."""
        system_id = session.rights.account.system_id if session.bound_as else ""
        self.meters.odd(system_id, oddity)
        if oddity in session.oddities:
            return
        session.oddities.add(oddity)
        forgiven = oddity in session.session.indulgence.forgives
        self._log_session(
            "session_oddity",
            session,
            system_id,
            kind=oddity.value,
            setting="" if forgiven else REMEDIES[oddity],
        )

    def answered(self, system_id: str, statuses: list[tuple[object, int]]) -> None:
        """Hand the command_status of deliver_sm_resp to the dialogues and to deliver."""
        if self.dialogues is not None:
            asked = [
                (about, status) for about, status in statuses if isinstance(about, DialogueDelivery)
            ]
            self.dialogues.answered(asked)
            self.dialogues.go_on(system_id)  # first: a person holds a phone in the hand
        owed = [(about, status) for about, status in statuses if isinstance(about, Delivery)]
        self.deliver.answered(system_id, owed)

    def go_on(self, system_id: str) -> None:
        """Use the room in the windows of an account's sessions."""
        if self.dialogues is not None:
            self.dialogues.go_on(system_id)
        self.deliver.go_on(system_id)

    def faulty(self, session: EsmeSession, fault: FaultyPdu) -> None:
        """Count a refused PDU, and log it if it is among the first of its session."""
        self.meters.pdu_error(fault.status)
        if fault.oddity is not None:
            self.odd(session, fault.oddity)
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
        self._room.leave(session)
        if session.judging is not None:
            session.judging.cancel()
        if not session.bound_as:
            self._note_unbound(session)
            return
        system_id = session.rights.account.system_id
        self.binds.unbound(system_id, session)
        if self.dialogues is not None:
            asked = [about for about in unanswered if isinstance(about, DialogueDelivery)]
            self.dialogues.lost(system_id, session, asked)
        deliveries = [about for about in unanswered if isinstance(about, Delivery)]
        self.deliver.lost(system_id, session, deliveries)
        seconds = self.clock.seconds() - session.bound_at
        self.meters.bind_ended(seconds)
        self._log_session("session_ended", session, system_id, reason=session.end_reason)

    def _note_unbound(self, session: EsmeSession) -> None:
        """Note a connection that never bound, unless it is ours or sent nothing (health probes)."""
        if session.end_reason != "connection lost" and not session.invited:
            self._failed(session.host, NEVER_BOUND, session.end_reason)

    def change(self, rights: dict[str, Rights]) -> None:
        """Go by new accounts: sessions that could not bind as they did are unbound.

        They are of removed accounts, of passwords that are no longer valid, of other certificates.
        """
        staying: list[EsmeSession] = []
        for session in [session for session in self.sessions if session.bound_as]:
            new = rights.get(session.rights.account.system_id)
            if new is None or not _may_stay(session, new.account):
                session.unbind("the account has changed")
            else:
                session.go_by(new)
                staying.append(session)
        self.binds.change(rights)
        for session in staying:
            session.flush()  # by its new timers and its new window

    def accounts(self) -> dict[str, Account]:
        """Return the accounts in force."""
        return {name: rights.account for name, rights in self.binds.rights.items()}

    @property
    def admitted(self) -> int:
        """How many connections have been let in."""
        return self._room.admitted

    @property
    def unbound(self) -> int:
        """How many connections have not bound yet."""
        return sum(not session.bound_as for session in self.sessions)

    def bound_counts(self) -> dict[tuple[str, ...], float]:
        """Return how many sessions are bound, by system_id and kind; 0 for kinds without any."""
        kinds = _KINDS.values()
        counts: dict[tuple[str, ...], float] = {
            (system_id, kind): 0 for system_id in self.binds.rights for kind in kinds
        }
        for session in self.sessions:
            if session.bound_as and session.session.state is not State.CLOSED:
                key = (session.rights.account.system_id, kind_of(session))
                counts[key] = counts.get(key, 0) + 1
        return counts

    def old_password_counts(self) -> dict[tuple[str, ...], float]:
        """Return how many sessions are bound with the older of two passwords, by system_id."""
        olds = {name: account.old_password for name, account in self.accounts().items()}
        counts: dict[tuple[str, ...], float] = {(name,): 0 for name, old in olds.items() if old}
        for session in self.sessions:
            if session.bound_as and session.known_by is not None:
                system_id = session.rights.account.system_id
                if session.known_by == olds.get(system_id):
                    counts[(system_id,)] += 1
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

    def drain(self, draining: bool = True) -> None:
        """Admit no more connections and binds, bound sessions go on; or admit them again."""
        self.draining = draining

    def unbind_all(self) -> None:
        """Unbind all sessions: the bridge is stopping."""
        for session in list(self.sessions):
            session.unbind("the bridge is stopping")

    def _log_session(
        self, event: str, session: EsmeSession, system_id: str, **fields: object
    ) -> None:
        self.journal(event, system_id=system_id, address=session.host, **fields)


def kind_of(session: EsmeSession) -> str:
    return _KINDS[CommandId(session.bound_as)]


def _may_stay(session: EsmeSession, account: Account) -> bool:
    return session.known_by in account.passwords and not account.refuses(session.channel)

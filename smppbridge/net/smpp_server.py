"""The SMSC that ESMEs bind to: connections, binds, and what is done with their requests."""

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

# What is not served yet, and the status that says so in each operation's own response.
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
MOST_TOLD = 20  # faulty PDUs of one session that are logged; all are counted
MOST_UNANSWERED = 3  # deliver_sm in a row without an answer end the session


class SessionMeters(Protocol):
    """Counts what sessions do."""

    def pdu_error(self, status: int) -> None:
        """Count a PDU that was refused by the session."""

    def bind_attempt(self, result: str) -> None:
        """Count a bind by what came of it."""

    def bind_ended(self, seconds: float) -> None:
        """Time a session that was bound."""

    def enquire_link(self, seconds: float) -> None:
        """Time the answer to an enquire_link of ours."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How many connections there may be: in all, and before they bind."""

    connections: int = 2_000
    unbound: int = 200
    unbound_per_address: int = 20


class EsmeLink(SmppProtocol):
    """One ESME's connection: Submitter, Receiver and BoundSession to the relay and to Binds."""

    rights: Rights

    def __init__(self, smsc: Smsc, host: str) -> None:
        clock = smsc.clock
        session = Session(Role.SMSC, clock.seconds(), timers=smsc.timers, tally=smsc.tally)
        super().__init__(session, clock)
        self.host, self.owner, self._smsc = host, self, smsc
        self.bound_as, self.bound_at = 0, 0.0
        self.faults = self._silences = 0

    # -- what the relay asks of it --------------------------------------------------------------

    @property
    def interface_version(self) -> int:
        """Return the peer's."""
        return self.session.interface_version

    def answer(self, response: Pdu) -> None:
        """Put a response in line."""
        self.session.answer(response)

    def room(self) -> int:
        """Return how many deliver_sm fit."""
        return 0 if self.choked else self.session.room()

    def ask(self, request: DeliverSm, about: Delivery | Asked) -> None:
        """Put a deliver_sm in line."""
        self.session.ask(request, about, self.clock.seconds())

    def probe(self) -> None:
        """Ask whether the peer lives."""
        self.session.probe(self.clock.seconds())
        self.flush()

    def last_heard(self) -> float:
        """Return when the peer's last octet came."""
        return self.session.last_heard

    def unbind(self, reason: str) -> None:
        """Part from the peer."""
        self.session.unbind(self.clock.seconds(), reason)
        self.flush()

    def go_by(self, rights: Rights) -> None:
        """Go by (new) rights of the account."""
        self.rights = rights
        self.session.window = rights.account.deliver_window
        self.session.receive_window = rights.account.window

    # -- what the session says ------------------------------------------------------------------

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
        told = [(a.about, a.response.command_status) for a in answers]
        self._smsc.answered(self.rights.account.system_id, told)

    def happened(self, event: Happening) -> None:
        """Go by anything else."""
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
        """Give up what the connection held."""
        self._smsc.ended(self, unanswered)


class Smsc(Factory):
    """All ESME connections."""

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
        self.links: set[EsmeLink] = set()
        self.tally = Tally()
        self.draining = False

    def buildProtocol(self, addr: IAddress | None) -> TwistedProtocol | None:
        """Take a connection, if there is room for it."""
        host = getattr(addr, "host", "local")
        unbound = [link for link in self.links if not link.bound_as]
        here = sum(1 for link in unbound if link.host == host)
        limits = self.limits
        if (
            self.draining
            or len(self.links) >= limits.connections
            or len(unbound) >= limits.unbound
            or here >= limits.unbound_per_address
        ):
            self.meters.bind_attempt("no room")
            return None
        link = EsmeLink(self, host)
        self.links.add(link)
        return link

    async def bind(self, link: EsmeLink, request: Bind) -> None:
        """Judge a bind, answer it, replay what is owed."""
        rights, status = await self.binds.judge(request, link.host)
        system_id = request.system_id.decode("latin-1")
        if rights is not None and (self.draining or link.session.state is State.CLOSED):
            self.binds.release(system_id, request.command_id)
            rights, status = None, Status.ESME_RBINDFAIL
        self.meters.bind_attempt(status_name(status))
        if rights is None:
            link.session.refuse_bind(request, status)
            self._tell("session_refused", link, system_id, command_status=status_name(status))
            link.flush()
            return
        link.go_by(rights)
        link.bound_as, link.bound_at = request.command_id, self.clock.seconds()
        self.binds.bound(system_id, link)
        link.session.accept_bind(request, self.system_id, self.clock.seconds())
        self._tell("session_bound", link, system_id, kind=_kind(link))
        if link.session.may_deliver:
            if self.dialogues is not None:
                self.dialogues.bound(system_id, link)
            self.deliver.bound(system_id, link)
        link.flush()

    def answered(self, system_id: str, told: list[tuple[object, int]]) -> None:
        """Hand command_status of deliver_sm_resp to whoever asked."""
        if self.dialogues is not None:
            self.dialogues.answered([(about, n) for about, n in told if isinstance(about, Asked)])
            self.dialogues.go_on(system_id)  # first: somebody holds a phone in his hand
        self.deliver.answered(
            system_id, [(about, n) for about, n in told if isinstance(about, Delivery)]
        )

    def go_on(self, system_id: str) -> None:
        """Use the room that there is again."""
        if self.dialogues is not None:
            self.dialogues.go_on(system_id)
        self.deliver.go_on(system_id)

    def faulty(self, link: EsmeLink, fault: Faulty) -> None:
        """Count and tell of a PDU that was refused; of a session's first ones only."""
        self.meters.pdu_error(fault.status)
        link.faults += 1
        if link.faults > MOST_TOLD:
            return
        self.journal(
            "pdu_refused",
            address=link.host,
            system_id=link.session.system_id,
            command_id=f"{fault.command_id:#010x}",
            command_status=status_name(fault.status),
            reason=fault.why,
        )

    def ended(self, link: EsmeLink, unanswered: list[object]) -> None:
        """Note that a connection is gone."""
        self.links.discard(link)
        if not link.bound_as:
            self._tell_unbound(link)
            return
        system_id = link.rights.account.system_id
        self.binds.unbound(system_id, link)
        if self.dialogues is not None:
            asked = [about for about in unanswered if isinstance(about, Asked)]
            self.dialogues.lost(system_id, link, asked)
        deliveries = [about for about in unanswered if isinstance(about, Delivery)]
        self.deliver.lost(system_id, link, deliveries)
        seconds = self.clock.seconds() - link.bound_at
        self.meters.bind_ended(seconds)
        self._tell("session_ended", link, system_id, reason=link.session.end_reason)

    def _tell_unbound(self, link: EsmeLink) -> None:
        """Tell of a connection that never bound, unless it said nothing: health probes do that."""
        reason = link.session.end_reason
        if reason != "connection lost":
            self.journal("connection_ended", address=link.host, reason=reason)

    def change(self, rights: dict[str, Rights]) -> None:
        """Go by new accounts: removed and re-passworded ones are unbound, others untouched."""
        for link in [link for link in self.links if link.bound_as]:
            before = link.rights.account
            new = rights.get(before.system_id)
            if new is None or new.account.password != before.password:
                link.unbind("the account has changed")
            else:
                link.go_by(new)
        self.binds.change(rights)

    def accounts(self) -> dict[str, Account]:
        """Return the accounts in force."""
        return {name: rights.account for name, rights in self.binds.rights.items()}

    def bound_counts(self) -> dict[tuple[str, ...], float]:
        """Return how many sessions are bound, by system_id and kind."""
        counts: dict[tuple[str, ...], float] = {}
        for link in self.links:
            if link.bound_as:
                key = (link.rights.account.system_id, _kind(link))
                counts[key] = counts.get(key, 0) + 1
        return counts

    def windows(self) -> dict[tuple[str, ...], float]:
        """Return how many requests are unanswered, by system_id and direction."""
        counts: dict[tuple[str, ...], float] = {}
        for link in self.links:
            if link.bound_as:
                system_id = link.rights.account.system_id
                out = link.session.window - link.session.room() if link.session.may_deliver else 0
                for key, n in (("in", link.session.unanswered), ("out", out)):
                    counts[system_id, key] = counts.get((system_id, key), 0) + n
        return counts

    def drain(self) -> None:
        """Take no more connections and binds; part from those that are bound."""
        self.draining = True
        for link in list(self.links):
            link.unbind("the bridge is stopping")

    def _tell(self, event: str, link: EsmeLink, system_id: str, **fields: object) -> None:
        self.journal(event, system_id=system_id, address=link.host, **fields)


def _kind(link: EsmeLink) -> str:
    return _KINDS[CommandId(link.bound_as)]


def _status_of(request: Pdu) -> int:
    """Return why a request that is not served is refused: its own fault, if it has one."""
    if isinstance(request, DataSm) and find(request.tlvs, Tag.MESSAGE_PAYLOAD) is None:
        return Status.ESME_RMISSINGOPTPARAM
    if isinstance(request, SubmitMulti) and not request.dest_address:
        return Status.ESME_RINVNUMDESTS
    return NOT_SERVED[CommandId(request.command_id)]

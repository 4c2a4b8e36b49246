"""handed_sessions: bound sessions without TLS that pass from one process of the bridge to the next.

Their sockets stay open over an exec; a record of each session is all that the next process needs.
"""

from __future__ import annotations

import hmac
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory
from twisted.internet.tcp import Connection

from smppbridge.model.account import Account, Secret
from smppbridge.model.address import Address
from smppbridge.model.report import Delivery
from smppbridge.net.esme_session import EsmeSession, law_of
from smppbridge.net.outbind import Outbinds
from smppbridge.net.sending import in_line, send
from smppbridge.net.smpp_server import Smsc
from smppbridge.relay.accept.intake import rights_of
from smppbridge.relay.responses import WaitingResponse, WaitingResponses
from smppbridge.smpp.handed_session import Continuation, OpenRequest, continuation_of, go_on

_NOBODY = Address("")


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedRequest:
    """A deliver_sm or data_sm that the ESME has not answered; *left* are seconds.

    *message_id*, *parent*, *state* and *attempts* are the delivery's; a message_id of 0 says that
    the response is awaited by nobody (the dialogue of a USSD request ends with its process).
    """

    sequence_number: int
    command_id: int
    left: float
    message_id: int = 0
    parent: int = 0
    state: int = 0
    attempts: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedResponse:
    """A submit_sm_resp that waits for a provider's verdict, as `WaitingResponse`; seconds."""

    sequence_number: int
    message_id: int
    parent: int
    asked_ago: float
    left: float
    within: float
    id_form: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedSession:
    """A bound session of an ESME, and its socket *fd*; times are ages in seconds.

    *host* is the client's address, which a balancer's header may have named.  *password* is a keyed
    digest of the password that the session bound with.  *invited* says whether we opened the
    connection.  *inbound* are octets of the peer that are not read yet, *outbound* our octets that
    the socket has not taken yet.
    """

    fd: int
    host: str
    invited: bool
    system_id: str
    password: str = field(repr=False)
    bound_as: int
    bound_ago: float
    interface_version: int
    last_number: int
    asked: tuple[HandedRequest, ...]
    responses: tuple[HandedResponse, ...]
    faults: int
    silences: int
    inbound: bytes = field(repr=False)
    outbound: bytes = field(repr=False)


def can_pass(session: EsmeSession, responses: WaitingResponses) -> bool:
    """Return whether another process can go on with a session.

    The keys of TLS are in this process alone, and so are requests that somebody here is about to
    answer; a request that waits for a provider's verdict can wait elsewhere.
    """
    transport = session.transport
    plain = isinstance(transport, Connection) and not transport.TLS
    if not (plain and session.bound_as and session.session.bound and not transport.disconnecting):
        return False
    return session.session.unanswered == len(responses.of(session))


def hand_over(session: EsmeSession, responses: WaitingResponses, key: bytes) -> HandedSession:
    """Return the record of a session that `can_pass` and reads no more; *key* is for passwords."""
    now, transport = session.clock.seconds(), session.transport
    by = continuation_of(session.session, session.bound_as, now)
    return HandedSession(
        fd=transport.fileno(),
        host=session.host,
        invited=session.invited,
        system_id=by.system_id,
        password=_digest(key, session.known_by),
        bound_as=by.bound_as,
        bound_ago=now - session.bound_at,
        interface_version=by.interface_version,
        last_number=by.last_number,
        asked=tuple(map(_handed_request, by.asked)),
        responses=tuple(_handed_response(each, now) for each in responses.of(session)),
        faults=session.faults,
        silences=session.silences,
        inbound=by.octets,
        outbound=b"".join((in_line(transport), *session.session.out)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Adopter:
    """Takes up the sessions of the process before; *connect* is IReactorSocket's verb for sockets.

    *key* is the one that their passwords were digested with.
    """

    smsc: Smsc
    outbinds: Outbinds
    responses: WaitingResponses
    connect: Callable[[int, int, Factory], object]
    key: bytes = field(repr=False)

    def adopt(self, handed: Iterable[HandedSession]) -> list[EsmeSession]:
        """Go on with all sessions; return those whose connections are there still.

        No delivery leaves before the deliveries that all of them await the responses of are held.
        """
        found = [session for each in handed if (session := self._adopt(each)) is not None]
        for session in found:
            self.smsc.replay(session)
            session.thaw()
        return found

    def _adopt(self, handed: HandedSession) -> EsmeSession | None:
        session = self._session_of(handed)
        try:
            with socket.socket(fileno=handed.fd) as connection:  # Twisted has a copy
                self.connect(connection.fileno(), connection.family, _One(session))
        except OSError:  # lost meanwhile, or never a socket of ours
            session.connectionLost()
            return None
        session.freeze()
        if handed.outbound:
            send(session.transport, handed.outbound)
        for each in handed.responses:
            self._await(session, each)
        self.smsc.adopt(session)
        return session

    def _session_of(self, handed: HandedSession) -> EsmeSession:
        smsc, system_id, now = self.smsc, handed.system_id, self.smsc.clock.seconds()
        called = self.outbinds.adopt(system_id, handed.host) if handed.invited else None
        session = called or EsmeSession(smsc, handed.host)
        gone = Account(system_id=system_id, password=Secret())
        rights = smsc.binds.rights.get(system_id) or rights_of(gone, now)
        known = [s for s in rights.account.passwords if _digest(self.key, s) == handed.password]
        session.adopt(handed, rights, known[0] if known else None)
        asked = tuple(_open_request(each, system_id) for each in handed.asked)
        smsc.deliver.adopt([each.about for each in asked if isinstance(each.about, Delivery)])
        by = Continuation(
            system_id=system_id,
            bound_as=handed.bound_as,
            interface_version=handed.interface_version,
            last_number=handed.last_number,
            asked=asked,
            octets=handed.inbound,
        )
        go_on(session.session, by, law_of(rights), now)
        return session

    def _await(self, session: EsmeSession, handed: HandedResponse) -> None:
        now = session.clock.seconds()
        response = WaitingResponse(
            session,
            session.rights.account.system_id,
            handed.sequence_number,
            handed.message_id,
            handed.parent,
            now - handed.asked_ago,
            handed.within,
            handed.id_form.encode("ascii"),
            due=now + handed.left,
        )
        session.session.unanswered += 1
        self.responses.hold([response])


class _One(Factory):
    """Gives one session its connection."""

    noisy = False

    def __init__(self, session: EsmeSession) -> None:
        self._session = session

    def buildProtocol(self, addr: IAddress | None) -> EsmeSession:
        """Return the session."""
        return self._session


def _digest(key: bytes, secret: Secret | None) -> str:
    """Return a keyed digest of a password, "" of none."""
    if secret is None:
        return ""
    return hmac.digest(key, f"{secret.hashed}\0{secret.clear}".encode(), "sha256").hex()


def _handed_request(each: OpenRequest) -> HandedRequest:
    about = each.about
    if not isinstance(about, Delivery):
        return HandedRequest(
            sequence_number=each.sequence_number, command_id=each.command_id, left=each.left
        )
    return HandedRequest(
        sequence_number=each.sequence_number,
        command_id=each.command_id,
        left=each.left,
        message_id=about.message_id,
        parent=about.parent,
        state=about.state,
        attempts=about.attempts,
    )


def _open_request(handed: HandedRequest, system_id: str) -> OpenRequest:
    """Return an open request; its delivery has the fields that its conclusion needs."""
    about = None
    if handed.message_id:
        about = Delivery(
            message_id=handed.message_id,
            parent=handed.parent,
            system_id=system_id,
            source=_NOBODY,
            destination=_NOBODY,
            state=handed.state,
            error=0,
            submitted_at=0.0,
            done_at=0.0,
            due=0.0,
            expires_at=0.0,
            attempts=handed.attempts,
        )
    return OpenRequest(handed.sequence_number, handed.command_id, handed.left, about)


def _handed_response(response: WaitingResponse, now: float) -> HandedResponse:
    return HandedResponse(
        sequence_number=response.sequence_number,
        message_id=response.message_id,
        parent=response.parent,
        asked_ago=now - response.asked_at,
        left=response.due - now,
        within=response.within,
        id_form=response.id_form.decode("ascii"),
    )

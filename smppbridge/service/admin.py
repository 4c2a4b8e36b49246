"""admin: the API of a bridge: its keyring, its door, and the parts that its operations use."""

from __future__ import annotations

import json
import os
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThreadPool

from smppbridge import __version__
from smppbridge.net.binds import verify_password
from smppbridge.net.esme_session import EsmeSession
from smppbridge.net.password_checks import PasswordChecks
from smppbridge.net.penalties import Penalties
from smppbridge.net.room import Limits, Room
from smppbridge.net.smpp_server import Smsc, kind_of
from smppbridge.service.cdr_answers import CdrAnswers
from smppbridge.service.configuration_answers import ConfigurationAnswers
from smppbridge.service.doctor_answers import DoctorAnswers
from smppbridge.service.relay_ports import relay_ports
from smppbridge.service.restart_answers import RestartAnswers
from smppbridge.service.trace_answers import TraceAnswers
from smppbridge.settings.endpoints import parse
from smppbridge.settings.schema import Settings
from smppbridge.settings.web import WebSection
from smppbridge.store import audit
from smppbridge.store.audit import AuditEntry
from smppbridge.store.port import StoreFailure
from smppbridge.web.api.events import Broadcast
from smppbridge.web.api.operations import API
from smppbridge.web.api.ports import ApiPorts, SessionFacts
from smppbridge.web.door import ApiResource, Door, DoorRules, Entrance
from smppbridge.web.keyring import Keyring, Token, User
from smppbridge.web.local import LocalSite
from smppbridge.web.logins import Logins
from smppbridge.web.operations import ApiRequest
from smppbridge.web.problems import RequestRefused
from smppbridge.web.request import SiteResource, not_found

if TYPE_CHECKING:
    from smppbridge.service.bridge import Bridge

HASHES = 4
"""Passwords that are checked at once."""
SOCKETS = Limits(20, 20, 20)
LOGIN_REFUSED = "login_refused"


class NumberedSessions:
    """The sessions with ESMEs, each with a number; only the instance gives numbers."""

    def __init__(self, smsc: Smsc, seconds: Callable[[], float]) -> None:
        self._smsc, self._seconds = smsc, seconds
        self._numbers: WeakKeyDictionary[EsmeSession, int] = WeakKeyDictionary()
        self._last = 0

    def listed(self) -> list[SessionFacts]:
        """Return all sessions, the oldest first."""
        found = [self._facts(session) for session in self._smsc.sessions]
        return sorted(found, key=lambda facts: int(facts.id))

    def unbind(self, id: str, reason: str) -> bool:
        """Unbind a session, or close a connection that has not bound."""
        for session in list(self._smsc.sessions):
            if str(self._number(session)) == id:
                session.unbind(reason) if session.bound_as else session.replace(reason)
                return True
        return False

    def _number(self, session: EsmeSession) -> int:
        number = self._numbers.get(session)
        if number is None:
            self._last += 1
            number = self._numbers[session] = self._last
        return number

    def _facts(self, session: EsmeSession) -> SessionFacts:
        now, inner, bound = self._seconds(), session.session, bool(session.bound_as)
        window = inner.window if bound and inner.may_deliver else 0
        return SessionFacts(
            id=str(self._number(session)),
            account=session.rights.account.system_id if bound else "",
            kind=kind_of(session) if bound else "",
            address=session.host,
            tls=session.channel.tls,
            age=now - (session.bound_at if bound else session.since),
            silent=max(0.0, now - session.last_heard()),
            interface_version=session.interface_version,
            window_in=inner.unanswered,
            window_in_of=session.rights.account.window if bound else 0,
            window_out=window - inner.room() if window else 0,
            window_out_of=window,
            faults=session.faults,
            oddities=tuple(sorted(session.oddities)),
        )


class NoOtherPaths:
    """The resource of a site that has no other paths than those of the API."""

    judge = staticmethod(lambda request: None)
    render = staticmethod(not_found)


class Admin:
    """The API of a bridge.

    Only the instance writes who may come in.
    """

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge
        self.keyring = Keyring(bridge.clock.monotonic, bridge.clock.wall)
        ports = self._ports()
        self.keys = ports.relay.keys
        self._door = Door(API, self.keyring, ports, self._note)
        self.broadcast = Broadcast(ports)

    def resource(self, others: SiteResource, *, tls: bool) -> ApiResource:
        """Return the resource of a web listener that has the API beside *others*."""
        return ApiResource(self._door, Entrance(tls=tls), others)

    def change(self, settings: Settings) -> None:
        """Go by new users, tokens and names."""
        web = settings.web or WebSection()
        self.keyring.change(
            [User(each.name, each.role, each.password) for each in web.users],
            [
                Token(each.name, each.role, each.sha256, each.allow_from, each.expires)
                for each in web.tokens
            ],
        )
        interfaces = {parse(text).named.get("interface", "") for text in web.listen}
        self._door.change(DoorRules(frozenset({*web.hosts, *interfaces} - {""}), web.behind_proxy))

    def link(self, name: str, seconds: float) -> str:
        """Return a link to the console that logs its bearer in as an admin of that name, once."""
        return (
            f"{origin_of_web(self._bridge.settings.web)}/#link={self.keyring.link(name, seconds)}"
        )

    async def open(self, endpoint: str) -> None:
        """Listen on the admin socket; a failure is logged, and the bridge runs all the same."""
        bridge = self._bridge
        room = Room(SOCKETS, bridge.failed.of("admin"))
        resource = ApiResource(self._door, Entrance(socket=True), NoOtherPaths())
        site = LocalSite(resource, bridge.reactor, room)
        mask = os.umask(0o177)  # from the first moment on
        try:
            listening = Deferred.fromCoroutine(bridge.listeners.open("admin", endpoint, site))
        finally:
            os.umask(mask)
        try:
            await listening
        except Exception as error:  # CannotListenError, OSError
            path = parse(endpoint).named["address"]
            bridge.journal("admin_socket_failed", path=path, reason=str(error))

    async def _note(
        self, call: ApiRequest, action: str, about: str, facts: Mapping[str, Any]
    ) -> None:
        bridge, via = self._bridge, call.who.via if call.who else ""
        entry = AuditEntry(
            at=bridge.clock.wall(),
            actor=call.actor,
            via=via,
            address=call.address,
            action=action,
            object=about,
            detail=json.dumps(facts),
        )
        event = "admin_login_refused" if action == LOGIN_REFUSED else "admin_act"
        known = {} if action == LOGIN_REFUSED else {"actor": call.actor or about}
        bridge.journal(event, **known, via=via, address=call.address, action=action)
        bridge.metrics.audited(action)
        try:
            await bridge.store.by_hand(lambda db: audit.note(db, entry))
        except StoreFailure:
            raise RequestRefused(503, "the store cannot be written now") from None

    def _ports(self) -> ApiPorts:
        bridge = self._bridge
        relay, smsc, reactor = bridge.relay, bridge.doors.smsc, bridge.reactor
        return ApiPorts(
            version=__version__,
            clock=bridge.clock,
            keyring=self.keyring,
            logins=self._logins(),
            ask=bridge.readers.read,
            act=bridge.store.by_hand,
            note=self._note,
            lanes=relay.lanes,
            upstream_up=relay.wires.smpp.may_submit,
            balances=lambda: relay.rounds.balances,
            types=lambda: {name: each.type for name, each in bridge.settings.providers.items()},
            accounts=smsc.accounts,
            outboxes=relay.deliver.outboxes,
            sessions=NumberedSessions(smsc, reactor.seconds),
            gathering=lambda: len(relay.accept.gather),
            ready=bridge.ready,
            figures=lambda: bridge.clockwork.figures,
            relay=relay_ports(bridge),
            origin=lambda: origin_of_web(bridge.settings.web),
            traces=TraceAnswers(bridge),
            configuration=ConfigurationAnswers(bridge),
            doctor=DoctorAnswers(bridge),
            restart=RestartAnswers(bridge),
            cdr=CdrAnswers(bridge),
            live=bridge.live,
            reasons=bridge.reasons,
            node=bridge.membership.store.tenure.name if bridge.membership else None,
        )

    def _logins(self) -> Logins:
        reactor, pool = self._bridge.reactor, self._bridge.pool
        penalties = Penalties()

        def hashed(known: str, password: str) -> Awaitable[bool]:
            return deferToThreadPool(reactor, pool, verify_password, known, password)

        def wait(seconds: float) -> Deferred[None]:
            return deferLater(reactor, seconds)

        turns = PasswordChecks(
            hashed, HASHES, lambda who: penalties.guessed(who, reactor.seconds())
        )
        return Logins(
            self.keyring,
            penalties,
            verified=turns.verified,
            wait=wait,
            seconds=reactor.seconds,
        )


def origin_of_web(web: WebSection | None) -> str:
    """Return the URL at which a browser finds the web listener, empty without one."""
    for text in web.listen if web else ():
        endpoint = parse(text)
        if "port" not in endpoint.named:
            continue
        tls, interface = endpoint.kind == "ssl", endpoint.named.get("interface", "")
        name = interface if interface not in ("", "0.0.0.0", "::") else "127.0.0.1"
        if tls and web is not None and web.hosts:
            name = web.hosts[0]
        name = f"[{name}]" if ":" in name else name
        return f"{'https' if tls else 'http'}://{name}:{endpoint.named['port']}"
    return ""

"""The API as its callers see it, on a real store, with the other parts of a bridge played."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from smppbridge.model.account import Account, Secret
from smppbridge.net.penalties import Penalties
from smppbridge.providers.exchange import Balance
from smppbridge.providers.keccel import Keccel
from smppbridge.relay.deliver import Outbox
from smppbridge.relay.lanes.lane import LaneRules
from smppbridge.relay.lanes.lanes import Lanes
from smppbridge.relay.reason_book import ReasonBook
from smppbridge.store.database import Database
from smppbridge.store.lookup import open_store
from smppbridge.store.port import StoreFailure
from smppbridge.web.api.operations import API
from smppbridge.web.api.ports import ApiPorts, SessionFacts
from smppbridge.web.door import ApiResource, Door, DoorRules, Entrance
from smppbridge.web.keyring import Keyring, Role, Token, User, digest_of
from smppbridge.web.logins import Logins
from smppbridge.web.operations import ApiRequest
from smppbridge.web.problems import RequestRefused
from smppbridge.web.request import SiteResource
from smppbridge.web.site import Site, web_pages
from tests.relay.fakes import Recorder
from tests.store.opened import NOW
from tests.web.fake_live import PlayedLive
from tests.web.fake_parts import (
    PlayedCdr,
    PlayedConfiguration,
    PlayedDoctor,
    PlayedRestart,
    PlayedTraces,
)
from tests.web.fake_relay import PlayedRelay
from tests.web.rooms import room

MARKER = "MARKER-OF-A-SECRET"
ROLES: tuple[Role, ...] = ("viewer", "operator", "billing", "admin")


@dataclass
class Reply:
    """An answer of the API."""

    status: int
    headers: Mapping[str, str]
    body: Any


@dataclass
class PlayedSessions:
    """Two sessions: one bound, one not."""

    unbound: list[str] = field(default_factory=list)
    found: list[SessionFacts] | None = None

    def listed(self) -> Sequence[SessionFacts]:
        if self.found is not None:
            return self.found
        one = SessionFacts(
            id="1",
            account="bank",
            kind="transceiver",
            address="10.0.0.1",
            tls=True,
            age=5.0,
            silent=1.0,
            interface_version=0x34,
            window_in=2,
            window_in_of=100,
            window_out=1,
            window_out_of=10,
            faults=0,
            oddities=("udh",),
        )
        other = SessionFacts(
            id="2",
            account="",
            kind="",
            address="10.0.0.2",
            tls=False,
            age=1.0,
            silent=1.0,
            interface_version=0,
            window_in=0,
            window_in_of=0,
            window_out=0,
            window_out_of=0,
            faults=3,
            oddities=(),
        )
        return [one, other]

    def unbind(self, id: str, reason: str) -> bool:
        self.unbound.append(id)
        return id in ("1", "2")


class BridgeClock(Clock):
    """A clock that tells both times."""

    def wall(self) -> float:
        return NOW + self.seconds()

    def monotonic(self) -> float:
        return self.seconds()


class Desk:
    """The API on a store's file; the actors of the roles have tokens named like their roles."""

    def __init__(self, path: Path | str) -> None:
        self.path, self.clock = path, BridgeClock()
        self.keyring = Keyring(self.clock.monotonic, self.clock.wall)
        self.noted: list[tuple[str, str, str, dict[str, Any]]] = []
        self.failing = False
        self.types = {"keccel": "keccel", "d7": "d7"}
        self.sessions = PlayedSessions()
        self.account = Account(system_id="bank", password=Secret(clear=MARKER), country="CD")
        self.played = PlayedRelay(self.account, self.act)
        self.traces = PlayedTraces()
        self.configuration = PlayedConfiguration()
        self.doctor, self.restart, self.cdr = PlayedDoctor(), PlayedRestart(), PlayedCdr()
        self.live = PlayedLive(self.clock.seconds)
        self.meters = Recorder()
        self.reasons = ReasonBook(self.clock, self.meters, self.meters.journal)
        self.lanes = Lanes(self.clock)
        keccel = Keccel(token=MARKER)
        providers = {"keccel": keccel, "d7": keccel}
        self.lanes.change(providers, dict.fromkeys(providers, LaneRules()))
        self.users = [User("ann", "operator", "hash of secret"), User("zoe", "viewer", "hash of z")]
        self.keyring.change(self.users, [Token(role, role, digest_of(role)) for role in ROLES])
        self.ports_given = self.ports()
        self.door = Door(API, self.keyring, self.ports_given, self.note)
        self.door.change(DoorRules(frozenset(("sms.example.org",))))

    def ports(self) -> ApiPorts:
        outbox = Outbox("bank")
        outbox.depth = 3
        return ApiPorts(
            version="1.2.3",
            clock=self.clock,
            keyring=self.keyring,
            logins=Logins(
                self.keyring,
                Penalties(),
                verified=self.verified,
                wait=self.wait,
                seconds=self.clock.seconds,
            ),
            ask=self.ask,
            act=self.act,
            note=self.note,
            lanes=self.lanes,
            upstream_up=lambda name: True,
            balances=lambda: {"keccel": Balance(12.5, "USD")},
            types=lambda: self.types,
            accounts=lambda: {"bank": self.account},
            outboxes={"bank": outbox},
            sessions=self.sessions,
            gathering=lambda: 1,
            ready=lambda: {"listening": True, "store_writable": not self.failing},
            figures=lambda: {"uncertain": 4, "bytes": 10.0},
            relay=self.played.ports(),
            origin=lambda: "http://127.0.0.1:8775",
            traces=self.traces,
            configuration=self.configuration,
            doctor=self.doctor,
            restart=self.restart,
            cdr=self.cdr,
            live=self.live,
            reasons=self.reasons,
        )

    async def verified(self, origin: str, hashed: str, password: str) -> bool:
        return hashed == f"hash of {password}"

    async def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)

    async def ask(self, question: Callable[[Database], Any]) -> Any:
        with closing(open_store(self.path)) as db:
            return question(db)

    async def act(self, act: Callable[[Database], Any]) -> Any:
        if self.failing:
            raise StoreFailure("full")
        with closing(open_store(self.path, "rw")) as db:
            return act(db)

    async def note(
        self, call: ApiRequest, action: str, about: str, facts: Mapping[str, Any]
    ) -> None:
        if self.failing:
            raise RequestRefused(503, "the store cannot be written now")
        self.noted.append((call.actor, action, about, dict(facts)))

    def site(self, *, tls: bool = False, socket: bool = False) -> Site:
        pages: SiteResource = web_pages(dict, lambda: b"")
        entry = ApiResource(self.door, Entrance(tls=tls, socket=socket), pages)
        return Site(entry, self.clock, room())

    def ask_raw(self, octets: bytes, host: str = "127.0.0.1", **entrance: bool) -> Reply:
        """Send octets over a connection of *host*."""
        connection: Any = self.site(**entrance).buildProtocol(None)
        connection.host = host
        transport = StringTransport()
        connection.makeConnection(transport)
        connection.dataReceived(octets)
        head, _, body = transport.value().partition(b"\r\n\r\n")
        status, *lines = head.decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines)
        content = json.loads(body) if body and "json" in headers["content-type"] else body
        return Reply(int(status.split()[1]), headers, content)

    def call(
        self,
        method: str,
        path: str,
        *,
        role: str | None = "admin",
        body: object = None,
        headers: Mapping[str, str] | None = None,
        host: str = "127.0.0.1",
        **entrance: bool,
    ) -> Reply:
        """Call an operation with the token of a role, or as a stranger."""
        given = {"Host": "localhost"} | (dict(headers) if headers else {})
        if role is not None:
            given["Authorization"] = f"Bearer {role}"
        octets = b""
        if body is not None:
            octets = body if isinstance(body, bytes) else json.dumps(body).encode()
            given = {"Content-Type": "application/json"} | given
            given["Content-Length"] = str(len(octets))
        lines = "".join(f"{name}: {value}\r\n" for name, value in given.items())
        target = path if path.startswith("//") else f"/api/v1{path}"
        request = f"{method} {target} HTTP/1.1\r\n{lines}\r\n".encode() + octets
        return self.ask_raw(request, host, **entrance)

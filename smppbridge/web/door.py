"""door: the one way into the API: which operation, which host, who, may they, from our page.

Each request is judged when its headers are in, in this order, and its parameters are read once it
is whole; an operation that changes something is written down before it is carried out.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any
from urllib.parse import unquote, urlsplit

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from smppbridge.model.account import Network, in_networks
from smppbridge.web.keyring import Keyring, Requester, is_csrf
from smppbridge.web.operations import (
    NOTHING,
    PREFIX,
    ApiOperation,
    ApiOperations,
    ApiRequest,
    File,
    Streamed,
    read_places,
)
from smppbridge.web.parameters import body_of, header_of, query_of
from smppbridge.web.problems import PROBLEM_JSON, RequestRefused
from smppbridge.web.request import JSON, Admission, Request, SiteResource

MOST_KNOWN, MOST_UNKNOWN = 1_048_576, 65_536
"""Octets of a body: of whom we know, and of whom we do not know (yet)."""

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'none';"
    " require-trusted-types-for 'script'; trusted-types 'none'"
)
LOCAL = "local"
"""The host of a peer over a unix socket: a proxy on this machine."""
HEADERS = (
    f"Content-Security-Policy: {CSP}\r\n"
    "X-Content-Type-Options: nosniff\r\n"
    "Referrer-Policy: no-referrer\r\n"
    "Cross-Origin-Opener-Policy: same-origin\r\n"
).encode()
"""Lines of every answer of API and console."""

Note = Callable[[ApiRequest, str, str, Mapping[str, Any]], Awaitable[None]]
"""Writes down an act: the call, the operation's name, its object, facts without secrets.

Raises RequestRefused."""


@dataclass(frozen=True, slots=True)
class DoorRules:
    """The names that we are called by beside loopback, and the proxies that may speak for others.

    A proxy is believed about its client's address and about TLS.
    """

    hosts: frozenset[str] = frozenset()
    proxies: tuple[Network, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit(Admission):
    """A judged request: its operation and who makes it, or the refusal that answers it."""

    call: ApiRequest | None = None
    operation: ApiOperation | None = None
    refusal: RequestRefused | None = None


@dataclass(frozen=True, slots=True)
class Entrance:
    """The way that a request came: over TLS or not, over the admin socket or not."""

    tls: bool = False
    socket: bool = False


class Door:
    """Judges and carries out the operations of a table, whichever way a request comes.

    Only `change` writes the rules.
    """

    _log = Logger()

    def __init__(self, operations: ApiOperations, keyring: Keyring, ports: Any, note: Note) -> None:
        self._operations, self._keyring, self._ports, self._note = operations, keyring, ports, note
        self._rules = DoorRules()

    def change(self, rules: DoorRules) -> None:
        """Go by new rules."""
        self._rules = rules

    def judge(self, request: Request, entrance: Entrance) -> Visit:
        """Return the terms of a request: its operation, or the refusal that it gets."""
        try:
            operation, words = self._find(request)
            address, secure = self._origin(request, entrance)
            self._check_source(request, entrance, address, secure)
            who, cookie = self._who(request, entrance, address, secure)
            _check_rights(request, operation, who, entrance)
        except RequestRefused as refusal:
            return Visit(most=MOST_UNKNOWN, refusal=refusal)
        named = read_places(operation, words)
        if named is None:
            return Visit(most=MOST_UNKNOWN, refusal=_not_found())
        call = ApiRequest(
            ports=self._ports,
            who=who,
            address=address,
            secure=secure,
            named=named,
            cookie=cookie,
            still=lambda: self._is_still(request, entrance, operation, call),
        )
        return Visit(most=MOST_KNOWN if who else MOST_UNKNOWN, call=call, operation=operation)

    def _find(self, request: Request) -> tuple[ApiOperation, Mapping[str, str]]:
        try:
            path = unquote(request.path.decode("ascii"), errors="strict")
        except UnicodeError:
            raise _not_found() from None
        methods, words = self._operations.find(path)
        if not methods:
            raise _not_found()
        method = request.method.decode("latin-1")
        operation = methods.get("GET" if method == "HEAD" else method)
        if operation is None:
            allowed = sorted(methods.keys() | ({"HEAD"} if "GET" in methods else set()))
            allow = b"Allow: %s\r\n" % ", ".join(allowed).encode()
            raise RequestRefused(405, "this path has no such method", headers=allow)
        return operation, words

    def _origin(self, request: Request, entrance: Entrance) -> tuple[str, bool]:
        """Return the address of the client, and whether its octets came over TLS."""
        if entrance.socket or not in_networks_of(request.host, self._rules.proxies):
            return request.host, entrance.tls
        hops = request.header(b"x-forwarded-for").decode("latin-1").split(",")
        address = hops[-1].strip()
        if not is_address(address):
            raise RequestRefused(400, "the proxy does not say for whom it asks")
        return address, request.header(b"x-forwarded-proto").lower() == b"https"

    def _check_source(
        self, request: Request, entrance: Entrance, address: str, secure: bool
    ) -> None:
        if entrance.socket:
            return
        host = request.header(b"host").decode("latin-1").lower()
        if not self._is_ours(host):
            raise RequestRefused(421, "this host is not listed in web.hosts")
        if not secure and not (address == LOCAL or is_loopback(address)):
            raise RequestRefused(403, "from another machine only over TLS")
        origin = request.header(b"origin").decode("latin-1").lower()
        if origin and origin.partition("://")[2] != host:
            raise RequestRefused(403, "the request comes from a page of another origin")
        if request.header(b"sec-fetch-site").lower() == b"cross-site":
            raise RequestRefused(403, "the request comes from a page of another site")

    def _is_ours(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        return name == "localhost" or name in self._rules.hosts or is_loopback(name)

    def _who(
        self,
        request: Request,
        entrance: Entrance,
        address: str,
        secure: bool,
        *,
        used: bool = True,
    ) -> tuple[Requester | None, str]:
        """Return who makes a request, and the session's cookie; None for a stranger."""
        if entrance.socket:
            return Requester(address, "admin", "socket"), ""
        if given := request.header(b"authorization"):
            kind, _, secret = given.decode("latin-1").partition(" ")
            who = self._keyring.token(secret.strip(), address) if kind.lower() == "bearer" else None
            if who is None:
                raise RequestRefused(401, "this token is not known here")
            return who, ""
        cookie = cookie_of(request, secure)
        return self._keyring.session(cookie, used=used) if cookie else None, cookie

    def _is_still(
        self, request: Request, entrance: Entrance, operation: ApiOperation, call: ApiRequest
    ) -> bool:
        """Return whether a request that was let in would be let in now, by the same caller."""
        try:
            who, _ = self._who(request, entrance, call.address, call.secure, used=False)
        except RequestRefused:
            return False
        return who == call.who and (
            who is None or not operation.roles or who.role in operation.roles
        )

    def render(self, request: Request) -> None:
        """Answer a request that has been judged."""
        visit = request.admission
        assert isinstance(visit, Visit)
        if visit.refusal is not None or visit.call is None or visit.operation is None:
            _refuse(request, visit.refusal or _not_found())
            return
        Deferred.fromCoroutine(self._carry_out(request, visit.operation, visit.call))

    async def _carry_out(self, request: Request, operation: ApiOperation, call: ApiRequest) -> None:
        try:
            call.query = query_of(request, operation)
            call.body = body_of(request, operation)
            call.header = header_of(request, operation)
            if operation.audited:
                about = "/".join(map(str, call.named.values()))
                await self._note(call, operation.name, about, facts_of(call))
            answer = await operation.act(call)
        except RequestRefused as refusal:
            _refuse(request, refusal)
        except Exception:
            self._log.failure("an operation of the API")
            _refuse(request, RequestRefused(500, "the operation failed; the log says why"))
        else:
            _answer(request, operation, call, answer)


class ApiResource:
    """The resource of a site that has the API: other paths are for *others* to answer."""

    def __init__(self, door: Door, entrance: Entrance, others: SiteResource) -> None:
        self._door, self._entrance, self._others = door, entrance, others

    def judge(self, request: Request) -> Admission | None:
        """Let the door judge the paths of the API."""
        if request.path.startswith(PREFIX.encode() + b"/"):
            return self._door.judge(request, self._entrance)
        return self._others.judge(request)

    def render(self, request: Request) -> None:
        """Answer a request, now or later."""
        if isinstance(request.admission, Visit):
            self._door.render(request)
        else:
            self._others.render(request)


def facts_of(call: ApiRequest) -> dict[str, Any]:
    """Return the parameters of a call as an audit trail may have them: no secret, no text."""
    given = [
        each.model_dump(mode="json", exclude_none=True)
        for each in (call.query, call.body)
        if each is not NOTHING
    ]
    hidden = ("password", "code", "text")
    return {k: v for each in given for k, v in each.items() if k not in hidden}


def cookie_name(secure: bool) -> str:
    """Return the name of the session's cookie; its prefix demands TLS."""
    return "__Host-smppbridge" if secure else "smppbridge"


def cookie_of(request: Request, secure: bool) -> str:
    """Return the session's cookie, empty without one."""
    wanted = cookie_name(secure)
    for pair in request.header(b"cookie").decode("latin-1").split(";"):
        name, _, value = pair.strip().partition("=")
        if name == wanted:
            return value
    return ""


def is_loopback(name: str) -> bool:
    """Return whether a name is an address of this machine alone."""
    try:
        address = ip_address(name)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def is_address(word: str) -> bool:
    """Return whether a word is an IP address."""
    try:
        ip_address(word)
    except ValueError:
        return False
    return True


def in_networks_of(host: str, networks: tuple[Network, ...]) -> bool:
    """Return whether a host is in one of networks; a host that is no address is in none."""
    return bool(networks) and is_address(host) and in_networks(host, networks)


def _check_rights(
    request: Request, operation: ApiOperation, who: Requester | None, entrance: Entrance
) -> None:
    if operation.socket_only and not entrance.socket:
        raise RequestRefused(403, "only over the admin socket of the machine itself")
    if not operation.roles:
        return
    if who is None:
        raise RequestRefused(401, "log in, or send a token")
    if who.role not in operation.roles:
        raise RequestRefused(403, f"this is not for the role {who.role}")
    if operation.changes and not is_csrf(who, request.header(b"x-csrf-token")):
        raise RequestRefused(403, "the header X-CSRF-Token is missing or wrong")


def _answer(request: Request, operation: ApiOperation, call: ApiRequest, answer: Any) -> None:
    if isinstance(answer, Streamed):
        media, headers = operation.media.encode(), HEADERS + call.headers
        if request.method == b"HEAD":
            request.closing = True
            request.answer(operation.status, b"", media, headers)
            return
        if answer.length is not None:
            headers += b"Content-Length: %d\r\n" % answer.length
        outflow = request.stream(media, headers)
        if outflow is not None:
            answer.begin(outflow)
        return
    if isinstance(answer, File):
        saved = f'Content-Disposition: attachment; filename="{answer.name}"\r\n'.encode()
        headers = HEADERS + call.headers + saved
        request.answer(operation.status, answer.octets, operation.media.encode(), headers)
        return
    body = b"{}" if answer is None else answer.model_dump_json().encode()
    request.answer(operation.status, body, JSON, HEADERS + call.headers)


def _refuse(request: Request, refusal: RequestRefused) -> None:
    headers = HEADERS + refusal.headers
    request.answer(refusal.status, refusal.body(), PROBLEM_JSON, headers)


def _not_found() -> RequestRefused:
    return RequestRefused(404, "there is nothing here")

"""The HTTP connection to a provider: its settings, and a libcurl handle for one request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any, Final
from urllib.parse import urlencode

import certifi
import pycurl

from smppbridge.net.http_idle import IdleTimes, origin_of
from smppbridge.net.http_sockets import Sockets
from smppbridge.providers.exchange import HttpRequest, HttpResponse, NoAnswer, NotSent

HttpAnswer = HttpResponse | NotSent | NoAnswer

_WITH_LENGTH: Final = frozenset({"POST", "PUT", "PATCH"})  # RFC 9110, 8.6: length even if empty
_USER_AGENT: Final = f"smppbridge/{version('smppbridge')}"
_TLS: Final = "the certificate or the TLS handshake failed"
_LEAST_IDLE: Final = 2  # seconds
_UNSET: Final = -1
_CUT_OFF: Final = "the connection was lost before the answer was complete"
_NOT_HTTP: Final = "not HTTP"
# libcurl's own words can hold the host, the URL or the proxy's user.
_REASONS: Final = {
    pycurl.E_ABORTED_BY_CALLBACK: _CUT_OFF,
    pycurl.E_COULDNT_CONNECT: "connection refused or unreachable",
    pycurl.E_COULDNT_RESOLVE_HOST: "host name unknown",
    pycurl.E_COULDNT_RESOLVE_PROXY: "proxy name unknown",
    pycurl.E_GOT_NOTHING: _CUT_OFF,
    pycurl.E_OPERATION_TIMEDOUT: "timed out",
    pycurl.E_PARTIAL_FILE: _CUT_OFF,
    pycurl.E_PEER_FAILED_VERIFICATION: _TLS,
    pycurl.E_RECV_ERROR: _CUT_OFF,
    pycurl.E_SEND_ERROR: _CUT_OFF,
    pycurl.E_SSL_CACERT_BADFILE: "the CA file cannot be read",
    pycurl.E_SSL_CONNECT_ERROR: _TLS,
    pycurl.E_UNSUPPORTED_PROTOCOL: _NOT_HTTP,  # the URL's scheme, or an answer as of HTTP/0.9
    pycurl.E_URL_MALFORMAT: "the URL is malformed",
    pycurl.E_FTP_WEIRD_SERVER_REPLY: _NOT_HTTP,
}
_CONNECTING: Final = frozenset(  # errors of making a connection
    {
        pycurl.E_COULDNT_CONNECT,
        pycurl.E_COULDNT_RESOLVE_HOST,
        pycurl.E_COULDNT_RESOLVE_PROXY,
        pycurl.E_PEER_FAILED_VERIFICATION,
        pycurl.E_SSL_CONNECT_ERROR,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """How a provider is reached: times in seconds, the longest answer in octets.

    Certificates are always verified, against certifi's list or *ca_file*.  Of proxies only *proxy*
    is used, never those of the environment.  *idle* is how long an idle connection may be used
    again; None: as its server says.
    """

    ca_file: str | None = None
    proxy: str | None = field(default=None, repr=False)
    connect_timeout: float = 10.0
    timeout: float = 30.0
    max_response: int = 1_048_576
    idle: float | None = None


class _HeaderFields(Mapping[str, str]):
    """The header fields of a response, read at their first use: few responses need any."""

    __slots__ = ("_fields", "_head")

    def __init__(self, head: bytes) -> None:
        self._head = head
        self._fields: dict[str, str] | None = None

    def __getitem__(self, name: str) -> str:
        return self._read()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._read())

    def __len__(self) -> int:
        return len(self._read())

    def _read(self) -> dict[str, str]:
        if self._fields is None:
            self._fields = {}
            for line in self._head.split(b"\n"):
                if line.startswith(b"HTTP/"):  # an earlier head: 100 Continue, a proxy's answer
                    self._fields.clear()
                name, colon, value = line.decode("latin-1").partition(":")
                if colon:
                    self._fields[name.lower()] = value.strip()
        return self._fields


class CurlSlot:
    """A libcurl handle towards one provider, with the request that the handle is busy with.

    Only the instance writes its state, and the pool *about*: None while the handle is free.
    *kept_closed* is whether the request did not leave, because its server had closed the kept
    connection.
    """

    __slots__ = (
        "_body",
        "_closed",
        "_connects",
        "_head",
        "_headers",
        "_idle",
        "_idle_times",
        "_method",
        "_most",
        "_origin",
        "_sent",
        "_size",
        "_sockets",
        "_url",
        "about",
        "curl",
        "kept_closed",
    )

    def __init__(self, connection: Connection, sockets: Sockets, idle_times: IdleTimes) -> None:
        self.about: Any = None
        self._sent = self._connects = self.kept_closed = False
        self._sockets, self._closed = sockets, sockets.closed
        # One array each: a peer can send its octets one by one.
        self._body = bytearray()
        self._head = bytearray()
        self._size = 0
        self._most = connection.max_response
        self._method = ""
        self._url = ""
        self._idle_times, self._idle, self._origin = idle_times, idle_times.unsaid, ""
        self._headers: tuple[tuple[str, str], ...] | None = None
        self.curl = _curl(connection)
        self.curl.setopt(pycurl.OPENSOCKETFUNCTION, sockets.open)
        self.curl.setopt(pycurl.SOCKOPTFUNCTION, self._connect)
        self.curl.setopt(pycurl.PREREQFUNCTION, self._send_once)
        self.curl.setopt(pycurl.HEADERFUNCTION, self._head.extend)
        self.curl.setopt(pycurl.WRITEFUNCTION, self._take)
        self._limit_idle()
        self.curl.slot = self

    def load(self, about: Any, request: HttpRequest) -> None:
        """Make the handle ready for *request*; raises ValueError, TypeError or pycurl.error."""
        self.about = about
        self._rewind()
        if request.headers is not self._headers:
            self.curl.setopt(pycurl.HTTPHEADER, _header_lines(request.headers))
            self._headers = request.headers
        if request.query or request.url != self._url:
            self._url = _with_query(request)
            self.curl.setopt(pycurl.URL, self._url)
            self._origin = origin_of(self._url)
        idle = self._idle_times.seconds(self._origin)
        if idle != self._idle:
            self._idle = idle
            self._limit_idle()
        if request.method != self._method:
            self._method = request.method
            self.curl.setopt(pycurl.HTTPGET, 1)
            self.curl.setopt(pycurl.CUSTOMREQUEST, request.method)
        if request.body or request.method in _WITH_LENGTH:
            self.curl.setopt(pycurl.POSTFIELDS, request.body)
            self._method = request.method if request.method in _WITH_LENGTH else ""

    def connect_anew(self) -> None:
        """Make the handle ready for its request once more, by a new connection."""
        self._rewind()
        self.curl.setopt(pycurl.FRESH_CONNECT, 1)
        self._idle = _UNSET  # the next request sets that option as it needs it

    def answer(self) -> HttpResponse:
        """Return the response."""
        status = self.curl.getinfo(pycurl.RESPONSE_CODE)
        headers = _HeaderFields(bytes(self._head))
        if self.curl.getinfo(pycurl.NUM_CONNECTS):
            self._idle_times.learn(self._origin, headers.get("keep-alive", ""))
        return HttpResponse(status, bytes(self._body), headers)

    def failure(self, code: int) -> NotSent | NoAnswer:
        """Return the answer for libcurl's error *code*."""
        if self._size > self._most:
            return NoAnswer(f"response over {self._most} octets")
        if self._sent and code in _CONNECTING:
            # libcurl made another connection to repeat a request that a kept one had lost
            return NoAnswer(_CUT_OFF)
        return self.verdict(_REASONS.get(code, f"libcurl error {code}"))

    def verdict(self, reason: str) -> NotSent | NoAnswer:
        """Return the answer for a request that ends here: NoAnswer if it left, else NotSent."""
        return NoAnswer(reason) if self._sent else NotSent(reason)

    def _rewind(self) -> None:
        self._sent = self._connects = self.kept_closed = False
        self._size = 0
        self._body.clear()
        self._head.clear()

    def _connect(self, descriptor: int, _purpose: int) -> int:
        self._connects = True
        return self._sockets.watch(descriptor)

    def _send_once(self, _server: str, address: str, _server_port: int, port: int) -> int:
        # Called when the way is open (proxy and TLS too) and before the first octet of the request:
        # not called means certainly not sent.  Called again means that libcurl is about to repeat
        # by itself what it sent on a kept connection that died.
        if self._sent:
            return int(pycurl.PREREQFUNC_ABORT)
        if self._closed and not self._connects and (address, port) in self._closed:
            self.kept_closed = True
            return int(pycurl.PREREQFUNC_ABORT)
        self._sent = True
        return int(pycurl.PREREQFUNC_OK)

    def _take(self, octets: bytes) -> int | None:
        self._size += len(octets)
        if self._size > self._most:
            self._body.clear()
            return 0
        self._body += octets
        return None

    def _limit_idle(self) -> None:
        # libcurl counts whole seconds or milliseconds, by version: one less is within both.
        reused = self._idle >= _LEAST_IDLE
        if reused:
            self.curl.setopt(pycurl.MAXAGE_CONN, self._idle - 1)
        self.curl.setopt(pycurl.FRESH_CONNECT, not reused)
        self.curl.setopt(pycurl.FORBID_REUSE, not reused)


def _curl(connection: Connection) -> Any:
    ca_file = connection.ca_file or certifi.where()
    curl = pycurl.Curl()
    for option, value in (
        (pycurl.NOSIGNAL, 1),
        (pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS),
        (pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1),
        (pycurl.HTTP09_ALLOWED, 0),
        (pycurl.FOLLOWLOCATION, 0),
        (pycurl.PATH_AS_IS, 1),  # a text may stand there, and one of dots is no way up
        (pycurl.SSL_VERIFYPEER, 1),
        (pycurl.SSL_VERIFYHOST, 2),
        (pycurl.SSLVERSION, pycurl.SSLVERSION_TLSv1_2),
        (pycurl.CAINFO, ca_file),
        (pycurl.PROXY_CAINFO, ca_file),
        (pycurl.PROXY, connection.proxy or ""),
        (pycurl.NOPROXY, ""),
        (pycurl.USERAGENT, _USER_AGENT),
        (pycurl.CONNECTTIMEOUT_MS, round(connection.connect_timeout * 1000)),
        (pycurl.TIMEOUT_MS, round(connection.timeout * 1000)),
    ):
        curl.setopt(option, value)
    return curl


def _header_lines(headers: tuple[tuple[str, str], ...]) -> list[str]:
    lines = [f"{name}: {value}" if value else f"{name};" for name, value in headers]
    if any(not line.isprintable() for line in lines):
        raise ValueError("a header holds a control character")
    return [*lines, "Expect:"]


def _with_query(request: HttpRequest) -> str:
    if not request.query:
        return request.url
    return f"{request.url}{'&' if '?' in request.url else '?'}{urlencode(request.query)}"

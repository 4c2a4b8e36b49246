"""Exchanges over HTTP that a command waits for.

The rules are those of the bridge's own client: certificates are verified, redirects not followed,
proxies and credentials of the environment not used, and no request is repeated by itself.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from threading import Timer
from typing import Any, TypeVar

from requests import PreparedRequest, Request, Response
from requests import exceptions as wrong
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection
from urllib3.exceptions import HTTPError, NameResolutionError, TimeoutError

from smppbridge import __version__
from smppbridge.providers.exchange import (
    Exchange,
    HttpRequest,
    HttpResponse,
    NoAnswer,
    NotSent,
    alone,
)
from smppbridge.settings.provider import LaneSettings

T = TypeVar("T")

MAX_RESPONSE = 1_048_576
_AT_ONCE = 65_536
_LATE = "timed out"
# In our words: those of requests hold the URL, and with it what some providers want in it.
_REASONS = (
    (wrong.InvalidSchema, "a SOCKS proxy needs the package PySocks"),
    (wrong.ProxyError, "the proxy refuses, or cannot be reached"),
    (wrong.SSLError, "the certificate or the TLS handshake failed"),
    ((wrong.Timeout, TimeoutError), _LATE),
    ((ValueError, TypeError), "the request is malformed"),  # those of requests, too
)


class NotHttp(Exception):
    """An exchange yielded a value that is no HTTP request."""


class BlockingClient:
    """Makes one request after another of a provider.

    *left* is whether the last request may have reached the provider, *status* the status of its
    answer (0: none).  Only the instance writes both.
    """

    def __init__(self, lane: LaneSettings) -> None:
        self.left = False
        self.status = 0
        self._late = False
        self._watch = Timer(0.0, self._cut)
        self._lane = lane
        self._proxies = {"http": lane.proxy, "https": lane.proxy} if lane.proxy else {}
        self._adapter = _Adapter(self._leaves)

    def carry(self, exchange: Exchange[T]) -> T:
        """Return the conclusion of an exchange; raises its exceptions, and NotHttp."""
        exchange = alone(exchange, time.time)
        step: Callable[[Any], Any] = exchange.send
        answer: Any = None
        while True:
            try:
                wanted = step(answer)
            except StopIteration as stop:
                return stop.value  # type: ignore[no-any-return]
            if not isinstance(wanted, HttpRequest):
                raise NotHttp
            try:
                step, answer = exchange.send, self.ask(wanted)
            except (NotSent, NoAnswer) as error:
                step, answer = exchange.throw, error

    def ask(self, request: HttpRequest) -> HttpResponse:
        """Make a request, once; raises NotSent or NoAnswer."""
        self.left, self.status, self._late = False, 0, False
        try:
            answer = self._answer(request)
        except NoAnswer:
            raise
        except (OSError, ValueError, TypeError, HTTPError) as error:
            reason = self._reason(error)
        else:
            self.status = answer.status
            return answer
        # Out here, where the error that holds the URL is not the context of the new error.
        raise NoAnswer(reason) if self.left else NotSent(reason)

    def close(self) -> None:
        """Close all connections."""
        self._adapter.close()

    def _leaves(self, way: HTTPConnection) -> None:
        """Note that a request is about to leave, and begin to wait for the answer.

        requests has no time-out for a whole answer: each octet of the headers may last as long.
        """
        self.left = True
        self._watch = Timer(self._lane.timeout, self._cut, (way.sock,))
        self._watch.daemon = True
        self._watch.start()

    def _cut(self, way: Any) -> None:
        """End a connection for its reader."""
        self._late = True
        with suppress(OSError, ValueError), socket.socket(fileno=os.dup(way.fileno())) as twin:
            twin.shutdown(socket.SHUT_RDWR)

    def _answer(self, request: HttpRequest) -> HttpResponse:
        try:
            answer = self._awaited(request)
        finally:
            self._watch.cancel()
        if self._late:  # an answer that was cut off may look complete
            raise NoAnswer(_LATE)
        return answer

    def _awaited(self, request: HttpRequest) -> HttpResponse:
        lane = self._lane
        # The adapter alone: a Session reads the environment, keeps cookies, and reads the whole
        # of a redirect even if it is not to follow it.
        response = self._adapter.send(
            _prepared(request),
            stream=True,
            timeout=(lane.connect_timeout, lane.timeout),
            verify=lane.ca_file or True,
            proxies=self._proxies,
        )
        try:
            headers = {name.lower(): value for name, value in response.headers.items()}
            return HttpResponse(response.status_code, _body(response), headers)
        finally:
            response.close()

    def _reason(self, error: Exception) -> str:
        if self._late:
            return _LATE
        if isinstance(_cause(error), NameResolutionError):
            return "host name unknown"
        for kind, reason in _REASONS:
            if isinstance(error, kind):
                return reason
        if self.left:
            return "the connection was lost before the answer was complete"
        return "connection refused or unreachable"


class _Noting(HTTPConnection):
    """Calls *leaves* when proxy and TLS are passed and the first octet is about to leave."""

    leaves: Callable[[HTTPConnection], None]

    def endheaders(self, *args: Any, **kwargs: Any) -> None:
        if self.sock is None:
            self.connect()
        self.leaves(self)
        super().endheaders(*args, **kwargs)


class _Adapter(HTTPAdapter):
    def __init__(self, leaves: Callable[[HTTPConnection], None]) -> None:
        self._leaves = leaves
        super().__init__()

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        kind = pool.ConnectionCls  # one for HTTP, HTTPS, and each through SOCKS
        if not issubclass(kind, _Noting):
            leaves = {"leaves": staticmethod(self._leaves)}
            pool.ConnectionCls = type("Noting", (_Noting, kind), leaves)
        return pool


def _prepared(request: HttpRequest) -> PreparedRequest:
    headers = {"User-Agent": f"smppbridge/{__version__}", **dict(request.headers)}
    return Request(
        request.method, request.url, headers, data=request.body, params=request.query
    ).prepare()


def _body(response: Response) -> bytes:
    body = bytearray()
    while octets := response.raw.read1(_AT_ONCE, decode_content=False):
        body += octets
        if len(body) > MAX_RESPONSE:
            raise NoAnswer(f"response over {MAX_RESPONSE} octets")
    return bytes(body)


def _cause(error: Exception) -> object:
    """Return the error of urllib3 behind an error of requests."""
    return getattr(error.args[0], "reason", None) if error.args else None

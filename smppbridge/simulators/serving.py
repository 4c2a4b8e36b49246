"""HTTP for simulators: paths served on loopback, and callbacks to a URL."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping
from io import BytesIO
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, DeferredSemaphore, succeed
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.task import deferLater
from twisted.protocols.policies import WrappingFactory
from twisted.python.failure import Failure
from twisted.web.client import Agent, FileBodyProducer, HTTPConnectionPool, ResponseDone
from twisted.web.http_headers import Headers
from twisted.web.pages import notFound
from twisted.web.resource import IResource, Resource
from twisted.web.server import NOT_DONE_YET, Request, Site

PageAnswer = bytes | int
Headed = Mapping[str, str]

_MAX_BODY = 1 << 20
_CALLING = 64
_WAITING = 100_000
_PATIENCE = 10.0
PAUSES = (1.0, 2.0, 4.0)


def wall_of(reactor: Any) -> Callable[[], float]:
    """Return the function that returns UNIX seconds: reactors that never step do not count them."""
    return time.time if reactor.seconds is time.monotonic else reactor.seconds


class Page(Resource):
    """One path of a vendor: *answer* returns the answer to a request by one of *methods*."""

    isLeaf = True

    def __init__(self, answer: Callable[[Request], PageAnswer], *methods: bytes) -> None:
        Resource.__init__(self)
        self._answer = answer
        self._methods = methods

    def render(self, request: Request) -> PageAnswer:
        """Answer the request, with 405 for any other method."""
        if request.method in self._methods:
            return self._answer(request)
        request.setResponseCode(405)
        return b""


class _Folder(Resource):
    def __init__(self) -> None:
        Resource.__init__(self)

    def getChild(self, path: bytes, request: Request) -> IResource:
        return notFound()


def tree(pages: Mapping[str, Page]) -> Resource:
    """Return the resource that serves *pages* by their paths (``sms/v2/message.asp``)."""
    root = _Folder()
    for path, page in pages.items():
        *folders, name = path.encode().split(b"/")
        here = root
        for folder in folders:
            if folder not in here.children:
                here.putChild(folder, _Folder())
            here = here.children[folder]
        here.putChild(name, page)
    return root


def arguments(request: Request) -> dict[str, str]:
    """Return the fields of *request* in query string, form or JSON body, names in lower case."""
    fields = {
        name.decode("utf-8", "replace"): values[-1].decode("utf-8", "replace")
        for name, values in (request.args or {}).items()
    }
    try:
        document = json.loads(request.content.read(_MAX_BODY)) if request.content else None
    except (ValueError, RecursionError):
        document = None
    if isinstance(document, dict):
        fields |= {name: str(value) for name, value in document.items()}
    return {name.lower(): value for name, value in fields.items()}


def ends_later(request: Request) -> Callable[[bytes], None]:
    """Return a function that answers *request* later, without effect once the client has gone."""
    gone: list[Failure] = []
    request.notifyFinish().addErrback(gone.append)

    def end(body: bytes) -> None:
        if not gone:
            request.setHeader(b"content-length", str(len(body)).encode())
            request.write(body)
            request.finish()

    return end


def silent(request: Request) -> PageAnswer:
    """Never answer *request*."""
    request.notifyFinish().addErrback(lambda _: None)
    return NOT_DONE_YET


class _RequestBody(Protocol):
    def __init__(self, ended: Deferred[bytes]) -> None:
        self._octets = bytearray()
        self._ended = ended

    def dataReceived(self, data: bytes) -> None:
        self._octets += data[: _MAX_BODY - len(self._octets)]

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._ended.called:
            return
        if reason.check(ResponseDone):
            self._ended.callback(bytes(self._octets))
        else:
            self._ended.errback(reason)


def read_body(response: Any) -> Deferred[bytes]:
    """Return the first MiB of an answer; Twisted's own readBody warns of every transport."""
    ended: Deferred[bytes] = Deferred()
    response.deliverBody(_RequestBody(ended))
    return ended


class Pusher:
    """Makes callbacks; a callback without a 2xx answer is repeated, three times at most."""

    def __init__(self, reactor: Any) -> None:
        self.pushed = 0
        self.failed = 0
        self._reactor = reactor
        self._pool = HTTPConnectionPool(reactor)
        self._pool.maxPersistentPerHost = _CALLING
        self._pool.retryAutomatically = False
        self._agent = Agent(reactor, connectTimeout=_PATIENCE, pool=self._pool)
        self._places = DeferredSemaphore(_CALLING)
        self._running: set[Deferred[None]] = set()

    def push(
        self,
        method: str,
        url: str,
        *,
        headers: Headed | None = None,
        body: bytes = b"",
        after: float = 0.0,
        wanted: bytes = b"",
        again: bool = True,
    ) -> Deferred[None]:
        """Make a callback *after* so many seconds; return a Deferred.

        The Deferred fires once the callback is acknowledged, or after the last attempt.  With
        *wanted* only that body is an acknowledgement; without *again* there is one attempt.
        """
        if len(self._running) >= _WAITING:
            self.failed += 1
            return succeed(None)
        pauses = (after, *PAUSES) if again else (after,)
        running = Deferred.fromCoroutine(
            self._push(method, url, headers or {}, body=body, pauses=pauses, wanted=wanted)
        )
        self._running.add(running)

        def ended(result: object) -> None:
            self._running.discard(running)
            if isinstance(result, Failure):
                result.trap(CancelledError)

        return running.addBoth(ended)

    def close(self) -> Deferred[None]:
        """Cancel all callbacks and close the connections."""
        for running in tuple(self._running):
            running.cancel()
        closed: Deferred[None] = self._pool.closeCachedConnections()
        return closed

    async def _push(
        self,
        method: str,
        url: str,
        headers: Headed,
        *,
        body: bytes,
        pauses: Iterable[float],
        wanted: bytes,
    ) -> None:
        for pause in pauses:
            await deferLater(self._reactor, pause)
            if await self._acknowledged(method, url, headers, body, wanted):
                self.pushed += 1
                return
        self.failed += 1

    async def _acknowledged(
        self, method: str, url: str, headers: Headed, body: bytes, wanted: bytes
    ) -> bool:
        await self._places.acquire()
        try:
            response = await self._agent.request(
                method.encode(),
                url.encode(),
                Headers({name: [value] for name, value in headers.items()}),
                FileBodyProducer(BytesIO(body)) if body else None,
            ).addTimeout(_PATIENCE, self._reactor)
            answer = await read_body(response).addTimeout(_PATIENCE, self._reactor)
        except CancelledError:
            raise
        except Exception:
            return False
        finally:
            self._places.release()
        return 200 <= response.code < 300 and wanted in (b"", answer.strip())


class WebSimulator:
    """Serves *pages*; *reactor* is any reactor with TCP and time."""

    scheme = "http"

    def __init__(self, reactor: Any, pages: Mapping[str, Page], callback_url: str | None) -> None:
        self.callback_url = callback_url
        self.pusher = Pusher(reactor)
        self.site = Site(tree(pages), reactor=reactor)
        # No access log: its lines would show tokens and numbers.
        self.site.log = lambda _: None  # type: ignore[method-assign, assignment]
        self._reactor = reactor
        self._connections = WrappingFactory(self.site)
        self._port: Any = None

    def listen(self, port: int = 0, interface: str = "127.0.0.1") -> int:
        """Serve on *port* (0: any) and return the port."""
        self._port = self._reactor.listenTCP(port, self._connections, interface=interface)
        return int(self._port.getHost().port)

    async def _close(self) -> None:
        if self._port is not None:
            await self._port.stopListening()
        for connection in tuple(self._connections.protocols):
            connection.transport.abortConnection()
        await self.pusher.close()

    def close(self) -> Deferred[None]:
        """Stop at once: unanswered requests lose their connection, reports are forgotten."""
        return Deferred.fromCoroutine(self._close())

"""The sites of the web listener and of the callbacks listener."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from http import HTTPStatus

from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.internet.protocol import ServerFactory

from smppbridge.web.connection import ConnectionRoom, HttpConnection
from smppbridge.web.request import (
    EXPOSITION,
    JSON,
    TEXT,
    Admission,
    Request,
    SiteResource,
    not_allowed,
    not_found,
)

PageContent = tuple[int, bytes, bytes]
"""A status, a content type and a body."""
_NO_BODY = Admission()


class Site(ServerFactory):
    """Makes the connections of a listener; they speak HTTP/1.1 and log no URL: URLs carry keys."""

    noisy = False

    def __init__(self, resource: SiteResource, reactor: IReactorTime, room: ConnectionRoom) -> None:
        self._resource, self._reactor, self._room = resource, reactor, room

    def buildProtocol(self, addr: IAddress | None) -> HttpConnection | None:
        """Return a connection, None if there is no room for one more."""
        host = getattr(addr, "host", "local")
        connection = HttpConnection(self._resource, self._room, self._reactor, host)
        return connection if self._room.admit(connection) else None

    def acceptableProtocols(self) -> list[bytes]:
        """Offer HTTP/1.1 alone."""
        return [b"http/1.1"]


class Pages:
    """Exact paths, each with a function that makes its content; any other path is not found."""

    def __init__(self, pages: Mapping[bytes, Callable[[], PageContent]]) -> None:
        self._pages = pages

    def judge(self, request: Request) -> Admission | None:
        """Let requests without a body in, where there is a page."""
        return _NO_BODY if request.path in self._pages else None

    def render(self, request: Request) -> None:
        """Answer GET and HEAD."""
        page = self._pages.get(request.path)
        if page is None:
            not_found(request)
        elif request.method not in (b"GET", b"HEAD"):
            not_allowed(request, b"GET, HEAD")
        else:
            status, content_type, body = page()
            request.answer(status, body, content_type)


def web_pages(ready: Callable[[], Mapping[str, bool]], exposition: Callable[[], bytes]) -> Pages:
    """Return the pages for operators: /healthz, /readyz and /metrics.

    *ready* returns by name the conditions that must all be true for messages to be accepted.
    """

    def readiness() -> PageContent:
        checks = dict(ready())
        well = all(checks.values())
        body = json.dumps({"ready": well, "checks": checks}).encode() + b"\n"
        return (HTTPStatus.OK if well else HTTPStatus.SERVICE_UNAVAILABLE), JSON, body

    return Pages(
        {
            b"/healthz": lambda: (HTTPStatus.OK, TEXT, b"ok\n"),
            b"/readyz": readiness,
            b"/metrics": lambda: (HTTPStatus.OK, EXPOSITION, exposition()),
        }
    )


def callbacks_site(callbacks: SiteResource, reactor: IReactorTime, room: ConnectionRoom) -> Site:
    """Return the site for the callbacks of providers alone."""
    return Site(callbacks, reactor, room)

"""client: the requests that this node makes of others, over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from twisted.logger import Logger

from smppbridge.net.http_client import Connection, HttpAnswer, HttpAnswers, HttpClient
from smppbridge.providers.exchange import HttpRequest, HttpResponse, NotSent
from smppbridge.relay.ports import Journal
from smppbridge.relay.ussd.passing import NO_ANSWER, NOT_SENT, Answered
from smppbridge.relay.ussd.words import ASK
from smppbridge.service.threads import deaf
from smppbridge.settings.node import NodeSection
from smppbridge.web.nodes import MAX_BODY, authorization_of

if TYPE_CHECKING:
    from smppbridge.store.postgres.observed import NodeRow

AT_ONCE: Final = 500
"""Requests to one node at a time whose answers wait for a person or an ESME; as many of others."""
CONNECTED_WITHIN: Final = 1.0
"""Seconds: a machine that is gone does not answer, and another node has to be asked in time."""
_REFUSED: Final = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND)
_NO_ADDRESS: Final = NotSent("it has no address")
_NOT_OURS: Final = NotSent("who answers there does not know our key, or is no node")


class NodeClient:
    """The way to the other nodes; without a request no thread and no connection is made.

    *nodes* returns the nodes that live.  Only its own methods write its fields, in the reactor
    thread.
    """

    _log = Logger()

    def __init__(
        self,
        node: NodeSection,
        nodes: Callable[[], Sequence[NodeRow]],
        reactor: Any,
        journal: Journal,
    ) -> None:
        self._nodes, self._reactor, self._journal = nodes, reactor, journal
        self._headers = (
            ("Authorization", authorization_of(node.key or "")),
            ("Content-Type", "application/json"),
        )
        self._has_key, self._ca_file, self._within = node.key is not None, node.ca_file, 30.0
        self._http: HttpClient | None = None
        self._ways: dict[str, Connection] = {}
        self._silent: set[int] = set()

    def reachable(self) -> Collection[int]:
        """Return the slots of the nodes that others reach, ours too."""
        return self._addresses().keys()

    def answered_within(self, seconds: float) -> None:
        """Wait for answers as long as this from now on."""
        self._within = seconds
        self._ways.clear()  # each is made anew by the next request

    def ask(self, slot: int, path: str, body: bytes, answered: Answered) -> None:
        """Make a request of a node; *answered* is called later, once."""
        about, address = (slot, answered), self._addresses().get(slot)
        if address is None:
            self._reactor.callLater(0, self._answered, [(about, _NO_ADDRESS)])
            return
        way = f"{slot} {'later' if path == ASK else 'now'}"  # a screen must not wait for phones
        http = self._way_to(way)
        http.send(way, [(about, HttpRequest("POST", address + path, self._headers, body))])

    def stop(self) -> None:
        """End the thread, if there is one; requests that are out are answered NO_ANSWER."""
        if self._http is not None:
            self._http.stop(1.0)

    def _addresses(self) -> Mapping[int, str]:
        if not self._has_key:
            return {}
        return {row.slot: row.address for row in self._nodes() if row.address}

    def _way_to(self, way: str) -> HttpClient:
        http = self._http
        if http is None:
            http = self._http = HttpClient(self._reactor.callFromThread, self._answered, AT_ONCE)
            with deaf():
                http.start()
        if way not in self._ways:
            self._ways[way] = Connection(
                ca_file=self._ca_file,
                connect_timeout=CONNECTED_WITHIN,
                timeout=self._within,
                max_response=MAX_BODY,
            )
            http.change(self._ways)
        return http

    def _answered(self, answers: HttpAnswers) -> None:
        for (slot, answered), answer in answers:
            status, body = self._read(slot, answer)
            try:
                answered(status, body)
            except Exception:  # the other answers are for other phones
                self._log.failure("the answer of a node")

    def _read(self, slot: int, answer: HttpAnswer) -> tuple[int, bytes]:
        if isinstance(answer, HttpResponse) and answer.status in _REFUSED:
            answer = _NOT_OURS
        if isinstance(answer, HttpResponse):
            self._silent.discard(slot)
            return answer.status, answer.body
        if slot not in self._silent:
            self._silent.add(slot)
            names = {row.slot: row.name for row in self._nodes()}
            self._journal("node_unreachable", node=names.get(slot, str(slot)), reason=str(answer))
        return (NOT_SENT if isinstance(answer, NotSent) else NO_ANSWER), b""

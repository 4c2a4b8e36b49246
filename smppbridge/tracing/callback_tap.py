"""callback_tap: requests of providers to us, and our answers, for the recordings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Protocol

from smppbridge.tracing.exchange_tap import FIRST_PORT, PORTS, US, tokens_in
from smppbridge.tracing.hidden_words import SHORTEST_NUMBER
from smppbridge.tracing.masked_http import (
    USSD,
    Masks,
    masked_answer,
    masked_screen,
    path_name,
    written_request,
)
from smppbridge.tracing.recording import Packet, PacketEnd, Recording, digits_of
from smppbridge.tracing.traces import Traces

_CALLBACKS: Final = "callbacks"
_WORDS: Final = {USSD: "a phone dials"}


class TracedCallback(Protocol):
    """A request to us, as the tap reads it."""

    method: bytes
    path: bytes
    query_string: bytes
    headers: Mapping[bytes, bytes]
    body: bytearray
    tap: Callable[[bytes], None] | None

    @property
    def host(self) -> str:
        """The caller's address."""

    def header(self, name: bytes) -> bytes:
        """Return the first value of a header."""


class CallbackTap:
    """Keeps callbacks in recordings; of those that are refused too.  Only the tap writes itself."""

    def __init__(self, traces: Traces) -> None:
        self._traces = traces
        self._calls = 0

    def called(self, request: TracedCallback) -> None:
        """Go by a request; its answer is kept when it is given."""
        with self._traces.guard():
            self._call(request)

    def _call(self, request: TracedCallback) -> None:
        provider, body = path_name(request.path), bytes(request.body)
        tokens = tokens_in(request.query_string + b" " + body)
        wanted = [r for r in self._traces.running if _wants(r, request.host, provider, tokens)]
        if not wanted:
            return
        line = provider or _CALLBACKS
        port = FIRST_PORT + self._calls % PORTS
        self._calls += 1
        peer = PacketEnd(request.host, port)
        for texts in (False, True):
            recordings = [r for r in wanted if r.order.texts is texts]
            octets = self._request_octets(request, body, texts) if recordings else b""
            self._keep(line, peer, octets, recordings, inbound=True)
        request.tap = lambda octets: self._answered(line, peer, octets, wanted)

    def _request_octets(self, request: TracedCallback, body: bytes, texts: bool) -> bytes:
        target = request.path + (b"?" + request.query_string if request.query_string else b"")
        return written_request(
            request.method,
            target,
            request.headers.items(),
            body,
            request.header(b"content-type").decode("latin-1"),
            Masks(self._traces.words, (), texts),
        )

    def _answered(self, line: str, peer: PacketEnd, octets: bytes, wanted: list[Recording]) -> None:
        masked = masked_screen if line == USSD else masked_answer
        with self._traces.guard():
            for texts in (False, True):
                recordings = [r for r in wanted if r.order.texts is texts]
                answer = masked(octets, Masks(self._traces.words, (), texts))
                self._keep(line, peer, answer, recordings, inbound=False)

    def _keep(
        self,
        line: str,
        peer: PacketEnd,
        octets: bytes,
        recordings: list[Recording],
        *,
        inbound: bool,
    ) -> None:
        if not recordings:
            return
        us = PacketEnd(US)
        packet = Packet(
            at=self._traces.now(),
            line=line,
            protocol="http",
            source=peer if inbound else us,
            destination=us if inbound else peer,
            octets=octets,
            inbound=inbound,
            words=_WORDS.get(line, "callback"),
        )
        self._traces.keep(packet, recordings)


def _wants(recording: Recording, host: str, provider: str, tokens: list[str]) -> bool:
    if recording.is_about("provider", provider) or recording.is_address(host):
        return True
    if recording.order.kind == "account":
        return recording.knows(tokens)
    numbers = [token for token in tokens if len(digits_of(token)) >= SHORTEST_NUMBER]
    return recording.is_number(*numbers) or recording.knows(tokens)

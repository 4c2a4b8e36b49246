"""exchange_tap: requests to providers over HTTP, and their answers, for the recordings."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from smppbridge.providers.exchange import HttpRequest, HttpResponse
from smppbridge.tracing.masked_http import Masks, masked_request, masked_response, place_of
from smppbridge.tracing.message_words import MessageWords, about_of
from smppbridge.tracing.recording import Packet, PacketEnd, Protocol, Recording, digits_of
from smppbridge.tracing.traces import Traces

US: Final = "smppbridge"
FIRST_PORT, PORTS = 49_152, 16_384
_TOKEN: Final = re.compile(rb"[A-Za-z0-9][A-Za-z0-9_.:-]{4,127}")
_HAS_DIGIT: Final = re.compile("[0-9]")


@dataclass(slots=True)
class _Exchanged:
    """A request that is out, and the recordings that want its answer."""

    token: object
    provider: str
    request: HttpRequest
    about: MessageWords
    us: PacketEnd
    wanted: list[Recording]


class ExchangeTap:
    """Keeps requests and their answers in recordings.  Only the tap writes what is out."""

    def __init__(self, traces: Traces) -> None:
        self._traces = traces
        self._out: dict[int, _Exchanged] = {}
        self._ports = 0

    def asked(self, provider: str, asks: Iterable[tuple[Any, HttpRequest]]) -> None:
        """Go by requests that are about to leave, each with its token."""
        with self._traces.guard():
            for token, request in asks:
                self._ask(provider, token, request)

    def _ask(self, provider: str, token: object, request: HttpRequest) -> None:
        about, peer = about_of(token), place_of(request.url)
        wanted = [r for r in self._traces.running if _wants(r, provider, peer, about)]
        if not wanted:
            return
        us = PacketEnd(US, FIRST_PORT + self._ports % PORTS)
        self._ports += 1
        exchanged = _Exchanged(token, provider, request, about, us, wanted)
        self._out[id(token)] = exchanged  # the token lives as long as this
        self._keep(exchanged, None)

    def answered(self, answers: Iterable[tuple[Any, HttpResponse | Exception]]) -> None:
        """Go by answers, before their exchanges do."""
        with self._traces.guard():
            for token, answer in answers if self._out else ():
                exchanged = self._out.pop(id(token), None)
                if exchanged is not None:
                    self._answer(exchanged, answer)

    def _answer(self, exchanged: _Exchanged, answer: HttpResponse | Exception) -> None:
        if isinstance(answer, HttpResponse):
            ids = ids_in(answer.body, exchanged)
            for recording in exchanged.wanted:
                recording.remember(ids)
        self._keep(exchanged, answer)

    def _keep(self, exchanged: _Exchanged, answer: HttpResponse | Exception | None) -> None:
        request, about = exchanged.request, exchanged.about
        peer = place_of(request.url)
        words = f"{request.operation}: {about.words}" if about.words else request.operation
        protocol: Protocol = "http"
        if isinstance(answer, Exception):
            said = f"{words}: {type(answer).__name__}: {answer}"
            protocol, words = "words", self._traces.words.hide(said.encode()).decode()
        for texts in (False, True):
            recordings = [r for r in exchanged.wanted if r.order.texts is texts]
            if not recordings:
                continue
            masks = Masks(self._traces.words, about.texts, texts)
            if answer is None:
                octets = masked_request(request, masks)
            elif isinstance(answer, HttpResponse):
                octets = masked_response(answer, masks)
            else:
                octets = words.encode()
            packet = Packet(
                at=self._traces.now(),
                line=exchanged.provider,
                protocol=protocol,
                source=exchanged.us if answer is None else peer,
                destination=peer if answer is None else exchanged.us,
                octets=octets,
                inbound=answer is not None,
                words=words,
            )
            self._traces.keep(packet, recordings)


def _wants(recording: Recording, provider: str, peer: PacketEnd, about: MessageWords) -> bool:
    order = recording.order
    return (
        recording.is_about("provider", provider)
        or (order.kind == "account" and order.value in about.accounts)
        or recording.is_number(*about.numbers)
        or recording.is_address(peer.host)
    )


def tokens_in(octets: bytes) -> list[str]:
    """Return the words in an HTTP message that can be ids or numbers."""
    return [token.decode() for token in _TOKEN.findall(octets)]


def ids_in(body: bytes, exchanged: _Exchanged) -> list[str]:
    """Return the words in an answer that can be ids of its messages: not those that were asked."""
    numbers = {digits_of(number) for number in exchanged.about.numbers}
    asked = exchanged.request.body
    return [
        token
        for token in tokens_in(body)
        if _HAS_DIGIT.search(token) and digits_of(token) not in numbers
        if token.encode() not in asked
    ]

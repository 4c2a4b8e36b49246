"""A message on the way that the bridge would let it go: its route, its provider, the requests.

Nothing is sent, and no store is opened: only a price is asked for, where the provider knows one.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import click

from smppbridge.cli.configured_provider import ConfiguredProvider, concluded
from smppbridge.model.address import ends_of
from smppbridge.model.message import Message
from smppbridge.model.outcome import Refused
from smppbridge.model.reasons import Reason, sentence
from smppbridge.providers.exchange import NOW, Exchange, HttpRequest, Once, Price
from smppbridge.providers.smpp.binding import SmppRequest
from smppbridge.relay.accept import reading
from smppbridge.relay.accept.composed import Composed, message_of
from smppbridge.relay.accept.fields import Refusal
from smppbridge.relay.accept.reading import Reader
from smppbridge.relay.lanes.addressing import NotAddressable
from smppbridge.routing.table import Choice
from smppbridge.service.rules import lane_rules_of
from smppbridge.settings.schema import Settings
from smppbridge.smpp.constants import CommandStatus, status_name
from smppbridge.smpp.pdus import SubmitSm, SubmitSmResp

_DIGITS = 12  # of a number that is made up
Shown = dict[str, Any]


class PreviewRefused(Exception):
    """The bridge or the provider refuses the message, for the reason that the exception tells."""


@dataclass(frozen=True, slots=True)
class Preview:
    """A message as *asked* would get it; *then* are the providers for failover."""

    asked: ConfiguredProvider
    message: Message = field(repr=False)
    then: tuple[str, ...]

    def requests(self) -> list[Shown]:
        """Return the requests that submit the message, without secrets; raises PreviewRefused."""
        provider, message = self.asked.provider, self.message
        if provider.abilities.keyed:
            exchange: Exchange[Any] = provider.submit_batch([message], str(uuid4()))
        else:
            exchange = provider.submit(message)
        return [self._shown(request) for request in _requests(exchange)]

    def price(self, unasked: str = "") -> Price | str:
        """Ask the provider for the price, unless there is a reason in *unasked* not to ask.

        Returns the price, or why there is none.
        """
        if not self.asked.provider.abilities.prices:
            return f"{self.asked.name} does not tell prices"
        if unasked:
            return unasked
        try:
            start = partial(self.asked.provider.price, self.message)
            found: Price = concluded(self.asked, start, changes=False)
        except click.ClickException as error:
            return error.message
        return found

    def _shown(self, request: HttpRequest | SmppRequest) -> Shown:
        if isinstance(request, SmppRequest):
            return _shown_pdu(request.pdu)
        query = f"?{urlencode(request.query)}" if request.query else ""
        body = request.body.decode("utf-8", "backslashreplace")
        return {
            "method": request.method,
            "url": self.asked.redacted(request.url + query),
            "body": self.asked.redacted(body),
        }


def preview_of(settings: Settings, system_id: str, source: str, number: str, text: str) -> Preview:
    """Return a text's message at the first provider of its route that takes it.

    Raises PreviewRefused, and ValueError for addresses that are none.
    """
    record = settings.records()[system_id]
    try:
        ends_of(source, number)
        composed = Composed(source=source, destination=number, text=text, registered_delivery=1)
        message = message_of(Reader(record), composed, time.time())
        message.message_id = 1
        choice = _choice(settings, message)
    except Refusal as refusal:
        detail = f" ({refusal.detail})" if refusal.detail else ""
        why = f"{status_name(refusal.status)}: {sentence(refusal.reason)}{detail}"
        raise PreviewRefused(why) from None
    return _at_first(settings, message, choice)


def some_number(settings: Settings) -> str:
    """Return a number, made up, that the first route of a configuration is for."""
    prefix = settings.routes[0].to[0] if settings.routes else ""
    return (prefix or "1").ljust(_DIGITS, "0")


def _choice(settings: Settings, message: Message) -> Choice:
    """Return a message's route, and do to the message as accept does; raises Refusal."""
    choice = settings.table().find(message.system_id, message.source.addr, message.number)
    if choice is None:
        raise Refusal(CommandStatus.ESME_RINVDSTADR, Reason.NO_ROUTE)
    message.route = choice.via
    reading.replace_sender(message, choice.sender)
    if choice.transliterates:
        reading.transliterate(message)
    return choice


def _at_first(settings: Settings, message: Message, choice: Choice) -> Preview:
    why = ""
    for hop, name in enumerate(choice.via):
        section = settings.providers[name]
        try:
            wanted = lane_rules_of(section).addressing.apply(message)
        except NotAddressable as error:
            why = why or f"{name}: {error}"
            continue
        asked = ConfiguredProvider(name, section, settings.built_providers()[name])
        return Preview(asked, wanted, choice.via[hop + 1 :])
    raise PreviewRefused(why)


def _requests(exchange: Exchange[Any]) -> Iterator[HttpRequest | SmppRequest]:
    """Yield the requests of an exchange, as far as they do not depend on a provider's answers."""
    answer: Any = None
    while True:
        try:
            wanted = exchange.send(answer)
        except StopIteration as stop:
            _raise_if_refused(stop.value)
            return
        answer = time.time() if wanted is NOW else None  # a login only changes a header
        if wanted is NOW or isinstance(wanted, Once):
            continue
        yield wanted
        if not isinstance(wanted, SmppRequest):
            exchange.close()
            return
        answer = SubmitSmResp(message_id=b"1")  # for the next segment to come


def _raise_if_refused(outcome: Any) -> None:
    for each in outcome if isinstance(outcome, list | tuple) else [outcome]:
        if isinstance(each, Refused):
            raise PreviewRefused(each.reason)


def _shown_pdu(pdu: SubmitSm) -> Shown:
    return {
        "pdu": "submit_sm",
        "source_addr": f"{pdu.source_addr.decode('latin-1')}, TON {pdu.source_addr_ton}",
        "destination_addr": f"{pdu.destination_addr.decode('latin-1')}, TON {pdu.dest_addr_ton}",
        "esm_class": pdu.esm_class,
        "data_coding": pdu.data_coding,
        "registered_delivery": pdu.registered_delivery,
        "short_message": pdu.short_message.hex(),
        **{f"tlv 0x{tag:04X}": value.hex() for tag, value in pdu.tlvs},
    }

"""The wires to providers, HTTP and SMPP, and which of them a request is for."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any

from smppbridge.net.http_client import HttpClient
from smppbridge.net.upstream.client import RecordReceived, UpstreamPorts, Upstreams, connector
from smppbridge.providers.exchange import Provider
from smppbridge.providers.smpp.provider import SmppRequest
from smppbridge.relay.ports import Journal
from smppbridge.service.rules import connection_of, terms_of
from smppbridge.settings.schema import Settings


class Wires:
    """Both clients; *answered* is given the answers, *record* the reports and MO messages.

    *bound* is given the name of a provider whose session is bound (again).
    """

    def __init__(
        self,
        reactor: Any,
        answered: Callable[[Any], None],
        record: RecordReceived,
        bound: Callable[[str], None],
        wall: Callable[[], float],
        journal: Journal,
    ) -> None:
        self.http = HttpClient(reactor.callFromThread, answered)
        self.smpp = Upstreams(
            UpstreamPorts(
                clock=reactor,
                connect=connector(reactor),
                answered=answered,
                record=record,
                bound=bound,
                random=random.random,
                wall=wall,
                journal=journal,
            )
        )

    def send(self, provider: str, asks: list[Any]) -> None:
        """Send requests, each beside what comes back with its answer."""
        smpp = [ask for ask in asks if type(ask[1]) is SmppRequest]
        if smpp:
            self.smpp.send(provider, smpp)
        if len(smpp) < len(asks):  # a provider that is of another type now may have both out
            http = [ask for ask in asks if type(ask[1]) is not SmppRequest] if smpp else asks
            self.http.send(provider, http)

    def configure(self, settings: Settings, built: Mapping[str, Provider]) -> None:
        """Say how each provider is reached from now on."""
        providers = settings.providers.items()
        self.http.change({name: connection_of(each) for name, each in providers})
        self.smpp.change(terms_of(settings, built))

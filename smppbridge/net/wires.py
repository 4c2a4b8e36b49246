"""wires: the clients of providers, HTTP and SMPP, and which of them makes a request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from smppbridge.net.http_client import Connection, HttpClient
from smppbridge.net.upstream.client import Terms, Upstreams
from smppbridge.providers.smpp.binding import SmppRequest


class Wires:
    """The HTTP client and the upstream sessions of a bridge."""

    def __init__(self, http: HttpClient, smpp: Upstreams) -> None:
        self.http, self.smpp = http, smpp

    def send(self, provider: str, asks: list[Any]) -> None:
        """Send requests, each with the token that comes back with its answer."""
        smpp = [ask for ask in asks if type(ask[1]) is SmppRequest]
        if smpp:
            self.smpp.send(provider, smpp)
        if len(smpp) < len(asks):  # a provider that is of another type now may have both out
            http = [ask for ask in asks if type(ask[1]) is not SmppRequest] if smpp else asks
            self.http.send(provider, http)

    def change(self, connections: Mapping[str, Connection], terms: Mapping[str, Terms]) -> None:
        """Reach each provider by these connections and terms from now on."""
        self.http.change(connections)
        self.smpp.change(terms)

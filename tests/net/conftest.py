"""Fixtures: servers, HTTP clients and an authority for certificates."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.net.fault_server import OKAY, Behaviour, Client, FaultServer


@pytest.fixture
def serve() -> Iterator[Callable[..., FaultServer]]:
    servers: list[FaultServer] = []

    def make(behave: Behaviour = OKAY, tls: ssl.SSLContext | None = None) -> FaultServer:
        servers.append(FaultServer(behave, tls))
        return servers[-1]

    yield make
    for server in servers:
        server.close()


@pytest.fixture
def connect() -> Iterator[Callable[..., Client]]:
    clients: list[Client] = []

    def make(**arguments: Any) -> Client:
        clients.append(Client(**arguments))
        clients[-1].start()
        return clients[-1]

    yield make
    for client in clients:
        client.stop(5)

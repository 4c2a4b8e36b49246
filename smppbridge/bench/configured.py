"""The configurations of bridges that are measured: each provider has an account of its name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

PASSWORD = "bench"
_KEY = "benchbenchbenchbench"

Sections = Mapping[str, Mapping[str, Any]]
"""Sections of providers, by their names."""


@dataclass(frozen=True, slots=True)
class ListenPorts:
    """Where the bridge is to listen."""

    smpp: int
    web: int
    callbacks: int

    @property
    def report_to(self) -> str:
        """The URL that the provider reports to."""
        return f"http://127.0.0.1:{self.callbacks}/callbacks/keccel/{_KEY}"


def keccel(port: int) -> dict[str, Any]:
    """Return the section of a Keccel at *port*."""
    base_url = f"http://127.0.0.1:{port}/sms/v2"
    return {"type": "keccel", "token": "bench", "base_url": base_url, "callback_key": _KEY}


def smscx(port: int, batch: int) -> dict[str, Any]:
    """Return the section of an SMS.CX at *port*."""
    base_url = f"http://127.0.0.1:{port}"
    own = {"type": "smscx", "api_key": "bench", "base_url": base_url, "batch": batch}
    return {**own, "reports": "none"}


def d7(port: int, batch: str) -> dict[str, Any]:
    """Return the section of a D7 at *port*: a D7 without a callback_key would have no batches."""
    base_url = f"http://127.0.0.1:{port}"
    own = {"type": "d7", "username": "bench", "password": "bench", "base_url": base_url}
    return {**own, "batch": batch, "callback_key": _KEY}


def mspace_v2(port: int, poll_rate: float) -> dict[str, Any]:
    """Return the section of an MSpace at *port*."""
    base_url = f"http://127.0.0.1:{port}/smsapi/v2"
    own = {"type": "mspace_v2", "username": "bench", "apikey": "bench", "base_url": base_url}
    return {**own, "poll_rate": poll_rate}


def configuration(
    ports: ListenPorts, store: Path, providers: Sections, account: Mapping[str, int]
) -> str:
    """Return a configuration; *account* adds to the settings of every account."""

    def listen(port: int) -> dict[str, str]:
        return {"listen": f"tcp:{port}:interface=127.0.0.1"}

    public_url = f"http://127.0.0.1:{ports.callbacks}"
    return yaml.safe_dump(
        {
            "smpp": listen(ports.smpp),
            "web": listen(ports.web),
            "admin_socket": "off",
            "callbacks": {**listen(ports.callbacks), "public_url": public_url},
            "store": f"sqlite:{store}",
            "accounts": [
                {"system_id": name, "password": PASSWORD, **account} for name in providers
            ],
            "providers": {
                name: {**section, "balance_every": "off"} for name, section in providers.items()
            },
            "routes": [{"via": [name], "accounts": [name]} for name in providers],
        }
    )

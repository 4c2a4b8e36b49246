"""The configuration of `demo`: every type of provider, each with numbers of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from smppbridge.settings.schema import Settings
from smppbridge.settings.values import LONGEST_SOCKET

PATHS: Mapping[str, str] = {
    "keccel": "/sms/v2",
    "mspace_v2": "/smsapi/v2",
    "mspace_legacy": "/mspaceservice/wr/sms",
    "smsc": "",
    "smscx": "",
    "d7": "",
    "d7_v1": "",
}
"""The simulators of the demo, each with the path below which it serves the provider's API."""

MENU, YOURS = "menu", "ussd"
CODES: Mapping[str, str] = {"*384*77#": MENU, "*384*78#": YOURS}
"""Service codes by account: *menu* is the ESME that `demo` plays, *ussd* an ESME of the user's."""


@dataclass(frozen=True, slots=True)
class DemoRoute:
    """A route from numbers with *prefixes* to *via*; *simulator* plays the first of *via*."""

    prefixes: tuple[str, ...]
    via: tuple[str, ...]
    simulator: str
    words: str


DEMO_ROUTES = (
    DemoRoute(("243",), ("keccel",), "keccel", "JSON, reports by callback"),
    DemoRoute(
        ("254",),
        ("mspace_v2", "mspace_legacy"),
        "mspace_v2",
        "JSON, reports are asked for; then mspace_legacy",
    ),
    DemoRoute(("255",), ("mspace_smsc",), "smsc", "SMPP, a transmitter and a receiver"),
    DemoRoute(
        ("256",),
        ("mspace_legacy",),
        "mspace_legacy",
        "all in the URL; never reports, so DELIVRD is assumed",
    ),
    DemoRoute(("33", "44"), ("smscx",), "smscx", "OAuth2, ten requests a second, webhooks"),
    DemoRoute(("49",), ("outage", "smscx"), "", "nobody listens there; then smscx"),
    DemoRoute(("971",), ("d7",), "d7", "Jasmin's REST API"),
    DemoRoute(("972",), ("d7_batch",), "d7", "the same, up to 100 messages a request"),
    DemoRoute(("1",), ("d7_v1",), "d7_v1", "a template: what it speaks is configured"),
    DemoRoute(("",), ("keccel",), "keccel", ""),
)
"""The routes of the demo, each for a feature that *words* describes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoAddresses:
    """The addresses of the demo: ports on 127.0.0.1, ports of simulators by name, and secrets."""

    smpp: int
    web: int
    callbacks: int
    simulators: Mapping[str, int]
    folder: str
    key: str = field(repr=False)
    menu_password: str = field(repr=False)

    def url_of(self, simulator: str) -> str:
        """Return the base URL of a simulator."""
        return f"http://127.0.0.1:{self.simulators[simulator]}{PATHS[simulator]}"

    def callback_url(self, provider: str) -> str:
        """Return the URL of a provider's callbacks."""
        return f"http://127.0.0.1:{self.callbacks}/callbacks/{provider}/{self.key}"

    @property
    def ussd_url(self) -> str:
        """The URL that a USSD gateway calls."""
        return f"http://127.0.0.1:{self.callbacks}/ussd/{self.key}"


def settings_of(place: DemoAddresses, delay: float) -> Settings:
    """Return the configuration; deadlines of hours are seconds here, so that no wait is long.

    *delay* is how many seconds after acceptance the simulators report.
    """

    def local(port: int) -> dict[str, Any]:
        return {"listen": f"tcp:{port}:interface=127.0.0.1"}

    socket = f"{place.folder}/admin.sock"

    return Settings.read(
        {
            "smpp": local(place.smpp),
            "web": local(place.web),
            "admin_socket": socket if len(socket.encode()) <= LONGEST_SOCKET else None,
            "callbacks": {
                **local(place.callbacks),
                "public_url": f"http://127.0.0.1:{place.callbacks}",
            },
            "store": f"sqlite:{place.folder}/bridge.db",
            "drain": "1s",
            "log": {"format": "text", "messages": "all"},
            "accounts": [
                {"system_id": "demo", "password": "demo", "binds": 100, "country": "CD"},
                {"system_id": MENU, "password": place.menu_password},
                {"system_id": YOURS, "password": YOURS},
            ],
            "providers": _providers(place, delay),
            "routes": [{"to": way.prefixes, "via": way.via} for way in DEMO_ROUTES],
            "mo": [{"account": "demo"}],
            "ussd": {"codes": dict(CODES), "key": place.key},
        }
    )


def _providers(place: DemoAddresses, delay: float) -> dict[str, dict[str, Any]]:
    soon = {"timeout": "8s", "uncertain_deadline": "20s", "report_deadline": 58 + delay}
    pushed = {**soon, "callback_key": place.key}
    d7 = {"type": "d7", "username": "demo", "password": "demo", "base_url": place.url_of("d7")}
    return {
        "keccel": {
            "type": "keccel",
            "token": "demo",
            "base_url": place.url_of("keccel"),
            **pushed,
        },
        "mspace_v2": {
            "type": "mspace_v2",
            "username": "demo",
            "apikey": "demo",
            "base_url": place.url_of("mspace_v2"),
            "first_poll": delay + 0.2,
            "longest_poll": delay + 5,
            "poll_rate": 100,
            "failover_after": "10s",
            **soon,
        },
        "mspace_legacy": {
            "type": "mspace_legacy",
            "username": "demo",
            "password": "demo",
            "base_url": place.url_of("mspace_legacy"),
            "without_reports": "delivrd",
            "after": delay + 0.2,
            **soon,
        },
        "mspace_smsc": {
            "type": "smpp",
            "host": "127.0.0.1",
            "port": place.simulators["smsc"],
            "system_id": "demo",
            "password": "demo",
            "bind": "tx+rx",
            "attempts": 4,
            **soon,
        },
        "smscx": {
            "type": "smscx",
            "app_id": "demo",
            "app_secret": "demo",
            "base_url": place.url_of("smscx"),
            "batch": 1,  # what is sent together would share one fate: one number decides
            "rate": 10,  # its simulator's limit
            "attempts": 4,
            **pushed,
            "uncertain_deadline": "5s",  # silence is not the end here: it is asked again
        },
        "outage": {
            "type": "keccel",
            "token": "demo",
            "base_url": "http://127.0.0.1:1",  # tcpmux, which nobody has any more
            "balance_every": None,
            "breaker": 1,
            "failover_after": 0.1,
            **pushed,
        },
        "d7": {**d7, **pushed},
        "d7_batch": {**d7, "batch": "on", **pushed},
        "d7_v1": {**_D7_V1, "base_url": place.url_of("d7_v1"), **pushed},
    }


_D7_V1: Mapping[str, Any] = {
    "type": "template",
    "secrets": {"token": "demo"},
    "auth": {"bearer": "{token}"},
    "alphabets": {"gsm": "text", "unicode": "unicode"},
    "submit": {
        "url": "/messages/v1/send",
        "body": {
            "messages": [
                {
                    "channel": "sms",
                    "recipients": ["{number}"],
                    "content": "{text}",
                    "msg_type": "text",
                    "data_coding": "{alphabet}",
                }
            ],
            "message_globals": {"originator": "{sender}", "report_url": "{callback_url}"},
        },
        "status": "/status",
        "accepted": "accepted",
        "id": "/request_id",
        "error": ["/detail/code", "/detail/message", "/detail/0/msg"],
    },
    "callback": {"id": "request_id", "status": "status"},
    "states": {"un_delivered": "undeliverable", "not_reachable": "undeliverable"},
    "errors": {"recipient": "destination", "originator": "source", "credit": "provider"},
}

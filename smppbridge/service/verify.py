"""What can be found wrong with settings by building from them: opens, listens, calls nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from twisted.internet.endpoints import serverFromString

from smppbridge.service.rules import connection_of, lane_rules_of
from smppbridge.settings.schema import Settings


@dataclass(frozen=True, slots=True)
class Finding:
    """A key of the configuration and what is wrong with it."""

    key: str
    message: str


def verify(settings: Settings, reactor: Any) -> list[Finding]:
    """Parse endpoints, load certificates, build lanes; return what does not work."""
    found = list(_endpoints(settings, reactor))
    for name, provider in settings.providers.items():
        try:
            lane_rules_of(provider)
            connection_of(provider)
        except ValueError as error:
            found.append(Finding(f"providers.{name}", str(error)))
    settings.table()
    return found


def _endpoints(settings: Settings, reactor: Any) -> Iterator[Finding]:
    sections = {"smpp": settings.smpp, "web": settings.web, "callbacks": settings.callbacks}
    for name, section in sections.items():
        for description in section.listen if section else ():
            if description.startswith("systemd:") and "LISTEN_FDS" not in os.environ:
                continue  # checked by hand: only systemd could say whether the socket is there
            try:
                serverFromString(reactor, description)
            except LookupError:
                yield Finding(
                    f"{name}.listen", f"{description}: systemd handed over no such socket"
                )
            except Exception as error:  # each kind of endpoint has its own
                yield Finding(f"{name}.listen", f"{description}: {error}")

"""apply: new settings for a running bridge: all of them, or none and the reason; and `verify`."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from twisted.internet.endpoints import serverFromString

from smppbridge.model.account import Account
from smppbridge.net.tls import BadCertificates
from smppbridge.relay.accept.intake import rights_of
from smppbridge.relay.lanes.limits import Throughput
from smppbridge.service import descriptors, rules
from smppbridge.service.build import PeerListeners, Relay
from smppbridge.service.listeners import (
    CertificateDoubt,
    Certificates,
    beneath,
    certificate_of,
    certificates_of,
    client_ca_of,
    doubts,
    endpoints_of,
)
from smppbridge.settings.schema import Settings
from smppbridge.settings.store import StoreSection
from smppbridge.store.driver import NoDriver, fault_in
from smppbridge.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from smppbridge.store.postgres.store import PostgresStore

_FIXED = (
    "smpp",
    "admin_socket",
    "callbacks",
    "store",
    "node",
    "retention",
    "receipts",
    "backlog",
    "log",
    "drain",
)


_AT_BIND = ("binds", "allow_from", "tls", "system_id")
_OF_ACCOUNT = re.compile(r"accounts\[[^]]*\]\.(\w+)")


class NotApplied(Exception):
    """Settings that cannot be applied while the bridge runs."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A key of the configuration and its fault."""

    key: str
    message: str


def verify(settings: Settings, reactor: Any) -> list[Finding]:
    """Parse endpoints, load certificates, build lanes, look for the database's driver.

    Returns the faults.  Opens no socket.
    """
    found = [*_database(settings.store), *_endpoints(settings, reactor)]
    for name, provider in settings.providers.items():
        try:
            rules.lane_rules_of(provider)
            rules.connection_of(provider)
        except ValueError as error:
            found.append(Finding(f"providers.{name}", str(error)))
    settings.table()
    return found


def warnings(settings: Settings, wall: float) -> list[Finding]:
    """Return findings that allow a start: certificates that expire, too few descriptors."""
    certificates = read_certificates(settings)
    found = [
        Finding(_key_of(doubt, settings), f"the certificate {doubt.words}")
        for doubt in doubts(settings, certificates, wall)
    ]
    needed, allowed = descriptors.needed(settings), descriptors.allowed()
    if allowed is not None and allowed < needed:
        message = (
            f"up to {needed:,} descriptors may be needed for connections and requests, and"
            f" RLIMIT_NOFILE allows {allowed:,} here: see LimitNOFILE in the unit"
        )
        found.append(Finding("smpp.max_connections", message))
    return found


def read_certificates(settings: Settings) -> Certificates:
    """Return the certificates that all listeners are to serve; raises NotApplied."""
    try:
        return certificates_of(settings)
    except BadCertificates as error:
        raise NotApplied(str(error)) from error


async def check_change(
    old: Settings, new: Settings, relay: Relay, store: SqliteStore | PostgresStore
) -> None:
    """Raise NotApplied if a running bridge cannot go from *old* settings to *new* ones."""
    for section in _FIXED:
        if getattr(new, section) != getattr(old, section):
            raise NotApplied(f"{section} has changed: that needs a restart")
    if (old.web and old.web.listen) != (new.web and new.web.listen):
        raise NotApplied("web.listen has changed: that needs a restart")
    lanes = relay.lanes.by_name
    gone = lanes.keys() - new.providers.keys()
    found = [name for name in gone if await store.open_messages(name)]
    found += [name for name in gone if not lanes[name].idle]  # taken while the store was asked
    if found:
        raise NotApplied(f"providers.{found[0]} is gone, and has open messages")


def takes_effect(key: str) -> Literal["now", "new_sessions", "restart"]:
    """Return when a change of a key would take effect in a running bridge."""
    if key.partition(".")[0] in _FIXED or key == "web" or key.startswith("web.listen"):
        return "restart"
    of_account = _OF_ACCOUNT.match(key)
    return "new_sessions" if of_account and of_account[1] in _AT_BIND else "now"


class Throughputs(Protocol):
    """The parts of accounts' throughputs that this bridge has, where several share them."""

    def throughput_of(self, account: Account, now: float) -> Throughput | None:
        """Return the bucket of an account's part, None for an account without a limit."""


def change(
    settings: Settings,
    relay: Relay,
    doors: PeerListeners,
    now: float,
    shared: Throughputs | None = None,
) -> None:
    """Let every part go by the accounts, providers and routes of *settings*."""
    providers, built = settings.providers, settings.built_providers()
    relay.lanes.change(built, {n: rules.lane_rules_of(p) for n, p in providers.items()})
    relay.overdue.change({n: rules.poll_rules_of(p) for n, p in providers.items()})
    relay.reports.change({n: p.lane.ids for n, p in providers.items()})
    relay.rounds.change({n: rules.round_rules_of(p) for n, p in providers.items()})
    connections = {n: rules.connection_of(p) for n, p in providers.items()}
    relay.wires.change(connections, rules.terms_of(settings, built))
    relay.optouts.change(frozenset(n for n, p in providers.items() if p.lane.optouts == "refuse"))
    relay.accept.change(settings.table())
    relay.multi.change(settings.number_lists())
    relay.ussd.change(rules.ussd_rules_of(settings))
    accounts = settings.records()
    relay.deliver.change(accounts)
    relay.mobile.change(settings.mo_table(), accounts)
    relay.alerts.change(settings.mo_table())
    callers = [rules.caller_of(name, provider) for name, provider in providers.items()]
    doors.callbacks.admit([caller for caller in callers if caller])
    doors.ussd.admit(settings.ussd.key if settings.ussd.codes else None, relay.ussd)
    doors.outbinds.change(accounts)
    parts = {n: shared.throughput_of(a, now) for n, a in accounts.items()} if shared else {}
    rights = {n: rights_of(a, now, parts.get(n)) for n, a in accounts.items()}
    doors.smsc.change(rights)


def _database(store: StoreSection) -> Iterator[Finding]:
    """Yield the faults that keep any bridge from asking the database; no database is asked."""
    if not store.is_shared:
        return
    try:
        fault = fault_in(store.address)
    except NoDriver as error:
        fault = str(error)
    if fault is not None:
        yield Finding("store", fault)


def _key_of(doubt: CertificateDoubt, settings: Settings) -> str:
    of_clients = doubt.file == client_ca_of(settings, doubt.listener)
    return f"{doubt.listener}.{'client_ca' if of_clients else 'listen'}"


def _endpoints(settings: Settings, reactor: Any) -> Iterator[Finding]:
    for name, description in endpoints_of(settings):
        if description.startswith("systemd:") and "LISTEN_FDS" not in os.environ:
            continue  # checked by hand: only systemd could say whether the socket is there
        try:
            certificate_of(description, client_ca_of(settings, name))
            serverFromString(reactor, beneath(description))
        except LookupError:
            yield Finding(f"{name}.listen", f"{description}: systemd handed over no such socket")
        except BadCertificates as error:
            yield Finding(f"{name}.listen", str(error))
        except Exception as error:  # each kind of endpoint has its own
            yield Finding(f"{name}.listen", f"{description}: {error}")

"""Settings that are allowed, and probably a mistake: the warnings of `check`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from smppbridge.settings.idle import brings_phones, idle_keys
from smppbridge.settings.provider import ProviderSection

if TYPE_CHECKING:
    from smppbridge.settings.schema import Route, Settings

_PASSWORD_OCTETS = 8  # SMPP 3.4, 4.1.1: nine with the NUL
_KEY_LENGTH = 16
_BARE_VARIABLE = re.compile(r"\$[A-Za-z_][A-Za-z0-9_]*")

Doubt = tuple[str, str]
"""A key of the configuration, and what is doubtful about its value."""


def doubts_of(settings: Settings) -> Iterator[Doubt]:
    """Yield the doubts about a whole configuration."""
    for key in ("accounts", "providers", "routes"):
        if not getattr(settings, key):
            yield key, "there are none: nothing can be sent"
    yield from _doors(settings)
    yield from _secrets(settings)
    yield from _bare_variables(settings)
    yield from _routes(settings)
    for name, entry in settings.providers.items():
        for url in clear_urls(entry):
            yield (
                f"providers.{name}.{url}",
                "http:// shows its secrets to the network: use https://",
            )
    yield from _idle(settings)


def _doors(settings: Settings) -> Iterator[Doubt]:
    node = settings.node
    if settings.store.is_shared and settings.ussd.codes and not (node and node.address):
        yield "node.address", "is missing: no other node passes USSD requests on to this one"
    for place, network in enumerate(settings.smpp.proxies):
        if network.prefixlen == 0:
            yield f"smpp.proxies[{place}]", "any address may say who its client is"


def _secrets(settings: Settings) -> Iterator[Doubt]:
    message = f"SMPP 3.4 clients cannot send more than {_PASSWORD_OCTETS} characters"
    for index, account in enumerate(settings.accounts):
        for place, password in enumerate(account.password):
            if len(password.clear.encode()) > _PASSWORD_OCTETS:
                of = f"[{place}]" if len(account.password) > 1 else ""
                yield f"accounts[{index}].password{of}", message
    document = settings.document
    if document.public and (secret := _clear_secret(settings)):
        yield "", f"every user of this machine can read it, and {secret} stands there in clear"
    keys = {f"providers.{n}.callback_key": p.callback_key for n, p in settings.providers.items()}
    for key, value in (keys | {"ussd.key": settings.ussd.key}).items():
        if value and len(value) < _KEY_LENGTH:
            yield key, f"is shorter than {_KEY_LENGTH} characters: it could be guessed"


def _clear_secret(settings: Settings) -> str | None:
    passwords = [
        f"accounts[{index}].password{place}"
        for index in range(len(settings.accounts))
        for place in ("", "[0]", "[1]")
    ]
    others = [
        f"providers.{name}.{key}"
        for name, entry in settings.providers.items()
        for key in entry.secret_places()
    ]
    literal = settings.document.literal
    return next((key for key in [*passwords, *others, "ussd.key"] if key in literal), None)


def _bare_variables(settings: Settings) -> Iterator[Doubt]:
    """Yield texts that look like a variable, and are not replaced by one."""
    for key, value in _texts(settings.document.values, ""):
        if key in settings.document.literal and _BARE_VARIABLE.fullmatch(value):
            yield key, f"is taken as it stands; a variable is written ${{{value[1:]}}}"


def _texts(value: Any, key: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _texts(inner, f"{key}.{name}" if key else str(name))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _texts(inner, f"{key}[{index}]")


def _routes(settings: Settings) -> Iterator[Doubt]:
    seen: dict[object, int] = {}
    for index, route in enumerate(settings.routes):
        accounts, senders = frozenset(route.accounts or ()), frozenset(route.senders or ())
        for prefix in route.to:
            first = seen.setdefault((prefix, accounts, senders), index)
            if first != index:
                words = f"the prefix {prefix}" if prefix else "any number"
                yield f"routes[{index}].to", f"{words} is routed by routes[{first}] already"
        for name, what in _lost_tlvs(settings, route):
            yield (
                f"routes[{index}].{what}",
                f"go no further than to {name}, which takes no such TLV",
            )
        twice = [name for at, name in enumerate(route.via) if name in route.via[:at]]
        if twice:
            yield f"routes[{index}].via", f"names {twice[0]} twice"
    routed = {name for route in settings.routes for name in route.via}
    routed |= {route.provider for route in settings.mo if route.provider}
    if settings.routes:
        for name in settings.providers.keys() - routed:
            yield f"providers.{name}", "no route leads to it"


def _lost_tlvs(settings: Settings, route: Route) -> Iterator[tuple[str, str]]:
    """Yield providers of a route that do not take its TLVs, and the key of these."""
    required = {each.tag for each in route.require}
    given = {named.tag for named, _ in route.tlvs.values()}
    for key, tags in (("require", required), ("tlvs", given)):
        able = ((name, settings.providers[name].abilities.tags) for name in route.via)
        lost = [name for name, taken in able if any(tag not in taken for tag in tags)]
        if lost:
            yield lost[0], key


def _idle(settings: Settings) -> Iterator[Doubt]:
    callbacks = settings.callbacks is not None
    for name, entry in settings.providers.items():
        for key, message in idle_keys(entry, callbacks=callbacks):
            yield f"providers.{name}.{key}", message
    for index, route in enumerate(settings.mo):
        brings = settings.providers[route.provider] if route.provider else None
        if brings and not brings_phones(brings, callbacks=callbacks):
            yield f"mo[{index}].provider", "brings no messages from phones, as it is configured"


def clear_urls(entry: ProviderSection) -> Iterator[str]:
    """Yield the keys of URLs over which a provider's secrets leave this machine unencrypted."""
    if not any(getattr(entry, key) for key in entry.secret_keys() if key != "callback_key"):
        return
    for key in type(entry).model_fields:
        value = getattr(entry, key)
        clear = isinstance(value, str) and value.startswith("http://")
        if clear and key != "proxy" and not _is_here(urlsplit(value).hostname or ""):
            yield key


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

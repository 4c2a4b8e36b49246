"""The types of providers that a configuration can name: built in, or installed by others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import is_dataclass
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType

from smppbridge.providers.d7 import D7
from smppbridge.providers.exchange import Provider
from smppbridge.providers.keccel import Keccel
from smppbridge.providers.mspace import MSpaceLegacy, MSpaceV2
from smppbridge.providers.smpp import Smpp
from smppbridge.providers.smscx import SmsCx
from smppbridge.providers.template.provider import Template

GROUP = "smppbridge.providers"
TYPES: Mapping[str, type[Provider]] = MappingProxyType(
    {
        "d7": D7,
        "keccel": Keccel,
        "mspace_legacy": MSpaceLegacy,
        "mspace_v2": MSpaceV2,
        "smpp": Smpp,
        "smscx": SmsCx,
        "template": Template,
    }
)


class UnknownType(ValueError):
    """No provider of the type is built in or installed."""


def provider_type(name: str) -> type[Provider]:
    """Return the class of the type called *name*; raises UnknownType, which names the known types.

    A type of ours cannot be replaced by an entry point of the same name.
    """
    if name in TYPES:
        return TYPES[name]
    found = _installed().get(name)
    if found is None:
        raise UnknownType(f"unknown type {name!r}; known are {', '.join(known_types())}")
    try:
        loaded = found.load()
    except (ImportError, AttributeError) as error:
        raise UnknownType(f"type {name!r}: {found.value} cannot be loaded: {error}") from error
    if not (isinstance(loaded, type) and issubclass(loaded, Provider) and is_dataclass(loaded)):
        raise UnknownType(f"type {name!r}: {found.value} is not a provider")
    return loaded


def known_types() -> tuple[str, ...]:
    """Return the names of all types, sorted."""
    return tuple(sorted({*TYPES, *_installed()}))


def _installed() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=GROUP)}

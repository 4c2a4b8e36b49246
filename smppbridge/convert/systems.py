"""The systems whose configurations can be converted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from smppbridge.convert.conversion import Conversion, FileLine, failure
from smppbridge.convert.jasmin import Jasmin
from smppbridge.convert.kannel import Kannel
from smppbridge.settings.configuration import settled
from smppbridge.settings.document import BadSettings, Document, Fault, parse

_WRITTEN = "bridge.yaml"
_ANY_SECRET = "0123456789abcdef"  # for a value that is still to be set

SYSTEMS: Mapping[str, Callable[[Path], Conversion]] = {
    "kannel": lambda path: Kannel().convert(path),
    "opensmppbox": lambda path: Kannel().convert(path),
    "jasmin": lambda path: Jasmin().convert(path),
}
"""What converts a file, by the system's name; opensmppbox's file is one of Kannel's."""


def convert(system: str, path: Path) -> Conversion:
    """Convert the configuration of a system; raises BadSettings with file and line."""
    conversion = SYSTEMS[system](path)
    if not conversion.accounts and not conversion.providers:
        raise failure(FileLine(str(path), 0), f"has neither accounts nor providers of {system}")
    conversion.notes += _refused(conversion, str(path))
    return conversion


def _refused(conversion: Conversion, origin: str) -> Iterator[Fault]:
    """Yield the values that the bridge will not take as they were, by line of the new file."""
    document = Document(_WRITTEN)
    values = {name: value or _ANY_SECRET for name, value in conversion.variables.items()}
    parse(conversion.text([origin]), document, values)
    try:
        settled(document)
    except BadSettings as error:
        for fault in error.faults:
            yield replace(fault, message=f"{fault.message}: correct it")

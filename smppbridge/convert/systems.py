"""The systems whose configurations can be converted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from smppbridge.convert.conversion import Conversion, FileLine, failure
from smppbridge.convert.jasmin import Jasmin
from smppbridge.convert.kannel import Kannel

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
    return conversion

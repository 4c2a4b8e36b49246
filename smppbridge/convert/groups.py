"""Kannel's configuration files: groups of settings, with includes, each with file and line.

Kannel 1.4.5, gwlib/cfg.c: an empty line ends a group, # begins a comment where it is the first
character of a line, a backslash at the end joins the next line, quotes around a value are taken
off, and include names a file or a folder.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from smppbridge.convert.conversion import Conversion, FileLine, failure

_LARGEST = 4_194_304
_MOST_FILES = 200
_MOST_LINES = 200_000
_DEEPEST = 16
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
_ESCAPED = re.compile(r'\\(["\\])')
_NUMBER = re.compile(r"\s*(0[xX][0-9a-fA-F]+|[+-]?\d{1,18})")
_FALSE = ("no", "false", "off", "0")


@dataclass(slots=True)
class Group:
    """One group: *settings* and their *places* by key; keys that are read are *taken*."""

    place: FileLine
    settings: dict[str, str] = field(default_factory=dict, repr=False)
    places: dict[str, FileLine] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)

    @property
    def kind(self) -> str:
        """The value of the key group: core, smsc, ..."""
        return self.settings["group"].lower()

    def text(self, key: str, default: str = "") -> str:
        """Return the value of *key*."""
        self.taken.add(key)
        return self.settings.get(key, default)

    def number(self, key: str) -> int | None:
        """Return the number that the value of *key* begins with; None without one."""
        found = _NUMBER.match(self.text(key))
        if found is None:
            return None
        return int(found[1], 16 if found[1][:2].lower() == "0x" else 10)

    def flag(self, key: str) -> bool | None:
        """Return the value of *key* as yes or no; None without one."""
        value = self.text(key).strip().lower()
        return value not in _FALSE if value else None

    def listed(self, key: str) -> list[str]:
        """Return the value of *key* as a list, which semicolons divide."""
        return [each.strip() for each in self.text(key).split(";") if each.strip()]

    def at(self, key: str) -> FileLine:
        """Return the place of *key*, or that of the group."""
        return self.places.get(key, self.place)

    def left(self) -> Iterator[str]:
        """Yield the keys that nobody has read."""
        return (key for key in self.settings if key not in self.taken and key != "group")


class Files:
    """Reads files within bounds: their size, their number, their lines."""

    def __init__(self) -> None:
        self._files = self._lines = 0

    def lines(self, path: Path) -> Iterator[tuple[FileLine, str]]:
        """Yield the lines of a file with their places; raises BadSettings."""
        place = FileLine(str(path), 0)
        self._files += 1
        if self._files > _MOST_FILES:
            raise failure(place, f"is one file too many: at most {_MOST_FILES} are read")
        for number, line in enumerate(_text(path, place).split("\n"), 1):
            self._lines += 1
            here = FileLine(place.file, number)
            if self._lines > _MOST_LINES:
                raise failure(here, f"is one line too many: at most {_MOST_LINES:,} are read")
            if _CONTROLS.search(line):
                raise failure(here, "has a control character: this is no such configuration")
            yield here, line


def _text(path: Path, place: FileLine) -> str:
    try:
        if not path.is_file():
            raise failure(place, "is not a file" if path.exists() else "is not there")
        with path.open("rb") as file:
            octets = file.read(_LARGEST + 1)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "bad name"
        raise failure(place, f"cannot be read: {why}") from None
    if len(octets) > _LARGEST:
        raise failure(place, f"is longer than {_LARGEST} octets")
    try:
        return octets.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = octets.count(b"\n", 0, error.start) + 1
        raise failure(FileLine(place.file, line), "is not UTF-8") from None


class Groups:
    """The groups of a configuration; a missing include is a note of the *conversion*."""

    def __init__(self, conversion: Conversion, files: Files) -> None:
        self._conversion, self._files = conversion, files
        self._open: Group | None = None
        self._found: list[Group] = []

    def read(self, path: Path) -> list[Group]:
        """Return the groups of a file and of the files that it includes; raises BadSettings."""
        self._read(path, ())
        self._close()
        return self._found

    def _read(self, path: Path, within: tuple[Path, ...]) -> None:
        for place, line in _joined(self._files.lines(path)):
            key, equals, value = (part.strip() for part in line.partition("="))
            if not line.strip():
                self._close()
            elif line.lstrip().startswith("#"):
                continue
            elif not equals or not key:
                raise failure(place, "has no equals sign: this is no configuration of Kannel")
            elif key == "include":
                self._include(_value(value), place, (*within, path))
            else:
                self._set(key, _value(value), place)
        self._close()

    def _set(self, key: str, value: str, place: FileLine) -> None:
        if self._open is None:
            self._open = Group(place)
        elif key in self._open.settings:
            if key == "group":
                raise failure(place, "begins within a group: an empty line is missing", key)
            self._conversion.note(place, key, "is there twice: the last one counts")
        self._open.settings[key] = value
        self._open.places[key] = place

    def _close(self) -> None:
        group, self._open = self._open, None
        if group is None:
            return
        if "group" not in group.settings:
            raise failure(group.place, "begins a group that has no line group = ...")
        self._found.append(group)

    def _include(self, name: str, place: FileLine, within: tuple[Path, ...]) -> None:
        self._close()
        path = within[-1].parent / name
        if path in within or len(within) > _DEEPEST:
            raise failure(place, "is included by itself, or too deep", "include")
        try:
            inner = sorted(path.iterdir()) if path.is_dir() else [path]
            there = path.exists()
        except (OSError, ValueError):
            inner, there = [], False
        if not there:
            self._conversion.note(
                place, "include", f"{name} cannot be read: what it has is missing"
            )
            return
        for each in inner:
            if each.is_file():
                self._read(each, within)


def _joined(lines: Iterator[tuple[FileLine, str]]) -> Iterator[tuple[FileLine, str]]:
    """Yield lines, with those that end with a backslash joined to the next."""
    held, begun = "", None
    for place, line in lines:
        begun, held = begun or place, held + line.removesuffix("\r")
        if held.endswith("\\"):
            held = held[:-1]
            continue
        yield begun, held
        held, begun = "", None
    if begun is not None:
        yield begun, held


def _value(text: str) -> str:
    if len(text) >= 2 and text[0] == text[-1] == '"':
        return _ESCAPED.sub(r"\1", text[1:-1])
    return text

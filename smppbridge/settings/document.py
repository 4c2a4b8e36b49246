"""YAML with places: the values of a file, and the line of each value.

Types are YAML 1.2's, not 1.1's: only true and false are booleans and a leading zero makes text, so
that country NO and prefix 0243 stay text.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from smppbridge.settings.secrets import BadSecret, expand

_LARGEST = 4_194_304
_MOST_VALUES = 200_000
# What PyYAML quotes after these words could be a password that begins with * & or !.
_QUOTING = re.compile(r"(alias|anchor|handle|prefix|directive)\b.*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of the configuration and its place; *line* is 0 for a fault of the whole file."""

    file: str
    line: int
    key: str
    message: str
    warning: bool = False

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        kind = "warning: " if self.warning else ""
        text = ": ".join(filter(None, (where, self.key, kind + self.message)))
        return text if text.isprintable() else ascii(text)[1:-1]


class BadSettings(Exception):
    """The configuration cannot be used; *faults* are all faults of the file."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = faults


@dataclass(slots=True)
class Document:
    """One file: its values (repr=False: secrets are among them), places and faults.

    A key is a path such as ``accounts[0].password``; the whole file is the empty key.  *literal*
    holds the keys of texts without variables, *spelled* the texts with them as the file has them;
    *public* is set when every user can read the file.
    """

    file: str
    values: Any = field(default_factory=dict, repr=False)
    lines: dict[str, int] = field(default_factory=lambda: {"": 0})
    faults: dict[str, Fault] = field(default_factory=dict)
    literal: set[str] = field(default_factory=set)
    spelled: dict[str, str] = field(default_factory=dict)
    public: bool = False

    def nearest(self, key: str) -> str:
        """Return *key*, or the nearest key around *key* that the file has."""
        while key not in self.lines:
            key = key[: max(key.rfind("."), key.rfind("["), 0)]
        return key

    def fault(self, key: str, message: str, *, warning: bool = False) -> Fault:
        """Return a fault of *key*, on the line of *key* or of the nearest key around it."""
        return Fault(self.file, self.lines[self.nearest(key)], key, message, warning)

    def blame(self, key: str, message: str, line: int | None = None) -> None:
        """Add an error; of several errors of one key only the first is kept."""
        if key not in self.faults:
            line = self.lines[self.nearest(key)] if line is None else line
            self.faults[key] = Fault(self.file, line, key, message)


def join(key: str, step: str | int) -> str:
    """Return the key of the value at *step* within *key*."""
    if isinstance(step, int):
        return f"{key}[{step}]"
    return f"{key}.{step}" if key else step


def read(path: Path, environment: Mapping[str, str]) -> Document:
    """Read a file; faults of the file are among the document's faults."""
    document = Document(str(path))
    try:
        with path.open("rb") as file:
            octets = file.read(_LARGEST + 1)
            document.public = bool(os.fstat(file.fileno()).st_mode & stat.S_IROTH)
    except (OSError, ValueError) as error:
        document.blame("", f"cannot be read: {getattr(error, 'strerror', None) or 'bad name'}")
        return document
    if len(octets) > _LARGEST:
        document.blame("", f"is longer than {_LARGEST} octets")
        return document
    try:
        text = octets.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = octets.count(b"\n", 0, error.start) + 1
        document.blame("", "is not UTF-8", line)
        return document
    parse(text, document, environment)
    return document


def parse(text: str, document: Document, environment: Mapping[str, str]) -> None:
    """Add the values, lines and faults of the YAML *text* to *document*."""
    try:
        root = yaml.compose(text, _Loader)
        if root is not None:
            document.values = _Walk(document, environment).value(root, "")
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = _QUOTING.sub(r"\1: put the value in quotes", error.problem or error.context or "")
        document.blame("", f"is not YAML: {problem}", mark.line + 1 if mark else 0)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, int(error.position)) + 1
        document.blame("", "has a control character", line)
    except RecursionError:
        document.blame("", "is nested too deeply")


class _Loader(yaml.SafeLoader):
    """PyYAML's own loader, with YAML 1.2's types for plain words."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012


for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"0|-?[1-9][0-9]{0,17}", list("-0123456789")),
    ("float", r"-?(?:0|[1-9][0-9]*)\.[0-9]+", list("-0123456789")),
):
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(f"(?:{_pattern})\\Z"), _first
    )

_SCALARS: dict[str, Any] = {
    "null": lambda text: None,
    "bool": lambda text: text.lower() == "true",
    "int": int,
    "float": float,
}


class _Walk:
    """Turns nodes into values, and adds lines, variables and faults to the document."""

    def __init__(self, document: Document, environment: Mapping[str, str]) -> None:
        self._document = document
        self._environment = environment
        self._within: set[int] = set()
        self._count = 0

    def value(self, node: yaml.Node, key: str) -> Any:
        """Return the value of *node*, which stands at *key*."""
        self._document.lines.setdefault(key, node.start_mark.line + 1)
        self._count += 1
        if id(node) in self._within or self._count > _MOST_VALUES:
            raise yaml.MarkedYAMLError(
                problem="something contains itself, or too much", problem_mark=node.start_mark
            )
        self._within.add(id(node))
        try:
            return self._content(node, key)
        finally:
            self._within.remove(id(node))

    def _content(self, node: yaml.Node, key: str) -> Any:
        tag = node.tag.removeprefix("tag:yaml.org,2002:")
        if isinstance(node, yaml.MappingNode) and tag == "map":
            return self._mapping(node, key)
        if isinstance(node, yaml.SequenceNode) and tag == "seq":
            return [self.value(item, join(key, index)) for index, item in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode) and (tag == "str" or tag in _SCALARS):
            return self._scalar(tag, node.value, key)
        self._document.blame(key, "has a YAML tag (!...): if that is text, put it in quotes")
        return None

    def _mapping(self, node: yaml.MappingNode, key: str) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for name, content in node.value:
            if not isinstance(name, yaml.ScalarNode):
                self._document.blame(key, "has a key that is not a word")
                continue
            inner, line = join(key, name.value), name.start_mark.line + 1
            if name.value in values:
                first = self._document.lines[inner]
                self._document.blame(inner, f"is here twice; the first is on line {first}", line)
                continue
            self._document.lines.setdefault(inner, line)
            values[name.value] = self.value(content, inner)
        return values

    def _scalar(self, tag: str, text: str, key: str) -> Any:
        try:
            if tag != "str":
                return _SCALARS[tag](text)
            value = expand(text, self._environment)
        except BadSecret as error:
            self._document.blame(key, str(error))
        except ValueError:  # an explicit !!int or !!float
            self._document.blame(key, f"is not of the type {tag}")
        else:
            if value == text:
                self._document.literal.add(key)
            else:
                self._document.spelled[key] = text
            return value
        return None

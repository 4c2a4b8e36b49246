"""A configuration in the making: its values, the variables of its secrets, and the notes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import yaml

from smppbridge.settings.document import BadSettings, Fault

_NOT_IN_NAMES = re.compile(r"[^a-z0-9_-]+")
_NOT_IN_VARIABLES = re.compile(r"[^A-Z0-9]+")
_LONGEST_NAME = 32
_LONGEST_SYSTEM_ID = 15
_UNKNOWN = "the old configuration does not have its value: set it"


class FileLine(NamedTuple):
    """A line of a file."""

    file: str
    line: int


class Variable(str):
    """The reference ``${NAME}`` to an environment variable; all other text is written as it is."""

    __slots__ = ()


def failure(place: FileLine, message: str, key: str = "") -> BadSettings:
    """Return the exception for a file that is no such configuration."""
    return BadSettings((Fault(place.file, place.line, key, message),))


@dataclass(slots=True)
class Conversion:
    """A bridge.yaml in the making; the readers of other systems' files add to the conversion.

    *variables* holds the values of secrets by the names of their environment variables, "" where
    the old configuration does not have the value.
    """

    smpp: dict[str, Any] = field(default_factory=dict)
    callbacks: dict[str, Any] | None = None
    accounts: list[dict[str, Any]] = field(default_factory=list)
    providers: dict[str, dict[str, Any]] = field(default_factory=dict)
    routes: list[dict[str, Any]] = field(default_factory=list)
    mo: list[dict[str, Any]] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict, repr=False)
    notes: list[Fault] = field(default_factory=list)

    def note(self, place: FileLine, key: str, message: str) -> None:
        """Add a note about a setting that is not carried over, or not as it was."""
        self.notes.append(Fault(place.file, place.line, key, message))

    def secret(self, owner: str, key: str, value: str) -> Variable:
        """Return a variable for the secret *value* of an account or a provider."""
        stem = _NOT_IN_VARIABLES.sub("_", f"{owner}_{key}".upper()).strip("_")
        name = unused(f"_{stem}" if stem[0].isdigit() else stem, self.variables)
        self.variables[name] = value
        return Variable(f"${{{name}}}")

    def named(self, text: str, kind: str) -> str:
        """Return *text* as the name of a new provider."""
        name = _NOT_IN_NAMES.sub("_", text.lower()).lstrip("_-")[:_LONGEST_NAME]
        return unused(name or kind, self.providers, _LONGEST_NAME)

    def add_account(self, place: FileLine, system_id: str, password: str, **settings: Any) -> bool:
        """Add an account; returns whether the account could be added, and adds a note if not."""
        if not (system_id.isascii() and system_id.isprintable()):
            self.note(place, system_id, "has characters that a system_id cannot have: left out")
        elif not 1 <= len(system_id) <= _LONGEST_SYSTEM_ID:
            self.note(place, system_id, f"is no system_id: 1 to {_LONGEST_SYSTEM_ID} characters")
        elif any(each["system_id"] == system_id for each in self.accounts):
            self.note(place, system_id, "is there twice: the first one counts")
        else:
            variable = self.secret(system_id, "password", password)
            kept = {key: value for key, value in settings.items() if value is not None}
            self.accounts.append({"system_id": system_id, "password": variable, **kept})
            return True
        return False

    def unknown(self) -> Iterable[str]:
        """Return the names of variables whose values the old configuration does not have."""
        return [name for name, value in self.variables.items() if not value]

    def text(self, origin: Iterable[str]) -> str:
        """Return the bridge.yaml; *origin* names the files that the configuration was made of."""
        made = f"Made by smppbridge convert from {', '.join(origin)}."
        lines = [f"# {made if made.isprintable() else ascii(made)[1:-1]}"]
        if self.variables:
            lines += ["# Environment variables that it needs:"]
        for name, value in self.variables.items():
            lines.append(f"#   {name}" if value else f"#   {name}: {_UNKNOWN}")
        return "\n".join([*lines, "", *self._written()])

    def environment(self) -> str:
        """Return the variables as systemd's EnvironmentFile has them; secrets are in there."""
        return "".join(
            f"{name}={_quoted(value)}\n" if value else f"# {_UNKNOWN}\n{name}=\n"
            for name, value in self.variables.items()
        )

    def _written(self) -> Iterable[str]:
        values: dict[str, Any] = {
            "smpp": {"listen": "tcp:2775", **self.smpp},
            "web": {"listen": "tcp:8775:interface=127.0.0.1"},
            "callbacks": self.callbacks,
            "store": "sqlite:/var/lib/smppbridge/bridge.db",
            "accounts": self.accounts,
            "providers": self.providers,
            "routes": self.routes,
            "mo": self.mo,
        }
        for key, value in values.items():
            if value:
                yield yaml.safe_dump(
                    {key: _plain(value)}, sort_keys=False, allow_unicode=True, width=100
                )


def unused(name: str, taken: Iterable[str], longest: int = 200) -> str:
    """Return *name*, or *name* with a number behind where *name* is taken."""
    found, number = name[:longest], 1
    while found in taken:
        number += 1
        found = f"{name[: longest - len(str(number)) - 1]}_{number}"
    return found


def _plain(value: Any) -> Any:
    """Return *value* for PyYAML, with dollar signs as the configuration writes them."""
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, Variable):
        return str(value)
    return value.replace("$", "$$") if isinstance(value, str) else value


def _quoted(value: str) -> str:
    """Quote for systemd.exec(5), EnvironmentFile."""
    escaped = re.sub(r'(["\\$`])', r"\\\1", value)
    return f'"{escaped}"'

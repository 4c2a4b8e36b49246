"""Secrets: out of the environment, out of files, as hashes; no secret is logged or quoted here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from smppbridge.model.account import Secret

_REFERENCE = re.compile(r"\$\$|\$\{([^{}]*)(\}?)")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# PHC string format, as argon2's own tools write it.
_ARGON2ID = re.compile(
    r"\$argon2id\$v=19\$m=\d{1,10},t=\d{1,10},p=\d{1,3}\$[A-Za-z0-9+/]+\$[A-Za-z0-9+/]+"
)
_LARGEST = 65_536


class BadSecret(ValueError):
    """A secret cannot be read; the message never quotes a value."""


def expand(text: str, environment: Mapping[str, str]) -> str:
    """Return *text* with variables for ``${NAME}`` and a dollar sign for ``$$``.

    Raises BadSecret.
    """

    def value_of(reference: re.Match[str]) -> str:
        if reference[0] == "$$":
            return "$"
        name, closed = reference[1], reference[2]
        if not closed or not _NAME.fullmatch(name):
            raise BadSecret("${ begins the name of a variable and } ends it; write $$ for a dollar")
        if not environment.get(name):
            raise BadSecret(f"the environment variable {name} is not set, or empty")
        return environment[name]

    return _REFERENCE.sub(value_of, text)


def read_file(path: Path) -> str:
    """Return the text of a file, without the newline that editors leave; raises BadSecret."""
    try:
        with path.open("rb") as file:
            octets = file.read(_LARGEST + 1)
    except OSError as error:
        raise BadSecret(f"the file cannot be read: {error.strerror}") from None
    except ValueError:
        raise BadSecret("not the name of a file") from None
    if len(octets) > _LARGEST:
        raise BadSecret("the file is too long for a secret")
    try:
        text = octets.decode()
    except UnicodeDecodeError:
        raise BadSecret("the file is not UTF-8 text") from None
    return text.removesuffix("\n").removesuffix("\r")


def clear_text(value: Any, folder: Path) -> str:
    """Return a secret given as text or as ``{file: PATH}``, PATH relative to *folder*.

    Raises BadSecret.
    """
    match value:
        case {"file": str(name), **rest} if not rest:
            value = read_file(folder / name)
        case str():
            pass
        case int() | float():
            raise BadSecret("looks like a number: put it in quotes")
        case _:
            raise BadSecret("must be text or {file: PATH}")
    if not value:
        raise BadSecret("is empty")
    if "\0" in value:
        raise BadSecret("has a NUL, which ends a string in SMPP")
    return str(value)


def password(value: Any, folder: Path) -> Secret:
    """Return an account's password: in clear, from a file, or ``{hash: '$argon2id$...'}``.

    Raises BadSecret.
    """
    match value:
        case {"hash": str(hashed), **rest} if not rest:
            if not _ARGON2ID.fullmatch(hashed):
                raise BadSecret(
                    "is not an argon2id hash ($argon2id$v=19$m=...,t=...,p=...$...$...)"
                )
            return Secret(hashed=hashed)
        case {"hash": _, **rest} if rest:  # a flow mapping ends a plain word at its comma
            raise BadSecret("put the hash in quotes: {hash: '$argon2id$...'} has commas")
        case dict() if "file" not in value:
            raise BadSecret("must be text, {hash: '$argon2id$...'} or {file: PATH}")
        case _:
            return Secret(clear=clear_text(value, folder))

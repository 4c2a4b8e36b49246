"""handover: the record with which one process of the bridge hands its sockets to the next.

exec(2) keeps the process and the descriptors that may be inherited; the record lies in one of them,
a memfd, whose number an environment variable has.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, MutableMapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import ClassVar

from pydantic import ConfigDict, TypeAdapter, ValidationError

from smppbridge.net.handed_sessions import HandedSession
from smppbridge.web.keyring import HandedLogin

FORMAT = 1
VARIABLE = "SMPPBRIDGE_HANDOVER"


class BadHandOver(Exception):
    """The record of the process before cannot be read; its ESMEs have to bind again."""


@dataclass(frozen=True, slots=True)
class HandedListener:
    """A listener's name, its endpoint string, and its socket."""

    name: str
    endpoint: str
    fd: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HandOver:
    """The sessions and listeners of a process that were frozen *at* monotonic seconds.

    *fds* are the descriptors of all of them, in every format; *logins* are the sessions of the web
    listener; *pid* is whom the record is for; *key* is the one that passwords are digested with;
    *figures* are those of `handed_figures`, whose form is none of this one's business.
    """

    __pydantic_config__: ClassVar = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    format: int
    fds: tuple[int, ...]
    pid: int
    at: float
    key: bytes = field(repr=False)
    sessions: tuple[HandedSession, ...]
    listeners: tuple[HandedListener, ...]
    logins: tuple[HandedLogin, ...] = ()
    figures: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Adopted:
    """How many sessions of the process before go on, and how many do not, after *gap* seconds."""

    sessions: int
    lost: int
    gap: float


@dataclass(frozen=True, slots=True)
class _AnyFormat:
    """The fields that every format has."""

    format: int
    pid: int
    fds: tuple[int, ...]


_RECORD = TypeAdapter(HandOver)
_ANY = TypeAdapter(_AnyFormat)


def hand_over_of(
    sessions: Iterable[HandedSession],
    listeners: Iterable[HandedListener],
    logins: Iterable[HandedLogin],
    at: float,
    key: bytes,
    figures: bytes = b"",
) -> HandOver:
    """Return the record for the next program of this process."""
    handed, listening = tuple(sessions), tuple(listeners)
    fds = (*(each.fd for each in handed), *(each.fd for each in listening))
    return HandOver(
        format=FORMAT,
        fds=fds,
        pid=os.getpid(),
        at=at,
        key=key,
        sessions=handed,
        listeners=listening,
        logins=tuple(logins),
        figures=figures,
    )


def encode(record: HandOver) -> bytes:
    """Write a record as JSON."""
    return _RECORD.dump_json(record)


def decode(octets: bytes) -> HandOver:
    """Read a record.  Raises BadHandOver; descriptors of a format that is not ours are closed."""
    try:
        known = _ANY.validate_json(octets)
    except ValidationError as error:
        raise BadHandOver("the record cannot be read") from error
    if known.pid != os.getpid():
        raise BadHandOver("the record is for another process")
    try:
        if known.format != FORMAT:
            raise BadHandOver(f"the record has format {known.format}, and {FORMAT} is known here")
        return _RECORD.validate_json(octets)
    except (BadHandOver, ValidationError) as error:
        for fd in known.fds:
            with suppress(OSError):
                os.close(fd)
        reason = str(error) if isinstance(error, BadHandOver) else "the record cannot be read"
        raise BadHandOver(reason) from error


def give(record: HandOver, program: list[str], environ: MutableMapping[str, str]) -> OSError:
    """Become *program*, which takes the record; return the error if that fails.

    The descriptors of a record that failed are this process's alone again.
    """
    memory = -1
    try:
        memory = os.memfd_create("smppbridge-handover", 0)
        with open(memory, "wb", closefd=False) as file:
            file.write(encode(record))
        for fd in record.fds:
            os.set_inheritable(fd, True)
        environ[VARIABLE] = str(memory)
        os.execve(program[0], program, environ)
    except OSError as error:
        environ.pop(VARIABLE, None)
        for fd in record.fds:
            os.set_inheritable(fd, False)
        if memory >= 0:
            os.close(memory)
        return error
    raise AssertionError("execve returns only an error")


def take(environ: MutableMapping[str, str]) -> HandOver | None:
    """Return the record that the process before gave, None if there is none.  Raises BadHandOver.

    The variable goes, so that no child of this process finds it.
    """
    number = environ.pop(VARIABLE, "")
    if not number:
        return None
    try:
        with open(int(number), "rb") as file:
            file.seek(0)
            record = decode(file.read())
        for fd in record.fds:
            os.set_inheritable(fd, False)
    except (OSError, ValueError) as error:
        raise BadHandOver("the record is not there") from error
    return record

"""operations: the table of the API's operations; a decorator fills it, door and openapi read it."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from smppbridge.web.keyring import Requester, Role
from smppbridge.web.request import Outflow

PREFIX = "/api/v1"
_PLACE = re.compile(r"{(\w+)}")


class Sent(BaseModel):
    """The parameters or the body of a request: an unknown name is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Answer(BaseModel):
    """The body of an answer.  No secret is a field of any such model."""

    model_config = ConfigDict(extra="forbid", frozen=True, serialize_by_alias=True)


class NoParameters(Sent):
    """No parameters and no body."""


NOTHING = NoParameters()


@dataclass(frozen=True, slots=True)
class File:
    """An answer that is no JSON: octets, and the name under which a browser saves them."""

    octets: bytes = field(repr=False)
    name: str


@dataclass(frozen=True, slots=True)
class Streamed:
    """An answer that goes on: *begin* is given the way to its peer; *length* is None if unknown.

    Nothing that has to be given back is held before *begin*, which a peer that has gone never sees.
    """

    begin: Callable[[Outflow], object]
    length: int | None = None


def _always() -> bool:
    return True


@dataclass(slots=True, kw_only=True)
class ApiRequest:
    """A request of the API that has passed the door.

    *who* is None where nobody needs to be known, *header* has the request's headers that the
    operation knows, *headers* are whole lines for the answer.  *still* returns whether the same
    caller may make the same request at this moment: an answer that goes on asks now and then.
    """

    ports: Any
    who: Requester | None
    address: str
    secure: bool
    named: Mapping[str, Any] = field(default_factory=dict)
    query: Any = NOTHING
    body: Any = NOTHING
    header: Any = NOTHING
    cookie: str = ""
    headers: bytes = b""
    still: Callable[[], bool] = _always

    @property
    def actor(self) -> str:
        """The name of the person or program that makes the request."""
        return self.who.name if self.who else ""


CarryOut = Callable[[ApiRequest], Awaitable[Any]]
C = TypeVar("C", bound=CarryOut)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiOperation:
    """An operation: its place, who may carry it out, what it takes and answers.

    *roles* is empty where nobody needs to be known.  *audited* operations are written down before
    they are carried out; *refusals* are its own, beside those that the door has for all.  *header*
    has a field for each header, as if_match for If-Match; *media* is the media type of a File or a
    Streamed.
    """

    method: str
    path: str
    roles: frozenset[Role]
    query: type[Sent]
    body: type[BaseModel] | None
    header: type[Sent]
    places: Mapping[str, Any]
    returns: type[Answer] | None
    media: str
    status: int
    refusals: Sequence[int]
    audited: bool
    socket_only: bool
    tag: str
    act: CarryOut

    @property
    def changes(self) -> bool:
        """Whether the operation changes something."""
        return self.method != "GET"

    @property
    def name(self) -> str:
        """The operation's name, unique in the table."""
        return self.act.__name__

    @property
    def summary(self) -> str:
        """The operation in a sentence."""
        return (self.act.__doc__ or "").strip().partition("\n")[0]


class ApiOperations:
    """The table of operations.  Only the decorator writes the table, when modules are imported."""

    def __init__(self) -> None:
        self.all: list[ApiOperation] = []
        self._by_pattern: dict[re.Pattern[str], dict[str, ApiOperation]] = {}
        self._patterns: dict[str, re.Pattern[str]] = {}

    def operation(
        self,
        method: str,
        path: str,
        roles: frozenset[Role],
        *,
        returns: type[Answer] | None,
        query: type[Sent] = NoParameters,
        body: type[BaseModel] | None = None,
        header: type[Sent] = NoParameters,
        places: Mapping[str, Any] | None = None,
        media: str = "application/json",
        status: int = 200,
        refusals: Sequence[int] = (),
        audited: bool | None = None,
        socket_only: bool = False,
        tag: str = "",
    ) -> Callable[[C], C]:
        """Enter the decorated coroutine function into the table."""

        def enter(act: C) -> C:
            operation = ApiOperation(
                method=method,
                path=PREFIX + path,
                roles=roles,
                query=query,
                body=body,
                header=header,
                places=places or {},
                returns=returns,
                media=media,
                status=status,
                refusals=tuple(refusals),
                audited=method != "GET" if audited is None else audited,
                socket_only=socket_only,
                tag=tag or path.split("/")[1],
                act=act,
            )
            self._enter(operation)
            return act

        return enter

    def _enter(self, operation: ApiOperation) -> None:
        if set(_PLACE.findall(operation.path)) != set(operation.places):
            raise ValueError(f"{operation.path}: each place needs its type")
        if any(operation.name == other.name for other in self.all):
            raise ValueError(f"{operation.name} is the name of two operations")
        shape = _PLACE.sub(r"(?P<\1>[^/]+)", re.sub(r"\.", r"\\.", operation.path))
        pattern = self._patterns.setdefault(shape, re.compile(shape))
        methods = self._by_pattern.setdefault(pattern, {})
        if operation.method in methods:
            raise ValueError(f"{operation.method} {operation.path} is there twice")
        methods[operation.method] = operation
        self.all.append(operation)

    def find(self, path: str) -> tuple[Mapping[str, ApiOperation], Mapping[str, str]]:
        """Return the operations of a path by method, and the words in its places; none if unknown.

        A path without places goes before one with places, else the first in the table.
        """
        found: tuple[Mapping[str, ApiOperation], Mapping[str, str]] = ({}, {})
        for pattern, methods in self._by_pattern.items():
            match = pattern.fullmatch(path)
            if match and not match.groupdict():
                return methods, {}
            if match and not found[0]:
                found = methods, match.groupdict()
        return found


def header_name(key: str) -> str:
    """Return the header of a field: If-Match of if_match."""
    return key.replace("_", "-").title()


def read_places(operation: ApiOperation, words: Mapping[str, str]) -> dict[str, Any] | None:
    """Return the values in the places of a path; None if a word is no such value."""
    try:
        return {
            name: TypeAdapter(operation.places[name]).validate_strings(word)
            for name, word in words.items()
        }
    except ValidationError:
        return None


API = ApiOperations()
"""All operations: `web.api` enters them."""

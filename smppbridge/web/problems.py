"""problems: refusals of the API as RFC 9457 has them, each with a name for programs."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus

from pydantic import BaseModel, ConfigDict, Field, ValidationError

PROBLEM_JSON = b"application/problem+json"
_URN = "urn:smppbridge:problem:"

NAMES: dict[int, str] = {
    400: "malformed",
    401: "unauthenticated",
    403: "forbidden",
    404: "not-found",
    405: "wrong-method",
    409: "wrong-state",
    412: "stale",
    415: "unsupported-media",
    421: "wrong-host",
    422: "invalid",
    429: "too-many",
    500: "failed",
    503: "busy",
    504: "too-slow",
}
"""The last word of a problem's type, by its status."""


class Blame(BaseModel):
    """A part of a request and the fault that it has."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    loc: str = Field(description="The place in the request, as verb or message_ids/3")
    msg: str = Field(description="The fault, in words")


class Problem(BaseModel):
    """The answer to a request that is refused (RFC 9457)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: str = Field(description="urn:smppbridge:problem: and a word for programs")
    title: str = Field(description="The status in words")
    status: int = Field(description="The status, as in the answer's first line")
    detail: str | None = Field(default=None, description="The reason, for a person")
    errors: list[Blame] | None = Field(default=None, description="The parts that do not fit")
    reason: str | None = Field(
        default=None, description="Why a message is refused: a word of the list of reasons"
    )


class RequestRefused(Exception):
    """A request is refused with a status and a reason that a stranger may read.

    *headers* are whole lines of the answer, *reason* is that of a refused message.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        errors: Sequence[Blame] = (),
        headers: bytes = b"",
        reason: str | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.detail, self.errors = status, detail, errors
        self.reason = reason
        self.headers = headers
        if status == HTTPStatus.UNAUTHORIZED:
            self.headers += b'WWW-Authenticate: Bearer realm="smppbridge"\r\n'

    def body(self) -> bytes:
        """Return the problem as JSON."""
        problem = Problem(
            type=_URN + NAMES[self.status],
            title=HTTPStatus(self.status).phrase,
            status=self.status,
            detail=self.detail,
            errors=list(self.errors) or None,
            reason=self.reason,
        )
        return problem.model_dump_json(exclude_none=True).encode()


def unfit(error: ValidationError) -> RequestRefused:
    """Return the refusal of a request that does not fit its schema; it quotes no value."""
    blames = [
        Blame(loc="/".join(map(str, each["loc"])), msg=each["msg"])
        for each in error.errors(include_url=False, include_input=False, include_context=False)
    ]
    return RequestRefused(422, "the request does not fit the schema", blames[:20])

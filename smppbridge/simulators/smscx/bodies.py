"""The JSON bodies of SMS.CX's simulator: requests read, answers and errors written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from twisted.web.server import Request

_MAX_BODY = 4 << 20
_DOCUMENTATION = "https://sms.cx/sms-api-documentation/#section/Errors"


class SmsCxFault(Exception):
    """The error for a request: HTTP status, type, code, words, and the bad numbers."""

    def __init__(
        self,
        status: int,
        kind: str,
        code: int,
        words: str,
        invalid: list[str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(words)
        self.status, self.kind, self.code = status, kind, code
        self.invalid, self.headers = invalid, headers or {}

    def document(self) -> dict[str, Any]:
        """Return the error as SMS.CX writes it; each of two clients finds the invalid numbers."""
        error = {
            "type": self.kind,
            "message": str(self),
            "uri": _DOCUMENTATION,
            "code": self.code,
        }
        if self.invalid is None:
            return {"error": error}
        return {"error": {**error, "invalid": self.invalid}, "invalid": self.invalid}


def invalid_param(code: int, words: str, invalid: list[str] | None = None) -> SmsCxFault:
    """Return the fault of a field or a number."""
    return SmsCxFault(400, "invalid_param", code, words, invalid)


def not_found(code: int, words: str) -> SmsCxFault:
    """Return the fault of an unknown id or path."""
    return SmsCxFault(404, "not_found", code, words)


def written(request: Request, document: Any, status: int = 200) -> bytes:
    """Set an answer's headers and return its body."""
    request.setResponseCode(status)
    request.setHeader(b"content-type", b"application/json; charset=utf-8")
    request.setHeader(b"x-request-id", str(uuid4()).encode())
    request.setHeader(b"x-response-time", b"1ms")
    return json.dumps(document, ensure_ascii=False).encode("utf-8", "replace")


def refused(request: Request, fault: SmsCxFault) -> bytes:
    """Set the headers of a *fault* and return its body."""
    for name, value in fault.headers.items():
        request.setHeader(name.encode(), value.encode())
    return written(request, fault.document(), fault.status)


def fields_of(request: Request) -> dict[str, Any]:
    """Return the JSON object in a request; raises SmsCxFault."""
    try:
        document = json.loads(request.content.read(_MAX_BODY)) if request.content else None
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise SmsCxFault(400, "invalid_body", 1605, "The body is not a JSON object")
    return document


def query_of(request: Request) -> dict[str, str]:
    """Return the arguments in the query string."""
    return {
        name.decode("utf-8", "replace"): values[-1].decode("utf-8", "replace")
        for name, values in (request.args or {}).items()
    }


def moment(seconds: float) -> str:
    """Return a time in the form of SMS.CX, in UTC."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}"

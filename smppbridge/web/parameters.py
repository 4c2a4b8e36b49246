"""parameters: query string, body and headers of a request, as its operation has them."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

from pydantic import ValidationError

from smppbridge.web.forms import MAX_FIELDS
from smppbridge.web.operations import NOTHING, ApiOperation, NoParameters, header_name
from smppbridge.web.problems import RequestRefused, unfit
from smppbridge.web.request import JSON, Request


def query_of(request: Request, operation: ApiOperation) -> Any:
    """Return the parameters in the query string; raises RequestRefused."""
    try:
        pairs = parse_qsl(
            request.query_string.decode("latin-1"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=MAX_FIELDS,
        )
    except ValueError:
        raise RequestRefused(422, "the query string cannot be read") from None
    values = dict(pairs)
    if len(values) < len(pairs):
        raise RequestRefused(422, "a parameter is there twice")
    if operation.query is NoParameters and not values:
        return NOTHING
    try:
        return operation.query.model_validate_strings(values)
    except ValidationError as error:
        raise unfit(error) from None


def body_of(request: Request, operation: ApiOperation) -> Any:
    """Return the body; raises RequestRefused."""
    if operation.body is None:
        if request.body:
            raise RequestRefused(422, "this operation takes no body")
        return NOTHING
    media_type = request.header(b"content-type").partition(b";")[0].strip().lower()
    if media_type != JSON:
        raise RequestRefused(415, "send application/json")
    try:
        return operation.body.model_validate_json(bytes(request.body))
    except ValidationError as error:
        raise unfit(error) from None


def header_of(request: Request, operation: ApiOperation) -> Any:
    """Return the headers that the operation knows; raises RequestRefused."""
    if operation.header is NoParameters:
        return NOTHING
    wanted = {key: header_name(key).lower().encode() for key in operation.header.model_fields}
    given = {key: request.header(name).decode("latin-1") for key, name in wanted.items()}
    try:
        return operation.header.model_validate_strings({k: v for k, v in given.items() if v})
    except ValidationError as error:
        raise unfit(error) from None

"""openapi: the API's own description, OpenAPI 3.1, made from the table of its operations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from smppbridge.web.operations import ApiOperation, ApiOperations, Sent, header_name
from smppbridge.web.problems import NAMES, Problem

_REFERENCE = "#/components/schemas/{model}"


def document(operations: ApiOperations, version: str) -> dict[str, Any]:
    """Return the description of all operations."""
    models: dict[tuple[type[BaseModel], JsonSchemaMode], None] = {(Problem, "serialization"): None}
    for operation in operations.all:
        if operation.body:
            models[operation.body, "validation"] = None
        if operation.returns:
            models[operation.returns, "serialization"] = None
    schemas, definitions = models_json_schema(list(models), ref_template=_REFERENCE)
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations.all:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(
            operation, schemas
        )
    return {
        "openapi": "3.1.0",
        "info": {"title": "smppbridge", "version": version},
        "paths": paths,
        "components": {
            "schemas": definitions["$defs"],
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "session": {"type": "apiKey", "in": "cookie", "name": "smppbridge"},
            },
        },
    }


def refusals_of(operation: ApiOperation) -> list[int]:
    """Return the statuses with which an operation can be refused."""
    found = {400, 403, 421, 422, 500, *operation.refusals}
    if operation.roles:
        found.add(401)
    if operation.places:
        found.add(404)
    if operation.body:
        found.add(415)
    if operation.audited:
        found.add(503)
    return sorted(found)


def _operation(operation: ApiOperation, schemas: Mapping[Any, Any]) -> dict[str, Any]:
    written: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "tags": [operation.tag],
        "x-roles": sorted(operation.roles),
        "security": [{"token": []}, {"session": []}] if operation.roles else [],
        "responses": _responses(operation, schemas),
    }
    if parameters := _parameters(operation):
        written["parameters"] = parameters
    if operation.body:
        schema = schemas[operation.body, "validation"]
        written["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": schema}},
        }
    return written


def _parameters(operation: ApiOperation) -> list[dict[str, Any]]:
    named = {key: header_name(key) for key in operation.header.model_fields}
    return [
        *_places(operation),
        *_fields(operation.query, "query", {}),
        *_fields(operation.header, "header", named),
    ]


def _responses(operation: ApiOperation, schemas: Mapping[Any, Any]) -> dict[str, Any]:
    if operation.returns:
        answer = schemas[operation.returns, "serialization"]
    else:
        answer = {"type": "string", "format": "binary"}
    good = {"description": "done", "content": {operation.media: {"schema": answer}}}
    problem = {"application/problem+json": {"schema": schemas[Problem, "serialization"]}}
    return {str(operation.status): good} | {
        str(status): {"description": NAMES[status], "content": problem}
        for status in refusals_of(operation)
    }


def _places(operation: ApiOperation) -> Iterator[dict[str, Any]]:
    for name, kind in operation.places.items():
        yield {
            "name": name,
            "in": "path",
            "required": True,
            "schema": TypeAdapter(kind).json_schema(),
        }


def _fields(model: type[Sent], place: str, names: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    schema = model.model_json_schema()
    for name, each in schema.get("properties", {}).items():
        written = {key: value for key, value in each.items() if key not in ("description", "title")}
        if "anyOf" in written:  # a parameter is absent, never null
            (kind,) = [kind for kind in written.pop("anyOf") if kind.get("type") != "null"]
            written = {k: v for k, v in written.items() if k != "default"} | kind
        parameter = {
            "name": names.get(name, name),
            "in": place,
            "required": name in schema.get("required", []),
            "schema": written,
        }
        if "description" in each:
            parameter["description"] = each["description"]
        yield parameter

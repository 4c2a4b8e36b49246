"""openapi: the API's own description, OpenAPI 3.1, made from the table of its operations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from smppbridge.web.problems import NAMES, Problem
from smppbridge.web.routes import ApiOperation, ApiOperations, Sent, header_name

_REFERENCE = "#/components/schemas/{model}"


def document(routes: ApiOperations, version: str) -> dict[str, Any]:
    """Return the description of all operations."""
    models: dict[tuple[type[BaseModel], JsonSchemaMode], None] = {(Problem, "serialization"): None}
    for route in routes.all:
        if route.body:
            models[route.body, "validation"] = None
        if route.returns:
            models[route.returns, "serialization"] = None
    schemas, definitions = models_json_schema(list(models), ref_template=_REFERENCE)
    paths: dict[str, dict[str, Any]] = {}
    for route in routes.all:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, schemas)
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


def refusals_of(route: ApiOperation) -> list[int]:
    """Return the statuses with which an operation can be refused."""
    found = {400, 403, 421, 422, 500, *route.refusals}
    if route.roles:
        found.add(401)
    if route.places:
        found.add(404)
    if route.body:
        found.add(415)
    if route.audited:
        found.add(503)
    return sorted(found)


def _operation(route: ApiOperation, schemas: Mapping[Any, Any]) -> dict[str, Any]:
    written: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.summary,
        "tags": [route.tag],
        "x-roles": sorted(route.roles),
        "security": [{"token": []}, {"session": []}] if route.roles else [],
        "responses": _responses(route, schemas),
    }
    if parameters := _parameters(route):
        written["parameters"] = parameters
    if route.body:
        schema = schemas[route.body, "validation"]
        written["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": schema}},
        }
    return written


def _parameters(route: ApiOperation) -> list[dict[str, Any]]:
    named = {key: header_name(key) for key in route.header.model_fields}
    return [
        *_places(route),
        *_fields(route.query, "query", {}),
        *_fields(route.header, "header", named),
    ]


def _responses(route: ApiOperation, schemas: Mapping[Any, Any]) -> dict[str, Any]:
    if route.returns:
        answer = schemas[route.returns, "serialization"]
    else:
        answer = {"type": "string", "format": "binary"}
    good = {"description": "done", "content": {route.media: {"schema": answer}}}
    problem = {"application/problem+json": {"schema": schemas[Problem, "serialization"]}}
    return {str(route.status): good} | {
        str(status): {"description": NAMES[status], "content": problem}
        for status in refusals_of(route)
    }


def _places(route: ApiOperation) -> Iterator[dict[str, Any]]:
    for name, kind in route.places.items():
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

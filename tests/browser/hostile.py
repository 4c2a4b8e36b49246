"""Answers of the API in which every text that can be hostile is, made from its own description."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import urlsplit

from tests.browser.stage import HOSTILE

Schema = dict[str, Any]
MOMENT, ID = "2026-11-26T14:05:51.206Z", "7"
REAL = ("/session", "/version", "/openapi.json", "/events")
"""Operations that answer what they answer: without them there is no page."""


def sample(schema: Schema, document: Schema) -> Any:
    """Return a value of a schema: its free texts are hostile, its lists have two elements."""
    if "$ref" in schema:
        return sample(document["components"]["schemas"][schema["$ref"].split("/")[-1]], document)
    for key in ("anyOf", "oneOf", "allOf"):
        if key in schema:
            return sample(
                next(each for each in schema[key] if each.get("type") != "null"), document
            )
    if "enum" in schema or "const" in schema:
        return schema.get("const", schema.get("enum", [None])[0])
    kind = schema.get("type")
    if kind == "object":
        others = schema.get("additionalProperties")
        found = {key: sample(of, document) for key, of in schema.get("properties", {}).items()}
        return found | ({HOSTILE: sample(others, document)} if isinstance(others, dict) else {})
    if kind == "array":
        return [sample(schema["items"], document) for _ in range(2)]
    return {"integer": 3, "number": 0.5, "boolean": True}.get(str(kind)) or _text(schema)


def _text(schema: Schema) -> str:
    if schema.get("description", "").startswith("RFC 3339"):
        return MOMENT
    return ID if schema.get("pattern", "").startswith("^[1-9]") else HOSTILE


def answers(document: Schema) -> dict[re.Pattern[str], str]:
    """Return the hostile answers of all operations that only read, by the pattern of their path."""
    found = {}
    for path, operations in sorted(document["paths"].items()):
        content = operations.get("get", {}).get("responses", {}).get("200", {}).get("content", {})
        name = path.removeprefix("/api/v1")
        if "application/json" in content and name not in REAL:
            body = sample(content["application/json"]["schema"], document)
            if isinstance(body, dict) and "next" in body:
                body["next"] = None
            found[re.compile(re.sub(r"{\w+}", "[^/]+", path))] = json.dumps(body)
    return found


def play(page: Any, document: Schema) -> None:
    """Have a page get hostile answers, and one hostile event of the stream."""
    made = answers(document)
    figures = next(body for each, body in made.items() if each.fullmatch("/api/v1/overview"))
    stream = f"retry: 600000\nevent: overview\ndata: {figures}\n\n"

    def answer(route: Any) -> None:
        path = urlsplit(route.request.url).path
        exact = [body for each, body in made.items() if each.fullmatch(path)]
        if path.endswith("/events"):
            route.fulfill(status=200, content_type="text/event-stream", body=stream)
        elif route.request.method != "GET" or not exact:
            route.continue_()
        else:
            route.fulfill(status=200, content_type="application/json", body=exact[0])

    page.route("**/api/v1/**", answer)

from __future__ import annotations

import json
import re
from typing import Any, get_args

import pytest
from pydantic import RootModel

from smppbridge.web.api.operations import API
from smppbridge.web.keyring import VIEWER
from smppbridge.web.openapi import document
from smppbridge.web.operations import Answer, ApiOperations, ApiRequest
from tests.web.desk import Desk

WRITTEN = document(API, "1.2.3")


def references(part: Any) -> set[str]:
    if isinstance(part, dict):
        own = {part["$ref"]} if "$ref" in part else set()
        return own.union(*map(references, part.values()))
    return set[str]().union(*map(references, part)) if isinstance(part, list) else set()


def test_it_has_each_operation_of_the_table_and_no_other() -> None:
    written = {
        (method.upper(), path) for path, methods in WRITTEN["paths"].items() for method in methods
    }
    assert written == {(operation.method, operation.path) for operation in API.all}
    assert len(written) == len(API.all)


def test_it_is_a_document_of_3_1_that_is_whole() -> None:
    assert WRITTEN["openapi"] == "3.1.0"
    schemas = WRITTEN["components"]["schemas"]
    assert references(WRITTEN) <= {f"#/components/schemas/{name}" for name in schemas}
    for path, methods in WRITTEN["paths"].items():
        for operation in methods.values():
            places = [p["name"] for p in operation.get("parameters", []) if p["in"] == "path"]
            assert places == re.findall(r"{(\w+)}", path)
            assert operation["summary"]
            assert {"200", "202"} & operation["responses"].keys()


def test_a_parameter_is_absent_and_never_null() -> None:
    parameters = WRITTEN["paths"]["/api/v1/messages"]["get"]["parameters"]
    assert {each["name"] for each in parameters} >= {"number", "limit", "cursor", "since"}
    assert "null" not in json.dumps(parameters)


def test_every_model_forbids_more() -> None:
    models = {operation.returns for operation in API.all} | {
        operation.body for operation in API.all
    }
    unions = {each for each in models if each is not None and issubclass(each, RootModel)}
    models = (models - unions).union(
        *(get_args(each.model_fields["root"].annotation) for each in unions)
    )
    open_ones = {
        model.__name__
        for model in models
        if model is not None and model.model_config.get("extra") != "forbid"
    }
    assert open_ones == {"Description"}


def test_it_is_served(desk: Desk) -> None:
    assert desk.call("GET", "/openapi.json", role="viewer").body == WRITTEN


async def one(call: ApiRequest) -> None:
    """One."""


async def other(call: ApiRequest) -> None:
    """Other."""


def test_the_table_takes_no_operation_twice_and_no_place_without_a_type() -> None:
    operations = ApiOperations()
    enter = operations.operation("GET", "/a.b", VIEWER, returns=Answer)
    enter(one)
    with pytest.raises(ValueError, match="name of two"):
        operations.operation("GET", "/c", VIEWER, returns=Answer)(one)
    with pytest.raises(ValueError, match="twice"):
        enter(other)
    with pytest.raises(ValueError, match="needs its type"):
        operations.operation("GET", "/d/{x}", VIEWER, returns=Answer)(other)
    assert operations.find("/api/v1/axb") == ({}, {})


def test_a_path_without_places_goes_first() -> None:
    operations = ApiOperations()
    operations.operation("GET", "/a/{x}", VIEWER, places={"x": str}, returns=Answer)(one)
    operations.operation("GET", "/a/b", VIEWER, returns=Answer)(other)
    assert operations.find("/api/v1/a/b")[0]["GET"].name == "other"
    assert operations.find("/api/v1/a/c")[1] == {"x": "c"}

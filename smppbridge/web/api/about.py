"""about: the version, the API's description, the audit trail."""

from __future__ import annotations

import json
from typing import Any

from pydantic import ConfigDict, Field

from smppbridge.store import audit
from smppbridge.web.api.ports import read
from smppbridge.web.api.shapes import Moment, PageQuery, cursor, moment, next_cursor
from smppbridge.web.keyring import ADMIN, ANYBODY
from smppbridge.web.openapi import document
from smppbridge.web.operations import API, Answer, ApiRequest


class Version(Answer):
    """The program that runs."""

    version: str
    node: str | None = Field(description="Of several that share a store: the one that answers")


class Description(Answer):
    """A document of OpenAPI 3.1."""

    model_config = ConfigDict(extra="allow", frozen=True)

    openapi: str


class AuditItem(Answer):
    """An act of a person or a program."""

    at: Moment
    actor: str
    via: str
    address: str
    action: str
    object: str
    detail: dict[str, Any]


class AuditPage(Answer):
    """Acts, newest first."""

    items: list[AuditItem]
    next: str | None


@API.operation("GET", "/version", ANYBODY, returns=Version)
async def get_version(call: ApiRequest) -> Version:
    """The version of the program."""
    return Version(version=call.ports.version, node=call.ports.node)


@API.operation("GET", "/openapi.json", ANYBODY, returns=Description, tag="version")
async def get_description(call: ApiRequest) -> Description:
    """This description."""
    return Description(**document(API, call.ports.version))


@API.operation("GET", "/audit", ADMIN, query=PageQuery, returns=AuditPage, refusals=(503, 504))
async def list_audit(call: ApiRequest) -> AuditPage:
    """The acts of people and programs, newest first; refused logins too."""
    query: PageQuery = call.query
    rows = await read(call, lambda db: audit.listed(db, query.before(), query.limit))
    items = [
        AuditItem(
            at=moment(row.entry.at),
            actor=row.entry.actor,
            via=row.entry.via,
            address=row.entry.address,
            action=row.entry.action,
            object=row.entry.object,
            detail=json.loads(row.entry.detail),
        )
        for row in rows
    ]
    next_ = next_cursor(rows, query.limit, lambda row: cursor(row.id))
    return AuditPage(items=items, next=next_)

"""about: the version, the API's description, the overview, the audit trail."""

from __future__ import annotations

import json
from typing import Any

from pydantic import ConfigDict, Field

from smppbridge.store import audit
from smppbridge.web.api.ports import read
from smppbridge.web.api.shapes import Moment, PageQuery, cursor, moment
from smppbridge.web.keyring import ADMIN, ANYBODY, VIEWER
from smppbridge.web.openapi import document
from smppbridge.web.routes import ROUTES, Answer, Call


class Version(Answer):
    """The program that runs."""

    version: str


class Description(Answer):
    """A document of OpenAPI 3.1."""

    model_config = ConfigDict(extra="allow", frozen=True)

    openapi: str


class FlowCounts(Answer):
    """How many messages are at each stage that has not ended."""

    gathering: int
    waiting: int
    submitting: int


class Overview(Answer):
    """The state of the bridge."""

    at: Moment
    ready: bool
    checks: dict[str, bool] = Field(description="The conditions for messages to be accepted")
    flow: FlowCounts
    uncertain: int = Field(description="Messages that may or may not have been sent")
    owed: int = Field(description="Receipts and MO messages that wait for their ESME")
    binds: int = Field(description="Sessions that are bound")
    oldest_seconds: float = Field(description="How long the oldest message in memory waits")
    disk: dict[str, int] = Field(description="Octets: of the store, its log, and free ones")


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


@ROUTES.operation("GET", "/version", ANYBODY, returns=Version)
async def get_version(call: Call) -> Version:
    """The version of the program."""
    return Version(version=call.ports.version)


@ROUTES.operation("GET", "/openapi.json", ANYBODY, returns=Description, tag="version")
async def get_description(call: Call) -> Description:
    """This description."""
    return Description(**document(ROUTES, call.ports.version))


@ROUTES.operation("GET", "/overview", VIEWER, returns=Overview)
async def get_overview(call: Call) -> Overview:
    """The state of the bridge in figures."""
    ports = call.ports
    figures, checks, now = ports.figures(), dict(ports.ready()), ports.clock.wall()
    ages = [now - lane.oldest for lane in ports.lanes.by_name.values() if lane.oldest is not None]
    return Overview(
        at=moment(now),
        ready=all(checks.values()),
        checks=checks,
        flow=FlowCounts(
            gathering=ports.gathering(), waiting=ports.lanes.depth, submitting=ports.lanes.out
        ),
        uncertain=int(figures.get("uncertain", 0)),
        owed=sum(outbox.depth for outbox in ports.outboxes.values()),
        binds=sum(bool(session.kind) for session in ports.sessions.listed()),
        oldest_seconds=max(0.0, *ages, 0.0),
        disk={
            name: int(figures[key])
            for name, key in (("store", "bytes"), ("log", "wal_bytes"), ("free", "free_bytes"))
            if key in figures
        },
    )


@ROUTES.operation("GET", "/audit", ADMIN, query=PageQuery, returns=AuditPage, refusals=(503, 504))
async def list_audit(call: Call) -> AuditPage:
    """Who did what, newest first; refused logins too."""
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
    return AuditPage(items=items, next=cursor(rows[-1].id) if len(rows) == query.limit else None)

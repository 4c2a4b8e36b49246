"""cdr: the files with a record of every message, and whether they and the store agree."""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import datetime
from typing import Annotated, Protocol

from pydantic import Field

from smppbridge.web.api.shapes import PageQuery, Rfc3339
from smppbridge.web.keyring import BILLING
from smppbridge.web.operations import API, Answer, ApiRequest, Sent, Streamed

CdrName = Annotated[
    str, Field(pattern=r"^cdr-[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}(-late[0-9]{1,6})?\.(jsonl|csv)$")
]
OCTETS = "application/octet-stream"


class CdrFile(Answer):
    """A file of an hour (UTC) by the final time of its messages."""

    file: CdrName
    records: int
    segments: int = Field(description="To bill")
    sha256: str
    octets: int | None = Field(description="Absent: the file is not there any more")


class CdrFiles(Answer):
    """Files, the newest first."""

    items: list[CdrFile]
    next: str | None
    folder: str | None = Field(description="Absent: the bridge writes no such files")


class ReconciliationQuery(Sent):
    """Which messages, by the time at which they were accepted."""

    from_: Rfc3339 | None = Field(default=None, alias="from", description="Then or later")
    to: Rfc3339 | None = Field(default=None, description="Before")


class SegmentFigures(Answer):
    """Segments: accepted = exported + finished + open + gathering, if none is lost."""

    accepted: int
    exported: int = Field(description="In files")
    finished: int = Field(description="FINISHED, and due for a file")
    open: int
    gathering: int = Field(description="They wait for the rest of their messages")
    balanced: bool


class CdrReconciliation(Answer):
    """The figures by account; files that are not as the manifest says are faults."""

    balanced: bool
    accounts: dict[str, SegmentFigures]
    all: SegmentFigures
    faults: list[str]
    more_faults: int


class CdrPort(Protocol):
    """The CDR files of a bridge; each method raises RequestRefused."""

    def files(self, limit: int, before: int | None) -> Awaitable[CdrFiles]:
        """Return a page of the files."""

    def download(self, call: ApiRequest, name: str) -> Awaitable[Streamed]:
        """Return a file."""

    def reconcile(
        self, since: datetime | None, until: datetime | None
    ) -> Awaitable[CdrReconciliation]:
        """Compare the files with the store."""


@API.operation("GET", "/cdr", BILLING, query=PageQuery, returns=CdrFiles, refusals=(409,))
async def list_cdr_files(call: ApiRequest) -> CdrFiles:
    """The files that are whole, the newest first."""
    found: CdrFiles = await call.ports.cdr.files(call.query.limit, call.query.before())
    return found


@API.operation(
    "GET",
    "/cdr/reconciliation",
    BILLING,
    query=ReconciliationQuery,
    returns=CdrReconciliation,
    refusals=(409, 503, 504),
)
async def reconcile_cdr(call: ApiRequest) -> CdrReconciliation:
    """Compare the files with the store; takes some seconds, one at a time."""
    query: ReconciliationQuery = call.query
    found: CdrReconciliation = await call.ports.cdr.reconcile(query.from_, query.to)
    return found


@API.operation(
    "GET",
    "/cdr/{file}",
    BILLING,
    places={"file": CdrName},
    returns=None,
    media=OCTETS,
    refusals=(409, 503),
    audited=True,
)
async def download_cdr_file(call: ApiRequest) -> Streamed:
    """A file; only one of the manifest."""
    found: Streamed = await call.ports.cdr.download(call, call.named["file"])
    return found

"""The parts of a bridge that some operations use, played."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from smppbridge.web.api.cdr import CdrFile, CdrFiles, CdrReconciliation, SegmentFigures
from smppbridge.web.api.configuration import (
    ChangeItem,
    ConfigurationChanges,
    ConfigurationCheck,
    ConfigurationPage,
    ConfigurationQuery,
    FaultItem,
    SettingItem,
)
from smppbridge.web.api.doctor import Diagnoses, DiagnosisItem
from smppbridge.web.api.restart import RestartState, TakenUp
from smppbridge.web.api.traces import TracedPacket, TracedPackets, TraceItem, TraceOrder
from smppbridge.web.operations import ApiRequest, Streamed
from smppbridge.web.problems import RequestRefused
from smppbridge.web.request import Outflow

MOST_TRACES = 4
TAG = "0123456789abcdef"


@dataclass
class PlayedTraces:
    """Trace 1, and those that are started."""

    items: dict[int, TraceItem] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.start(TraceOrder(of="account", value="bank"), "ann")

    def start(self, order: TraceOrder, by: str) -> TraceItem:
        if len(self.items) >= MOST_TRACES:
            raise RequestRefused(409, "4 traces run already: stop one")
        number = max(self.items, default=0) + 1
        item = TraceItem(
            id=str(number),
            by=by,
            began_at="2026-11-26T14:05:51.206Z",
            seconds_left=order.seconds,
            packets=0,
            octets=0,
            ended=None,
            **order.model_dump(exclude={"seconds"}),
        )
        self.items[number] = item
        return item

    def all(self) -> list[TraceItem]:
        return list(self.items.values())

    def view(self, number: int) -> TraceItem:
        if number not in self.items:
            raise RequestRefused(404, f"there is no trace {number}")
        return self.items[number]

    def read(self, number: int, after: int, most: int) -> TracedPackets:
        self.view(number)
        fields: dict[str, Any] = {"at": "x", "line": "bank#1", "inbound": True, "words": ""}
        packets = [
            TracedPacket(n=n, protocol="smpp", text="EnquireLink", octets="00", **fields)
            for n in range(after, min(after + most, 3))
        ]
        reached = after + len(packets)
        return TracedPackets(items=packets, next=f"{reached:x}", more=True)

    async def pcapng(self, number: int) -> bytes:
        self.view(number)
        return b"\n\r\r\n"

    def stop(self, number: int) -> TraceItem:
        self.items[number] = self.view(number).model_copy(update={"ended": "stopped"})
        return self.items[number]

    def forget(self, number: int) -> None:
        self.view(number)
        del self.items[number]


@dataclass
class PlayedConfiguration:
    """A file in which one setting has changed."""

    applied: list[str] = field(default_factory=list)

    async def page(self, query: ConfigurationQuery) -> ConfigurationPage:
        items = [SettingItem(key="accounts[0].password", value="secret", origin="env")]
        return ConfigurationPage(
            items=items[: query.limit], next=None, file="bridge.yaml", applied_at="x", changed=True
        )

    async def changes(self) -> tuple[str | None, ConfigurationChanges]:
        change = ChangeItem(key="accounts[bank].window", old="100", new=None, takes="now")
        return TAG, ConfigurationChanges(changes=[change], refused=None, faults=[])

    async def check(self) -> ConfigurationCheck:
        fault = FaultItem(file="bridge.yaml", line=3, key="x", message="unknown key", warning=False)
        return ConfigurationCheck(ok=False, faults=[fault])

    async def apply(self, tag: str | None) -> ConfigurationChanges:
        if tag not in (None, TAG):
            raise RequestRefused(412, "the file has changed")
        self.applied.append(tag or "as it is now")
        return (await self.changes())[1]


@dataclass
class PlayedDoctor:
    """An examination that does not end."""

    running: bool = False

    def last(self) -> Diagnoses:
        item = DiagnosisItem(check="clock", subject="", verdict="look", says="off", advice="ntp")
        return Diagnoses(at="x", running=self.running, failed=None, items=[item])

    def start(self) -> None:
        if self.running:
            raise RequestRefused(409, "an examination is under way")
        self.running = True


@dataclass
class PlayedRestart:
    """A restart that is refused if *why* says so."""

    why: str = ""
    under_way: bool = False

    def state(self) -> RestartState:
        return RestartState(
            instance="1",
            version="1.2.3",
            started_at="x",
            possible=True,
            under_way=self.under_way,
            refused=self.why or None,
            refused_at="x" if self.why else None,
            taken_up=TakenUp(sessions=2, lost=0, gap_seconds=0.5),
        )

    async def start(self) -> None:
        if self.why:
            raise RequestRefused(409, self.why)
        self.under_way = True


@dataclass
class PlayedCdr:
    """Two files."""

    asked: list[object] = field(default_factory=list)

    async def files(self, limit: int, before: int | None) -> CdrFiles:
        items = [
            CdrFile(file=f"cdr-2026-11-26T{n}.jsonl", records=n, segments=n, sha256="", octets=n)
            for n in (14, 13)
        ]
        return CdrFiles(items=items[:limit], next=None, folder="/cdr")

    async def download(self, call: ApiRequest, name: str) -> Streamed:
        if name != "cdr-2026-11-26T14.jsonl":
            raise RequestRefused(404, "no such file is in the manifest")

        def begin(outflow: Outflow) -> None:
            outflow.push(b"{}\n")
            outflow.end()

        return Streamed(begin, 3)

    async def reconcile(self, since: datetime | None, until: datetime | None) -> CdrReconciliation:
        self.asked.append((since, until))
        figures = SegmentFigures(
            accepted=1, exported=1, finished=0, open=0, gathering=0, balanced=True
        )
        return CdrReconciliation(
            balanced=True, accounts={"bank": figures}, all=figures, faults=[], more_faults=0
        )

"""overview: the bridge at a glance: alarms, rates, where messages are, providers and accounts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from smppbridge.web.api.accounts import AccountItem, account_items
from smppbridge.web.api.alarms import Alarm, Situation, alarms_of
from smppbridge.web.api.live import StoredCounts
from smppbridge.web.api.ports import ApiPorts
from smppbridge.web.api.providers import ProviderItem, provider_items
from smppbridge.web.api.shapes import Moment, Spread, moment, spread
from smppbridge.web.keyring import VIEWER
from smppbridge.web.operations import API, Answer, ApiRequest

MOST_NOTES = 20


class FlowCounts(Answer):
    """How many messages are at each place; absent: the store cannot be read now."""

    gathering: int = Field(description="Long messages that wait for segments")
    waiting: int = Field(description="In the lanes of providers")
    submitting: int = Field(description="Requests that providers have not answered")
    submitted: int | None = Field(description="With a provider, without a final report")
    finished_today: int | None = Field(description="Since midnight UTC")


class RatesNow(Answer):
    """How many a second, as a mean of the last five seconds."""

    accepted: float = Field(description="submit_sm answered ESME_ROK")
    taken: float = Field(description="Messages that providers accepted")
    receipts: float = Field(description="deliver_sm that ESMEs acknowledged")
    refused: float = Field(description="submit_sm refused")


class NoteItem(Answer):
    """A warning or an error of the log."""

    id: int = Field(description="Counts up from the start of the bridge")
    at: str
    level: Literal["warning", "error", "critical"]
    event: str
    facts: dict[str, Any]


class Overview(Answer):
    """The state of the bridge."""

    at: Moment
    version: str
    node: str | None = Field(
        description="Of several that share a store: the one that these figures are of"
    )
    started_at: Moment
    ready: bool
    checks: dict[str, bool] = Field(description="The conditions for messages to be accepted")
    alarms: list[Alarm]
    rates: RatesNow
    flow: FlowCounts
    answer_seconds: Spread = Field(description="From submit_sm to its answer, in the last minute")
    delivered_ratio: float | None = Field(description="Of the messages finished in the last hour")
    uncertain: int = Field(description="Messages that may or may not have been sent")
    owed: int = Field(description="Receipts and MO messages that wait for their ESME")
    binds: int = Field(description="Sessions that are bound")
    oldest_seconds: float = Field(description="How long the oldest message in memory waits")
    providers: list[ProviderItem]
    accounts: list[AccountItem]
    notes: list[NoteItem] = Field(description="The last warnings and errors of the log")
    disk: dict[str, int] = Field(description="Octets: of the store, its log, and free ones")


@API.operation("GET", "/overview", VIEWER, returns=Overview)
async def get_overview(call: ApiRequest) -> Overview:
    """The state of the bridge in figures."""
    return await overview_of(call.ports)


async def overview_of(ports: ApiPorts) -> Overview:
    """Return the state of the bridge in figures."""
    figures, checks, now = ports.figures(), dict(ports.ready()), ports.clock.wall()
    live, pulse = ports.live, ports.live.pulse
    ages = [now - lane.oldest for lane in ports.lanes.by_name.values() if lane.oldest is not None]
    providers, accounts = provider_items(ports), account_items(ports)
    uncertain = int(figures.get("uncertain", 0))
    situation = Situation(
        checks=checks,
        providers=providers,
        accounts=accounts,
        uncertain=uncertain,
        free=figures.get("free_bytes"),
        expiring=live.expiring(),
        applied_well=live.applied_well(),
    )
    return Overview(
        at=moment(now),
        version=ports.version,
        node=ports.node,
        started_at=moment(live.started_at),
        ready=all(checks.values()),
        checks=checks,
        alarms=alarms_of(situation),
        rates=RatesNow(**pulse.rates()),
        flow=_flow(ports, await live.counted()),
        answer_seconds=spread(pulse.answers()),
        delivered_ratio=pulse.delivered_ratio(),
        uncertain=uncertain,
        owed=sum(account.owed.count for account in accounts),
        binds=sum(sum(account.binds.values()) for account in accounts),
        oldest_seconds=max(0.0, *ages, 0.0),
        providers=providers,
        accounts=accounts,
        notes=note_items(ports)[:MOST_NOTES],
        disk=_disk(figures),
    )


def _flow(ports: ApiPorts, stored: StoredCounts | None) -> FlowCounts:
    return FlowCounts(
        gathering=ports.gathering(),
        waiting=ports.lanes.depth,
        submitting=ports.lanes.out,
        submitted=stored.submitted if stored else None,
        finished_today=stored.finished_today if stored else None,
    )


def _disk(figures: Mapping[str, float]) -> dict[str, int]:
    keys = (("store", "bytes"), ("log", "wal_bytes"), ("free", "free_bytes"))
    return {name: int(figures[key]) for name, key in keys if key in figures}


def note_items(ports: ApiPorts) -> list[NoteItem]:
    """Return the last warnings and errors of the log, the newest first."""
    last = ports.live.noted
    return [_note(last - behind, each) for behind, each in enumerate(ports.live.notes())]


def _note(id: int, event: Mapping[str, Any]) -> NoteItem:
    facts = {key: each for key, each in event.items() if key not in ("ts", "level", "event")}
    return NoteItem(id=id, at=event["ts"], level=event["level"], event=event["event"], facts=facts)

"""providers: their lanes, as they are now; paused, resumed and probed by hand."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from smppbridge.relay.lanes.lane import Lane
from smppbridge.store import audit
from smppbridge.web.api.ports import Ports, write
from smppbridge.web.api.shapes import Done, Moment, Name, maybe
from smppbridge.web.keyring import OPERATOR, VIEWER
from smppbridge.web.problems import Refusal
from smppbridge.web.routes import ROUTES, Answer, Call

LaneState = Literal["up", "probing", "open", "held", "paused", "credit_low", "refusing", "unbound"]
"""Up; down, but for a probe; down; paused by a person; told to wait; without credit; refusing
every message; an upstream SMSC without a session."""


class CreditLeft(Answer):
    """Credit left at a provider."""

    amount: float
    unit: str
    expires_at: Moment | None


class WaitingCount(Answer):
    """The messages that wait for a provider."""

    messages: int
    oldest_seconds: float | None


class ProviderItem(Answer):
    """A provider and its lane."""

    name: str
    type: str
    state: LaneState
    refusing: str | None = Field(description="The provider's reason for refusing every message")
    paused_seconds: float = Field(description="How long the lane waits, as the provider told it")
    waiting: WaitingCount
    in_flight: int
    concurrency: int
    rate: float | None = Field(description="Segments a second, at most")
    balance: CreditLeft | None


class Providers(Answer):
    """All providers."""

    items: list[ProviderItem]


_NAMED = {"name": Name}


@ROUTES.operation("GET", "/providers", VIEWER, returns=Providers)
async def list_providers(call: Call) -> Providers:
    """All providers."""
    lanes = call.ports.lanes.by_name
    return Providers(items=[_item(call, lane) for lane in lanes.values()])


@ROUTES.operation("GET", "/providers/{name}", VIEWER, places=_NAMED, returns=ProviderItem)
async def get_provider(call: Call) -> ProviderItem:
    """One provider."""
    return _item(call, _lane(call))


@ROUTES.operation("POST", "/providers/{name}/pause", OPERATOR, places=_NAMED, returns=Done)
async def pause_provider(call: Call) -> Done:
    """Let nothing leave to a provider; its messages wait, or go to the next on their route."""
    name, at, actor = _lane(call).name, call.ports.clock.wall(), call.actor
    await write(call, lambda db: audit.pause(db, name, at, actor))
    call.ports.lanes.hold(name, held=True)
    return Done()


@ROUTES.operation("POST", "/providers/{name}/resume", OPERATOR, places=_NAMED, returns=Done)
async def resume_provider(call: Call) -> Done:
    """Let messages leave to a provider again."""
    name = _lane(call).name
    await write(call, lambda db: audit.resume(db, name))
    call.ports.lanes.hold(name, held=False)
    return Done()


@ROUTES.operation("POST", "/providers/{name}/probe", OPERATOR, places=_NAMED, returns=Done)
async def probe_provider(call: Call) -> Done:
    """Let a probe leave to a provider that is down, without waiting longer."""
    call.ports.lanes.probe(_lane(call).name)
    return Done()


def _lane(call: Call) -> Lane:
    lane: Lane | None = call.ports.lanes.by_name.get(call.named["name"])
    if lane is None:
        raise Refusal(404, "there is no such provider")
    return lane


def _item(call: Call, lane: Lane) -> ProviderItem:
    ports, balance = call.ports, call.ports.balances().get(lane.name)
    now, oldest = ports.clock.monotonic(), lane.oldest
    age = None if oldest is None else max(0.0, ports.clock.wall() - oldest)
    return ProviderItem(
        name=lane.name,
        type=ports.types().get(lane.name, ""),
        state=state_of(ports, lane, now),
        refusing=lane.refusing or None,
        paused_seconds=max(0.0, lane.paused_until - now),
        waiting=WaitingCount(messages=lane.depth, oldest_seconds=age),
        in_flight=lane.out,
        concurrency=lane.concurrency.limit,
        rate=lane.rules.rate,
        balance=balance
        and CreditLeft(
            amount=balance.amount, unit=balance.unit, expires_at=maybe(balance.expires_at)
        ),
    )


def state_of(ports: Ports, lane: Lane, now: float) -> LaneState:
    """Return the state of a lane at *now* (monotonic seconds)."""
    states: tuple[tuple[LaneState, bool], ...] = (
        ("held", lane.held),
        ("open", lane.breaker.is_open(now)),
        ("probing", not lane.breaker.is_closed),
        ("unbound", not ports.upstream_up(lane.name)),
        ("paused", lane.paused_until > now),
        ("refusing", bool(lane.refusing)),
        ("credit_low", lane.is_low),
    )
    return next((name for name, holds in states if holds), "up")

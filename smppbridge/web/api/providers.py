"""providers: their lanes, as they are now; paused, resumed and probed by hand."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from smppbridge.providers.exchange import Abilities
from smppbridge.relay.lanes.lane import Lane
from smppbridge.store import audit
from smppbridge.store.port import StoreFailure
from smppbridge.web.api.live import ShownError
from smppbridge.web.api.ports import ApiPorts, write
from smppbridge.web.api.shapes import MessageId, Moment, Name, Spread, maybe, moment, spread
from smppbridge.web.keyring import OPERATOR, VIEWER
from smppbridge.web.operations import API, Answer, ApiRequest
from smppbridge.web.problems import RequestRefused

LaneState = Literal["up", "probing", "open", "held", "paused", "credit_low", "refusing", "unbound"]
"""Up; down, but for a probe; down; paused by a person; told to wait; without credit; refusing
every message; an upstream SMSC without a session."""


class CreditLeft(Answer):
    """Credit left at a provider."""

    amount: float
    unit: str
    at: Moment | None = Field(description="When the provider told it")
    days_left: float | None = Field(description="How long it lasts at the pace of the last day")
    expires_at: Moment | None


class WaitingCount(Answer):
    """The messages that wait for a provider."""

    messages: int
    oldest_seconds: float | None


class BreakerFacts(Answer):
    """The breaker of a lane: it opens after failures in a row."""

    state: Literal["closed", "open", "half_open"]
    failures: int = Field(description="Failures in a row")
    opens_after: int | None = Field(description="Failures that open it; absent: none do")
    since: Moment | None = Field(description="When it opened")
    next_probe_at: Moment | None


class ReportFacts(Answer):
    """The reports of a provider."""

    by: list[Literal["callback", "pull", "poll", "session"]]
    unmatched_1h: int = Field(description="Reports of the last hour that belong to no message")
    until_final: Spread = Field(description="Seconds from the acceptance to the final report")


class ErrorItem(Answer):
    """A request to a provider that came to nothing."""

    at: Moment
    kind: str = Field(
        description="not_sent, no_answer, refused, postponed, uncertain, or mixed for a batch"
    )
    reason: str
    words: str | None = Field(description="The provider's own, if log.words is on")
    http_status: int | None
    seconds: float
    message_id: MessageId = Field(description="The first message of the request")
    messages: int


class ErrorList(Answer):
    """The last errors of a provider, newest first."""

    items: list[ErrorItem]


class ProviderItem(Answer):
    """A provider and its lane."""

    name: str
    type: str
    state: LaneState
    refusing: str | None = Field(description="The provider's reason for refusing every message")
    paused_seconds: float = Field(description="How long the lane waits, as the provider told it")
    breaker: BreakerFacts
    waiting: WaitingCount
    in_flight: int
    concurrency: int
    rate: float | None = Field(description="Segments a second, at most")
    answer_seconds: Spread = Field(description="Of the last minute")
    outcomes: dict[str, float] = Field(description="Requests a second by their outcome")
    balance: CreditLeft | None
    reports: ReportFacts
    last_error: ErrorItem | None


class Providers(Answer):
    """All providers."""

    items: list[ProviderItem]


_NAMED = {"name": Name}
HOLD, PROBE = "hold", "probe"
"""The acts that other bridges of the store are asked for."""
_ANSWERED_WITHIN = 3.0


class SwitchedNodes(Answer):
    """The act has been carried out; where several bridges share a store, by these nodes."""

    nodes: list[str] = Field(description="That have done it; empty where there is one bridge")
    silent: list[str] = Field(
        description="That have not answered in time; they do it as soon as they can"
    )


@API.operation("GET", "/providers", VIEWER, returns=Providers)
async def list_providers(call: ApiRequest) -> Providers:
    """All providers."""
    return Providers(items=provider_items(call.ports))


@API.operation("GET", "/providers/{name}", VIEWER, places=_NAMED, returns=ProviderItem)
async def get_provider(call: ApiRequest) -> ProviderItem:
    """One provider."""
    return _item(call.ports, _lane(call))


@API.operation("GET", "/providers/{name}/errors", VIEWER, places=_NAMED, returns=ErrorList)
async def list_errors(call: ApiRequest) -> ErrorList:
    """The last requests to a provider that came to nothing."""
    return ErrorList(items=[_error(each) for each in call.ports.live.errors(_lane(call).name)])


@API.operation("POST", "/providers/{name}/pause", OPERATOR, places=_NAMED, returns=SwitchedNodes)
async def pause_provider(call: ApiRequest) -> SwitchedNodes:
    """Let nothing leave to a provider; its messages wait, or go to the next on their route."""
    name, at, actor = _lane(call).name, call.ports.clock.wall(), call.actor
    await write(call, lambda db: audit.pause(db, name, at, actor))
    call.ports.lanes.hold(name, held=True)
    return await _everywhere(call, HOLD)


@API.operation("POST", "/providers/{name}/resume", OPERATOR, places=_NAMED, returns=SwitchedNodes)
async def resume_provider(call: ApiRequest) -> SwitchedNodes:
    """Let messages leave to a provider again."""
    name = _lane(call).name
    await write(call, lambda db: audit.resume(db, name))
    call.ports.lanes.hold(name, held=False)
    return await _everywhere(call, HOLD)


@API.operation("POST", "/providers/{name}/probe", OPERATOR, places=_NAMED, returns=SwitchedNodes)
async def probe_provider(call: ApiRequest) -> SwitchedNodes:
    """Let a probe leave to a provider that is down, without waiting longer."""
    call.ports.lanes.probe(_lane(call).name)
    return await _everywhere(call, PROBE)


@API.operation(
    "POST",
    "/providers/{name}/balance",
    OPERATOR,
    places=_NAMED,
    returns=CreditLeft,
    refusals=(409, 504),
)
async def ask_balance(call: ApiRequest) -> CreditLeft:
    """Ask a provider for the credit that is left there."""
    lane = _lane(call)
    name, tells = lane.name, lane.provider.abilities.balance
    if why := await call.ports.live.ask_balance(name):
        raise RequestRefused(504 if tells else 409, why)
    balance = _balance(call.ports, name)
    if balance is None:
        raise RequestRefused(409, f"{name} was taken out of the configuration meanwhile")
    return balance


async def _everywhere(call: ApiRequest, act: str) -> SwitchedNodes:
    """Have the other nodes do the same act."""
    body = {"provider": call.named["name"]}
    try:
        found = await call.ports.relay.others.ask(None, act, body, _ANSWERED_WITHIN)
    except StoreFailure:
        raise RequestRefused(503, "done here; the other nodes could not be asked now") from None
    own = [call.ports.node] if call.ports.node else []
    return SwitchedNodes(nodes=sorted([*own, *found.by_name]), silent=list(found.silent))


def provider_items(ports: ApiPorts) -> list[ProviderItem]:
    """Return all providers as the API shows them."""
    return [_item(ports, lane) for lane in ports.lanes.by_name.values()]


def _lane(call: ApiRequest) -> Lane:
    lane: Lane | None = call.ports.lanes.by_name.get(call.named["name"])
    if lane is None:
        raise RequestRefused(404, "there is no such provider")
    return lane


def _item(ports: ApiPorts, lane: Lane) -> ProviderItem:
    now, oldest, pulse = ports.clock.monotonic(), lane.oldest, ports.live.pulse
    age = None if oldest is None else max(0.0, ports.clock.wall() - oldest)
    errors = ports.live.errors(lane.name)
    return ProviderItem(
        name=lane.name,
        type=ports.types().get(lane.name, ""),
        state=state_of(ports, lane, now),
        refusing=lane.refusing or None,
        paused_seconds=max(0.0, lane.paused_until - now),
        breaker=_breaker(ports, lane, now),
        waiting=WaitingCount(messages=lane.depth, oldest_seconds=age),
        in_flight=lane.out,
        concurrency=lane.concurrency.limit,
        rate=lane.rules.rate,
        answer_seconds=spread(pulse.provider_answers(lane.name)),
        outcomes=dict(pulse.outcomes(lane.name)),
        balance=_balance(ports, lane.name),
        reports=ReportFacts(
            by=_ways(lane.provider.abilities),
            unmatched_1h=pulse.unmatched(lane.name),
            until_final=spread(pulse.until_final(lane.name)),
        ),
        last_error=_error(errors[0]) if errors else None,
    )


def _breaker(ports: ApiPorts, lane: Lane, now: float) -> BreakerFacts:
    breaker, wall = lane.breaker, ports.clock.wall()
    since, probes_at = breaker.opened_at, breaker.probes_at
    is_open = breaker.is_open(now)
    return BreakerFacts(
        state="open" if is_open else "closed" if breaker.is_closed else "half_open",
        failures=breaker.failures,
        opens_after=breaker.rules.failures,
        since=None if since is None else moment(wall - (now - since)),
        next_probe_at=None if probes_at is None else moment(max(wall, wall + probes_at - now)),
    )


def _balance(ports: ApiPorts, name: str) -> CreditLeft | None:
    balance = ports.balances().get(name)
    if balance is None:
        return None
    return CreditLeft(
        amount=balance.amount,
        unit=balance.unit,
        at=maybe(ports.live.balanced_at(name)),
        days_left=ports.live.days_left().get(name),
        expires_at=maybe(balance.expires_at),
    )


def _ways(abilities: Abilities) -> list[Literal["callback", "pull", "poll", "session"]]:
    ways: tuple[tuple[Literal["callback", "pull", "poll", "session"], bool], ...] = (
        ("session", abilities.bound),
        ("callback", abilities.callbacks),
        ("pull", abilities.pulling),
        ("poll", abilities.polling),
    )
    return [way for way, there in ways if there]


def _error(error: ShownError) -> ErrorItem:
    return ErrorItem(
        at=moment(error.at),
        kind=error.kind,
        reason=error.reason,
        words=error.words or None,
        http_status=error.http_status,
        seconds=error.seconds,
        message_id=str(error.message_id),
        messages=error.messages,
    )


def state_of(ports: ApiPorts, lane: Lane, now: float) -> LaneState:
    """Return the state of a lane in a word."""
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

"""accounts: ESMEs and their sessions, as they are now; sessions unbound by hand."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from smppbridge.model.account import Account
from smppbridge.web.api.live import CountedOddity
from smppbridge.web.api.ports import ApiPorts, SessionFacts
from smppbridge.web.api.refused_binds import RefusedBindItem, refused_items
from smppbridge.web.api.shapes import Done, Moment, Name, Spread, moment, spread
from smppbridge.web.keyring import OPERATOR, VIEWER
from smppbridge.web.operations import API, Answer, ApiRequest, Sent
from smppbridge.web.problems import RequestRefused

MOST_REFUSED = 50
SessionId = Annotated[str, Field(pattern=r"^[1-9][0-9]{0,17}$")]


class WindowUse(Answer):
    """How many requests are unanswered, and how many may be."""

    used: int
    of: int


class SessionItem(Answer):
    """A connection of an ESME."""

    id: SessionId
    account: str | None = Field(description="Absent before the bind")
    kind: str | None = Field(description="transmitter, receiver or transceiver")
    address: str
    tls: bool
    since: Moment
    interface_version: str = Field(description="As 3.4")
    window_in: WindowUse
    window_out: WindowUse
    last_heard_seconds: float
    refused_pdus: int
    oddities: list[str]


class EsmeSessions(Answer):
    """Connections of ESMEs."""

    items: list[SessionItem]


class SessionsQuery(Sent):
    """Which sessions."""

    account: Name | None = None


class ThroughputNow(Answer):
    """submit_sm a second: accepted, refused for any reason, and allowed."""

    now: float
    refused: float
    limit: float | None


class OwedNow(Answer):
    """The deliver_sm that wait for an account to acknowledge them."""

    count: int
    oldest_at: Moment | None
    until: Moment | None = Field(description="When the oldest is given up")


class OddityItem(Answer):
    """What the client does otherwise than SMPP 3.4 says, since the start of the bridge."""

    code: str
    count: int
    last_at: Moment
    setting: str | None = Field(description="The key of the account that helps, with a value")


class AccountItem(Answer):
    """An account: its limits, and what it has now."""

    id: str
    binds: dict[str, int] = Field(description="Sessions by kind")
    binds_limit: int
    throughput: ThroughputNow
    window: int
    allow_from: list[str] | None = Field(description="Networks; absent: any")
    country: str | None
    answer_seconds: Spread = Field(description="From submit_sm to its answer, in the last minute")
    owed: OwedNow
    delivered_24h: float | None = Field(description="The part of what finished within a day")
    oddities: list[OddityItem]


class AccountWhole(AccountItem):
    """An account, with the binds that it was refused lately."""

    refused_binds: list[RefusedBindItem]


class Accounts(Answer):
    """All accounts."""

    items: list[AccountItem]


@API.operation("GET", "/accounts", VIEWER, returns=Accounts)
async def list_accounts(call: ApiRequest) -> Accounts:
    """All accounts."""
    return Accounts(items=account_items(call.ports))


@API.operation("GET", "/accounts/{id}", VIEWER, places={"id": Name}, returns=AccountWhole)
async def get_account(call: ApiRequest) -> AccountWhole:
    """One account."""
    items = account_items(call.ports, call.named["id"])
    if not items:
        raise RequestRefused(404, "there is no such account")
    refused = refused_items(call.ports, items[0].id)[:MOST_REFUSED]
    return AccountWhole(**items[0].model_dump(), refused_binds=refused)


@API.operation("GET", "/sessions", VIEWER, query=SessionsQuery, returns=EsmeSessions)
async def list_sessions(call: ApiRequest) -> EsmeSessions:
    """The connections of ESMEs."""
    account = call.query.account
    sessions = call.ports.sessions.listed()
    shown = [each for each in sessions if account is None or each.account == account]
    return EsmeSessions(items=[_session(call, each) for each in shown])


@API.operation("POST", "/sessions/{id}/unbind", OPERATOR, places={"id": SessionId}, returns=Done)
async def unbind_session(call: ApiRequest) -> Done:
    """Send an unbind to a session."""
    if not call.ports.sessions.unbind(call.named["id"], "unbound by an operator"):
        raise RequestRefused(404, "there is no such session")
    return Done()


def account_items(ports: ApiPorts, name: str | None = None) -> list[AccountItem]:
    """Return all accounts as the API shows them, or the one of a name."""
    binds: dict[str, dict[str, int]] = {}
    for session in ports.sessions.listed():
        if session.kind:
            own = binds.setdefault(session.account, {})
            own[session.kind] = own.get(session.kind, 0) + 1
    accounts = ports.accounts()
    found = accounts.values() if name is None else [accounts[name]] if name in accounts else []
    return [_account(ports, each, binds) for each in found]


def _account(ports: ApiPorts, account: Account, binds: dict[str, dict[str, int]]) -> AccountItem:
    networks, pulse, name = account.allow_from, ports.live.pulse, account.system_id
    return AccountItem(
        id=name,
        binds=binds.get(name, {}),
        binds_limit=account.binds,
        throughput=ThroughputNow(
            now=pulse.submits(name), refused=pulse.refusals(name), limit=account.throughput
        ),
        window=account.window,
        allow_from=None if networks is None else [str(each) for each in networks],
        country=account.country,
        answer_seconds=spread(pulse.answers(name)),
        owed=_owed(ports, name),
        delivered_24h=pulse.delivered_ratio(name),
        oddities=[_oddity(each) for each in ports.live.oddities(name)],
    )


def _owed(ports: ApiPorts, system_id: str) -> OwedNow:
    outbox = ports.outboxes.get(system_id)
    count, oldest = outbox.depth if outbox else 0, ports.live.oldest_owed(system_id)
    if not count or oldest is None:
        return OwedNow(count=count, oldest_at=None, until=None)
    until = oldest + ports.live.keeps_receipts()
    return OwedNow(count=count, oldest_at=moment(oldest), until=moment(until))


def _oddity(oddity: CountedOddity) -> OddityItem:
    return OddityItem(
        code=oddity.code,
        count=oddity.count,
        last_at=moment(oddity.last_at),
        setting=oddity.setting or None,
    )


def _session(call: ApiRequest, facts: SessionFacts) -> SessionItem:
    version = facts.interface_version
    return SessionItem(
        id=facts.id,
        account=facts.account or None,
        kind=facts.kind or None,
        address=facts.address,
        tls=facts.tls,
        since=moment(call.ports.clock.wall() - facts.age),
        interface_version=f"{version >> 4}.{version & 15}",
        window_in=WindowUse(used=facts.window_in, of=facts.window_in_of),
        window_out=WindowUse(used=facts.window_out, of=facts.window_out_of),
        last_heard_seconds=facts.silent,
        refused_pdus=facts.faults,
        oddities=list(facts.oddities),
    )

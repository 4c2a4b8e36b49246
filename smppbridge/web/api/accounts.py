"""accounts: ESMEs and their sessions, as they are now; sessions unbound by hand."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from smppbridge.model.account import Account
from smppbridge.web.api.ports import SessionFacts
from smppbridge.web.api.shapes import Done, Moment, Name, moment
from smppbridge.web.keyring import OPERATOR, VIEWER
from smppbridge.web.problems import Refusal
from smppbridge.web.routes import ROUTES, Answer, Call, Sent

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


class AccountItem(Answer):
    """An account: its limits, and what it has now."""

    id: str
    binds: dict[str, int] = Field(description="Sessions by kind")
    binds_limit: int
    throughput: float | None = Field(description="submit_sm a second, at most")
    window: int
    allow_from: list[str] | None = Field(description="Networks; absent: any")
    country: str | None
    receipts_owed: int = Field(description="deliver_sm that wait for it to acknowledge them")


class Accounts(Answer):
    """All accounts."""

    items: list[AccountItem]


@ROUTES.operation("GET", "/accounts", VIEWER, returns=Accounts)
async def list_accounts(call: Call) -> Accounts:
    """All accounts."""
    return Accounts(items=[_account(call, each) for each in call.ports.accounts().values()])


@ROUTES.operation("GET", "/accounts/{id}", VIEWER, places={"id": Name}, returns=AccountItem)
async def get_account(call: Call) -> AccountItem:
    """One account."""
    account = call.ports.accounts().get(call.named["id"])
    if account is None:
        raise Refusal(404, "there is no such account")
    return _account(call, account)


@ROUTES.operation("GET", "/sessions", VIEWER, query=SessionsQuery, returns=EsmeSessions)
async def list_sessions(call: Call) -> EsmeSessions:
    """The connections of ESMEs."""
    account = call.query.account
    sessions = call.ports.sessions.listed()
    shown = [each for each in sessions if account is None or each.account == account]
    return EsmeSessions(items=[_session(call, each) for each in shown])


@ROUTES.operation("POST", "/sessions/{id}/unbind", OPERATOR, places={"id": SessionId}, returns=Done)
async def unbind_session(call: Call) -> Done:
    """Send an unbind to a session."""
    if not call.ports.sessions.unbind(call.named["id"], "unbound by an operator"):
        raise Refusal(404, "there is no such session")
    return Done()


def _account(call: Call, account: Account) -> AccountItem:
    binds: dict[str, int] = {}
    for session in call.ports.sessions.listed():
        if session.kind and session.account == account.system_id:
            binds[session.kind] = binds.get(session.kind, 0) + 1
    outbox = call.ports.outboxes.get(account.system_id)
    networks = account.allow_from
    return AccountItem(
        id=account.system_id,
        binds=binds,
        binds_limit=account.binds,
        throughput=account.throughput,
        window=account.window,
        allow_from=None if networks is None else [str(each) for each in networks],
        country=account.country,
        receipts_owed=outbox.depth if outbox else 0,
    )


def _session(call: Call, facts: SessionFacts) -> SessionItem:
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

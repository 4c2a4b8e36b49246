"""credit: how the credit at a provider went in the last 30 days."""

from __future__ import annotations

from pydantic import Field

from smppbridge.store.credit import KEPT, Credit, kept
from smppbridge.web.api.ports import ApiPorts, read
from smppbridge.web.api.shapes import Moment, Name, moment
from smppbridge.web.keyring import VIEWER
from smppbridge.web.operations import API, Answer, ApiRequest
from smppbridge.web.problems import RequestRefused


class CreditThen(Answer):
    """The credit at a provider, as it told it at that time."""

    at: Moment
    amount: float
    unit: str


class CreditCourse(Answer):
    """The credit at a provider over 30 days, an amount an hour, the oldest first."""

    items: list[CreditThen] = Field(description="The last one is the balance of now, if it is told")


@API.operation(
    "GET",
    "/providers/{name}/credit",
    VIEWER,
    places={"name": Name},
    returns=CreditCourse,
    refusals=(503, 504),
)
async def get_credit(call: ApiRequest) -> CreditCourse:
    """The credit at a provider over 30 days: it survives a restart."""
    ports, name = call.ports, call.named["name"]
    if name not in ports.lanes.by_name:
        raise RequestRefused(404, "there is no such provider")
    since = ports.clock.wall() - KEPT
    found = await read(call, lambda db: kept(db, name, since))
    now = _now(ports, name)
    if now is not None and (not found or found[-1].at < now.at):
        found.append(now)
    return CreditCourse(
        items=[CreditThen(at=moment(c.at), amount=c.amount, unit=c.unit) for c in found]
    )


def _now(ports: ApiPorts, name: str) -> Credit | None:
    balance, at = ports.balances().get(name), ports.live.balanced_at(name)
    if balance is None or at is None:
        return None
    return Credit(name, at, balance.amount, balance.unit)

"""refused_binds: binds that were refused lately, also of system_ids that are no account's."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from smppbridge.model.masking import masked
from smppbridge.model.reasons import remedy, sentence
from smppbridge.smpp.constants import status_name
from smppbridge.web.api.live import RefusedFacts
from smppbridge.web.api.ports import ApiPorts
from smppbridge.web.api.shapes import Moment, moment
from smppbridge.web.keyring import VIEWER
from smppbridge.web.operations import API, Answer, ApiRequest, Sent


class RefusedBindItem(Answer):
    """A bind that was refused.  The client was told the status alone."""

    at: Moment
    system_id: str = Field(description="As the client sent it; whole numbers are masked")
    is_account: bool = Field(description="Whether an account has this system_id now")
    address: str
    kind: Literal["transmitter", "receiver", "transceiver"]
    status: str
    reason: str = Field(description="A word of `help reasons`")
    says: str
    remedy: str


class RefusedBindList(Answer):
    """The last binds that were refused, newest first."""

    items: list[RefusedBindItem]


class RefusedBindsQuery(Sent):
    """Which binds."""

    account: str | None = Field(
        default=None, min_length=1, max_length=64, description="The system_id, letter by letter"
    )
    address: str | None = Field(default=None, min_length=1, max_length=64)


@API.operation("GET", "/sessions/refused", VIEWER, query=RefusedBindsQuery, returns=RefusedBindList)
async def list_refused_binds(call: ApiRequest) -> RefusedBindList:
    """The last binds that were refused, at most 200 of all accounts and of none."""
    query: RefusedBindsQuery = call.query
    return RefusedBindList(items=refused_items(call.ports, query.account, query.address))


def refused_items(
    ports: ApiPorts, system_id: str | None = None, address: str | None = None
) -> list[RefusedBindItem]:
    """Return the refused binds of a system_id and an address, or of all of them."""
    accounts = ports.accounts()
    return [
        _item(each, is_account=each.system_id in accounts)
        for each in ports.live.refused_binds()
        if system_id in (None, each.system_id) and address in (None, each.address)
    ]


def _item(bind: RefusedFacts, *, is_account: bool) -> RefusedBindItem:
    return RefusedBindItem(
        at=moment(bind.at),
        system_id=masked(bind.system_id),
        is_account=is_account,
        address=bind.address,
        kind=bind.kind,  # type: ignore[arg-type]
        status=status_name(bind.command_status),
        reason=bind.reason,
        says=sentence(bind.reason),
        remedy=remedy(bind.reason),
    )

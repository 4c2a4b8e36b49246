"""receipts: the receipt that an account would get, before a message is sent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Field, StrictBool

from smppbridge.model.account import Account
from smppbridge.relay.lanes.lanes import Lanes
from smppbridge.relay.receipt_example import VERSIONS, ExampleTerms, examples
from smppbridge.smpp.constants import MessageState
from smppbridge.smpp.receipt_text import compile_text
from smppbridge.web.api.shapes import WHOLE_NUMBER, Name
from smppbridge.web.keyring import VIEWER
from smppbridge.web.operations import API, Answer, ApiRequest, Sent
from smppbridge.web.problems import RequestRefused

ReceiptState = Literal[
    "ENROUTE",
    "DELIVERED",
    "EXPIRED",
    "DELETED",
    "UNDELIVERABLE",
    "ACCEPTED",
    "UNKNOWN",
    "REJECTED",
]


class ReceiptQuery(Sent):
    """The receipt that is wanted."""

    state: ReceiptState = "DELIVERED"
    interface_version: Literal["3.3", "3.4", "5.0"] = Field(
        default="3.4", description="The SMPP that the ESME says it speaks; one of 3.3 gets no TLVs"
    )
    error: Annotated[int, Field(ge=0, le=65_535), WHOLE_NUMBER] | None = Field(
        default=None,
        ge=0,
        le=65_535,
        description="err, as the provider reports it; 0: none",
    )
    message: str | None = Field(
        default=None, max_length=160, description="The text that the message has"
    )
    utc_offset: str | None = Field(
        default=None,
        pattern=r"^[+-](0\d|1[0-4]):[0-5]\d$",
        description="Of its dates, instead of the account's",
    )
    quotes: StrictBool | None = Field(
        default=None, description="Whether it has the text's start, instead of the account's"
    )


class ReceiptField(Answer):
    """A field of the PDU or a TLV, by its name in SMPP 3.4; TLVs are hexadecimal."""

    name: str
    value: str


class ReportedAs(Answer):
    """A status in a provider's reports that ends in this receipt, and the receipt's err then."""

    provider: str
    status: str = Field(description="As the provider spells it")
    err: str | None = Field(description="As the account reads it; absent: the provider's own")


class ReceiptPreview(Answer):
    """A receipt for an example of a message: from BANK to 243810000001, at this moment."""

    state: ReceiptState
    text: str
    pdu: Literal["deliver_sm", "data_sm"]
    octets_hex: str
    fields: list[ReceiptField] = Field(description="Those that are not 0 or empty")
    reported_as: list[ReportedAs] = Field(
        description="The statuses of all providers that mean this state, as far as they are known"
    )


@API.operation(
    "POST",
    "/accounts/{id}/receipt-preview",
    VIEWER,
    places={"id": Name},
    body=ReceiptQuery,
    returns=ReceiptPreview,
    audited=False,
)
async def preview_receipt(call: ApiRequest) -> ReceiptPreview:
    """The receipt that an account would get; nothing is sent."""
    account, wanted = call.ports.accounts().get(call.named["id"]), call.body
    if account is None:
        raise RequestRefused(404, "there is no such account")
    state, version = MessageState[wanted.state], VERSIONS[wanted.interface_version]
    (found,) = examples(account, (state,), version, call.ports.clock.wall(), _terms(wanted))
    return ReceiptPreview(
        state=wanted.state,
        text=found.text,
        pdu=found.pdu,  # type: ignore[arg-type]
        octets_hex=found.octets.hex(),
        fields=[ReceiptField(name=k, value=_shown(v)) for k, v in found.fields.items()],
        reported_as=list(_reported(call.ports.lanes, state, account)),
    )


def _reported(lanes: Lanes, state: MessageState, account: Account) -> Iterator[ReportedAs]:
    write = compile_text([("", "err")], stat={}, err_width=account.receipts.err_width)
    for name, lane in lanes.by_name.items():
        for status, (known, error) in lane.provider.report_words().items():
            if known is state:
                err = None if error is None else write(b"", 0, 0, state, error, "").decode()
                yield ReportedAs(provider=name, status=status, err=err)


def _terms(wanted: ReceiptQuery) -> ExampleTerms:
    return ExampleTerms(
        error=wanted.error,
        text=wanted.message,
        utc_offset=_ahead(wanted.utc_offset) if wanted.utc_offset else None,
        quotes=wanted.quotes,
    )


def _ahead(offset: str) -> int:
    """Return the seconds ahead of UTC of an offset as +03:00."""
    hours, _, minutes = offset[1:].partition(":")
    return (int(hours) * 3_600 + int(minutes) * 60) * (-1 if offset[0] == "-" else 1)


def _shown(value: Any) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)

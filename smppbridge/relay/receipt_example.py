"""receipt_example: the receipt that an account would get for an example of a message; pure."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from smppbridge.model.account import Account
from smppbridge.model.address import Address
from smppbridge.model.identifiers import Identifiers
from smppbridge.model.report import Delivery
from smppbridge.relay.receipt_pdus import DeliverPdu, receipt_pdu
from smppbridge.smpp.constants import CommandId, MessageState, Tag
from smppbridge.smpp.receipt import STAT
from smppbridge.smpp.tlvs import find

VERSIONS = {"3.3": 0x33, "3.4": 0x34, "5.0": 0x50}
STATES = tuple(map(MessageState, STAT))
"""The states that a receipt can have."""
_ERRORS = {MessageState.UNDELIVERABLE: 27, MessageState.REJECTED: 11}  # examples
_LASTED = 6.0  # seconds
_ADDRESSES = ("source_addr", "destination_addr", "service_type")


@dataclass(frozen=True, slots=True)
class ExampleReceipt:
    """A receipt: its text, the name of its PDU, the fields that are set, the PDU's octets."""

    state: MessageState
    text: str
    pdu: str
    fields: dict[str, Any]
    octets: bytes


def examples(
    account: Account, states: tuple[MessageState, ...], version: int, now: float
) -> list[ExampleReceipt]:
    """Return an account's receipts for states, to a peer of an interface_version.

    The message is of *now* (UNIX seconds), from BANK to 243810000001.
    """
    write = receipt_pdu(account)
    return [_shown(state, write(_delivery(account, state, now), version)) for state in states]


def _delivery(account: Account, state: MessageState, now: float) -> Delivery:
    message_id = Identifiers(0, now).take()
    return Delivery(
        message_id=message_id,
        parent=message_id,
        system_id=account.system_id,
        source=Address("BANK", 5, 0),
        destination=Address("243810000001", 1, 1),
        state=state,
        error=_ERRORS.get(state, 0),
        submitted_at=now - _LASTED,
        done_at=now,
        due=now,
        expires_at=now,
        text="Your code is 123456, do not share it.",
        final=state.is_final,
    )


def _shown(state: MessageState, pdu: DeliverPdu) -> ExampleReceipt:
    """Return a receipt as it is shown: fields that are 0 or empty are left out."""
    pdu.sequence_number = 1
    payload = find(pdu.tlvs, Tag.MESSAGE_PAYLOAD) or b""
    text = getattr(pdu, "short_message", b"") or payload
    values = {each.name: getattr(pdu, each.name) for each in fields(pdu)}
    shown = {
        name: value.decode("latin-1") if name in _ADDRESSES else value
        for name, value in values.items()
        if value and name not in ("tlvs", "short_message")
    }
    tags = {_tag(tag): value.hex() for tag, value in pdu.tlvs if tag != Tag.MESSAGE_PAYLOAD}
    name = CommandId(pdu.command_id).name.lower()
    return ExampleReceipt(state, text.decode("ascii"), name, shown | tags, pdu.encode())


def _tag(tag: int) -> str:
    return Tag(tag).name.lower() if tag in set(Tag) else f"tlv 0x{tag:04X}"

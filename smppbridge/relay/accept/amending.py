"""amending: a submit_sm as the account that sent it means it; pure.

An account without habits costs nothing here: its Reader reads content with `fields.content` itself.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from typing import Any

from smppbridge.model.account import Account
from smppbridge.model.habits import NumberingPlan, WantedReceipts
from smppbridge.model.message import AsSent
from smppbridge.model.reasons import Reason
from smppbridge.relay.accept.fields import (
    LONGEST_ADDRESS,
    LONGEST_SERVICE_TYPE,
    OPTIONAL_SAR,
    Content,
    Refusal,
    Submitted,
    content,
    unpacked,
)
from smppbridge.smpp.constants import CommandStatus, EsmClass, RegisteredDelivery, Tag
from smppbridge.smpp.fields import SmeAddress
from smppbridge.smpp.oddities import Oddity
from smppbridge.smpp.tlvs import find
from smppbridge.text.coding import Alphabet
from smppbridge.text.detect import looks_udh

_FORCED: dict[WantedReceipts, tuple[int, int]] = {  # what is kept of the client's, what is added
    "always": (~RegisteredDelivery.RECEIPT, RegisteredDelivery.ALWAYS),
    "never": (0, RegisteredDelivery.NONE),
    "failure": (0, RegisteredDelivery.ON_FAILURE),
}
_LENGTHENS = frozenset((Oddity.LONG_FIELD, Oddity.NO_NUL))
"""The oddities by which a text may come that is longer than its field."""
_LAST_TON = 6  # SMPP 3.4, 5.2.5: the others are reserved
_LAST_PRIORITY = 3

Step = Callable[[Any], None]
"""Changes one thing of a submit_sm or submit_multi."""


def content_reader(
    account: Account, alphabets: Sequence[Alphabet]
) -> Callable[[Submitted], Content]:
    """Return the function that amends an account's submit_sm and returns its user data."""
    plain = unpacked if account.packed else content
    steps = (*_forgiving(account.habits.forgives), *_steps(account))
    halves = Oddity.HALF_UCS2 in account.habits.forgives
    if not steps and not halves:
        return plain

    def amended(pdu: Submitted) -> Content:
        sent = AsSent(pdu.registered_delivery, pdu.data_coding, pdu.esm_class)
        for step in steps:
            step(pdu)
        found = plain(pdu)
        found.sent = sent
        if halves and found.position is None and alphabets[pdu.data_coding] is Alphabet.UCS2:
            found.octets = found.octets[: len(found.octets) & ~1]
        return found

    return amended


def _forgiving(forgives: Collection[str]) -> Iterator[Step]:
    if not _LENGTHENS.isdisjoint(forgives):
        yield _shorten
    if Oddity.RESERVED_TON in forgives:
        yield _forget_reserved_ton
    if Oddity.PRIORITY in forgives:
        yield _cap_priority


def _steps(account: Account) -> Iterator[Step]:
    habits = account.habits
    if habits.data_codings:
        yield lambda pdu: _map_data_coding(pdu, habits.data_codings)
    if habits.registered_delivery != "as_asked":
        kept, added = _FORCED[habits.registered_delivery]
        yield lambda pdu: _force_receipts(pdu, kept, added)
    if habits.source != NumberingPlan():
        yield lambda pdu: _plan_source(pdu, habits.source)
    if habits.destination != NumberingPlan():
        yield lambda pdu: _plan_destination(pdu, habits.destination)
    if habits.two_texts != "refuse":
        yield _keep_payload if habits.two_texts == "message_payload" else _keep_short_message
    if habits.detect_udh:
        yield _flag_udh
    if Oddity.SAR_AND_UDH in habits.forgives:
        yield _drop_sar


def _shorten(pdu: Any) -> None:
    """Refuse addresses that no receipt and no provider could be given; cut a service_type."""
    pdu.service_type = pdu.service_type[:LONGEST_SERVICE_TYPE]
    if len(pdu.source_addr) > LONGEST_ADDRESS:
        raise Refusal(CommandStatus.ESME_RINVSRCADR, Reason.BAD_SOURCE, "too long")
    if len(getattr(pdu, "destination_addr", b"")) > LONGEST_ADDRESS:
        raise Refusal(CommandStatus.ESME_RINVDSTADR, Reason.BAD_NUMBER, "too long")


def _map_data_coding(pdu: Any, meant: Any) -> None:
    pdu.data_coding = meant.get(pdu.data_coding, pdu.data_coding)


def _force_receipts(pdu: Any, kept: int, added: int) -> None:
    pdu.registered_delivery = pdu.registered_delivery & kept | added


def _forget_reserved_ton(pdu: Any) -> None:
    if pdu.source_addr_ton > _LAST_TON:
        pdu.source_addr_ton = 0
    if hasattr(pdu, "dest_address"):
        pdu.dest_address = _each(pdu, lambda ton: 0 if ton > _LAST_TON else ton, lambda npi: npi)
    elif pdu.dest_addr_ton > _LAST_TON:
        pdu.dest_addr_ton = 0


def _plan_source(pdu: Any, plan: NumberingPlan) -> None:
    if pdu.source_addr.removeprefix(b"+").isdigit():  # a name has no number plan
        pdu.source_addr_ton = pdu.source_addr_ton or plan.ton
        pdu.source_addr_npi = pdu.source_addr_npi or plan.npi


def _plan_destination(pdu: Any, plan: NumberingPlan) -> None:
    if hasattr(pdu, "dest_address"):
        pdu.dest_address = _each(pdu, lambda ton: ton or plan.ton, lambda npi: npi or plan.npi)
        return
    pdu.dest_addr_ton = pdu.dest_addr_ton or plan.ton
    pdu.dest_addr_npi = pdu.dest_addr_npi or plan.npi


def _each(pdu: Any, ton: Callable[[int], int], npi: Callable[[int], int]) -> tuple[Any, ...]:
    return tuple(
        replace(one, dest_addr_ton=ton(one.dest_addr_ton), dest_addr_npi=npi(one.dest_addr_npi))
        if isinstance(one, SmeAddress)
        else one
        for one in pdu.dest_address
    )


def _cap_priority(pdu: Any) -> None:
    pdu.priority_flag = min(pdu.priority_flag, _LAST_PRIORITY)


def _keep_payload(pdu: Any) -> None:
    if pdu.tlvs and find(pdu.tlvs, Tag.MESSAGE_PAYLOAD) is not None:
        pdu.short_message = b""


def _keep_short_message(pdu: Any) -> None:
    if pdu.tlvs and pdu.short_message:
        pdu.tlvs = tuple(tlv for tlv in pdu.tlvs if tlv[0] != Tag.MESSAGE_PAYLOAD)


def _flag_udh(pdu: Any) -> None:
    if pdu.esm_class & EsmClass.UDHI:
        return
    text = find(pdu.tlvs, Tag.MESSAGE_PAYLOAD) if pdu.tlvs else None
    if looks_udh(pdu.short_message if text is None else text):
        pdu.esm_class |= EsmClass.UDHI


def _drop_sar(pdu: Any) -> None:
    if pdu.tlvs and pdu.esm_class & EsmClass.UDHI:
        pdu.tlvs = tuple(tlv for tlv in pdu.tlvs if tlv[0] not in OPTIONAL_SAR)

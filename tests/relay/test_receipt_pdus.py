from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from smppbridge.model.account import Account
from smppbridge.model.message import Traits
from smppbridge.model.receipts import FORMS, Receipts
from smppbridge.relay.receipt_pdus import receipt_pdu
from smppbridge.settings.receipts import AccountReceiptsSection
from smppbridge.smpp import codec, receipt, tlvs
from smppbridge.smpp.constants import MessageState as M
from smppbridge.smpp.constants import Tag
from smppbridge.smpp.pdus import DataSm, DeliverSm
from tests.relay.fakes import account, delivery
from tests.vectors.vectors import VECTORS

BOX_WORDS = {
    M.ENROUTE: M.ACCEPTED,
    M.EXPIRED: M.UNDELIVERABLE,
    M.DELETED: M.UNDELIVERABLE,
    M.UNKNOWN: M.UNDELIVERABLE,
}
"""What the words of opensmppbox say of states that opensmppbox does not tell apart."""


def written(
    terms: Receipts, *, version: int = 0x34, bank: Account | None = None, **about: Any
) -> Any:
    """Return a receipt as the ESME decodes it."""
    owed = delivery(31, **{"text": "hello", "state": M.DELIVERED, **about})
    pdu = receipt_pdu(replace(bank or account(), receipts=terms))(owed, version)
    pdu.sequence_number = 31
    return codec.decode(codec.encode(pdu))


def terms_of(**keys: Any) -> Receipts:
    return AccountReceiptsSection.model_validate(keys).terms()


@pytest.mark.parametrize("state", sorted(receipt.STAT))
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("version", [0x33, 0x34])
def test_a_receipt_of_any_form_is_read(form: str, state: int, version: int) -> None:
    found = written(terms_of(form=form), state=state, error=27, version=version)
    read = receipt.parse(found)
    assert read is not None
    kannel = {M.EXPIRED: M.UNDELIVERABLE, M.DELETED: M.UNDELIVERABLE, M.UNKNOWN: M.UNDELIVERABLE}
    kannel[M.ENROUTE] = M.ACCEPTED
    by_text = version < 0x34 and form == "kannel"
    assert (read.message_id, read.state) == (
        "31",
        kannel.get(M(state), state) if by_text else state,
    )
    assert bool(found.tlvs) == (version >= 0x34)
    assert bool(found.short_message) == (form != "tlv_only" or version < 0x34)


def test_jasmins_text() -> None:
    assert written(terms_of(form="jasmin"), error=1).short_message == (
        b"id:31 submit date:2701150800 done date:2701150800 stat:DELIVRD err:001"
    )


def test_dates_with_seconds() -> None:
    text = written(terms_of(form="seconds", utc_offset="+01:00")).short_message
    assert b" submit date:270115090000 done date:270115090000 " in text


def test_addresses_may_stay_as_they_were() -> None:
    found = written(Receipts(swaps=False))
    assert (found.source_addr, found.source_addr_ton, found.source_addr_npi) == (b"BANK", 5, 0)
    destination = (found.destination_addr, found.dest_addr_ton, found.dest_addr_npi)
    assert destination == (b"243810000001", 1, 1)


def test_a_receipt_without_tlvs() -> None:
    assert written(Receipts(tlvs=False), traits=Traits(user_message_reference=7)).tlvs == ()


@pytest.mark.parametrize("final", [True, False])
def test_a_receipt_by_data_sm(final: bool) -> None:
    terms, traits = Receipts(by="data_sm"), Traits("CMT", user_message_reference=7)
    found = written(terms, error=1, final=final, traits=traits)
    same = written(Receipts(), error=1, final=final, traits=traits)
    assert isinstance(found, DataSm)
    assert (found.service_type, found.esm_class) == (b"CMT", 4 if final else 0x20)
    assert (found.registered_delivery, found.data_coding) == (0, 0)
    for field in ("source_addr", "source_addr_ton", "source_addr_npi", "destination_addr"):
        assert getattr(found, field) == getattr(same, field)
    assert (found.dest_addr_ton, found.dest_addr_npi) == (same.dest_addr_ton, same.dest_addr_npi)
    payload, *others = found.tlvs
    assert payload == (Tag.MESSAGE_PAYLOAD, same.short_message)
    assert tuple(others) == same.tlvs


def test_a_data_sm_of_tlvs_is_the_vector() -> None:
    """But for network_error_code, which the vector has for no error, and the order of the TLVs."""
    found: Any = codec.decode(VECTORS["data_sm_receipt"].octets)
    about = delivery(1700000000123, state=M.DELIVERED)
    about.source = replace(about.source, addr="MyBrand")
    about.destination = replace(about.destination, addr="447700900123")
    pdu = receipt_pdu(account(receipts=terms_of(form="tlv_only", by="data_sm")))(about, 0x34)
    pdu.sequence_number = found.sequence_number
    found.tlvs = tuple(t for t in found.tlvs if t[0] != Tag.NETWORK_ERROR_CODE)
    pdu.tlvs = tuple(sorted(pdu.tlvs))
    assert pdu == found


def test_smpp_3_3_knows_no_data_sm() -> None:
    found = written(Receipts(by="data_sm"), version=0x33)
    assert isinstance(found, DeliverSm)
    assert (found.tlvs, found.short_message[:6]) == ((), b"id:31 ")


@pytest.mark.parametrize(
    ("of_account", "of_receipts", "shown"),
    [
        (b"%d", None, b"31"),
        (b"%x", None, b"1f"),
        (b"%x", b"%d", b"31"),
        (b"%d", b"%08x", b"0000001f"),
    ],
)
def test_the_id_is_the_accounts_unless_receipts_have_their_own(
    of_account: bytes, of_receipts: bytes | None, shown: bytes
) -> None:
    found = written(Receipts(id_form=of_receipts), bank=account(id_form=of_account))
    assert found.short_message.startswith(b"id:%b " % shown)
    assert tlvs.find(found.tlvs, Tag.RECEIPTED_MESSAGE_ID) == shown + b"\0"


@pytest.mark.parametrize(
    ("traits", "expected"),
    [
        (Traits(), None),
        (Traits("CMT"), None),
        (Traits(user_message_reference=0), 0),
        (Traits(user_message_reference=65_535), 65_535),
        (Traits(user_message_reference=1, references=((30, 1), (31, 2))), 2),
        (Traits(user_message_reference=1, references=((30, 1),)), None),
        (Traits(references=((31, 0),)), 0),
    ],
)
def test_a_user_message_reference_comes_back(traits: Traits, expected: int | None) -> None:
    found = written(Receipts(), traits=traits).tlvs
    assert tlvs.integer(found, Tag.USER_MESSAGE_REFERENCE) == expected
    assert found[-1] == (Tag.RECEIPTED_MESSAGE_ID, b"31\0")  # some clients read on behind it

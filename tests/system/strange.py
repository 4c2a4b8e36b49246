"""Requests of every operation with any values in their fields, and headers of balancers."""

from __future__ import annotations

import random
import re
from collections import deque
from collections.abc import Callable

from smppbridge.smpp.constants import Tag
from smppbridge.smpp.fields import DistributionList, SmeAddress
from smppbridge.smpp.pdus import (
    AlertNotification,
    CancelSm,
    DataSm,
    DeliverSm,
    DeliverSmResp,
    EnquireLink,
    Outbind,
    Pdu,
    QuerySm,
    ReplaceSm,
    SubmitMulti,
    SubmitSm,
    SubmitSmResp,
    Unbind,
)

_NUMBERS = (b"243810000001", b"243810000002", b"+243810000003", b"0810000004", b"", b"12345")
_SENDERS = (b"BANK", b"1234", b"", b"243810000009")
_TIMES = (b"", b"000000000500000R", b"991231235959948+", b"250230000000000+", b"x", b"9" * 16)
_TAGS = tuple(map(int, Tag))
_MESSAGE_ID = re.compile(rb"[1-9][0-9]{14,17}(?=\0)")
_SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


class Chance(random.Random):
    """Chance, and the message_ids that were *heard* in responses lately."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.heard: deque[bytes] = deque([b"1"], maxlen=100)

    def hear(self, octets: bytes) -> None:
        """Note the message_ids in octets of the SMSC."""
        self.heard.extend(_MESSAGE_ID.findall(octets))


def request(chance: Chance) -> bytes:
    """Return a request, or a response to nothing, that can be read and may mean nothing.

    A few have fields that are too long, cut short or gone, under a command_length that is right.
    """
    pdu = chance.choice(_MAKERS)(chance)
    pdu.sequence_number = chance.choice((0, 1, 7, 2**31 - 1, 2**32 - 1, chance.randrange(2**32)))
    octets = pdu.encode()
    return octets if _usual(chance) else _spoilt(chance, octets)


def header(chance: Chance) -> bytes:
    """Return a header of the PROXY protocol: right, mutated or cut short."""
    whole = chance.choice(
        (
            b"PROXY TCP4 192.0.2.7 192.0.2.1 40000 2775\r\n",
            b"PROXY TCP6 2001:db8::7 2001:db8::1 40000 2775\r\n",
            b"PROXY UNKNOWN\r\n",
            _SIGNATURE + b"\x21\x11\0\x0c" + chance.randbytes(12),
            _SIGNATURE + b"\x21\x21\0\x24" + chance.randbytes(36),
            _SIGNATURE + b"\x20\0\0\0",
            _SIGNATURE + b"\x21\x11" + chance.randbytes(2) + chance.randbytes(200),
        )
    )
    match chance.randrange(4):
        case 0:
            return whole[: chance.randrange(len(whole))]
        case 1:
            octets = bytearray(whole)
            octets[chance.randrange(len(octets))] = chance.randrange(256)
            return bytes(octets)
        case _:
            return whole


def _spoilt(chance: Chance, octets: bytes) -> bytes:
    body = bytearray(octets[16:])
    at = chance.randrange(len(body) + 1)
    match chance.randrange(4):
        case 0:
            body[at:at] = b"1" * chance.choice((1, 10, 60, 3_000))
        case 1:
            body[at:at] = chance.randbytes(chance.randrange(1, 70))
        case 2:
            del body[at:]
        case _:
            del body[at : at + chance.randrange(1, 5)]
    return (16 + len(body)).to_bytes(4, "big") + octets[4:16] + body


def _usual(chance: Chance) -> bool:
    """Return whether a field is as it mostly is: a request with many odd ones is refused early."""
    return chance.random() < 0.9


def _octet(chance: Chance) -> int:
    return 0 if _usual(chance) else chance.choice((1, 2, 3, 8, chance.randrange(256)))


def _c_octets(chance: Chance, most: int) -> bytes:
    return bytes(chance.choices(range(1, 256), k=chance.randrange(most + 1)))


def _number(chance: Chance) -> bytes:
    return _NUMBERS[0] if _usual(chance) else chance.choice((*_NUMBERS, _c_octets(chance, 20)))


def _sender(chance: Chance) -> bytes:
    return _SENDERS[0] if _usual(chance) else chance.choice((*_SENDERS, _c_octets(chance, 20)))


def _time(chance: Chance) -> bytes:
    return b"" if _usual(chance) else chance.choice((*_TIMES, _c_octets(chance, 16)))


def _message_id(chance: Chance) -> bytes:
    heard = chance.choice(chance.heard)
    return chance.choice((b"", heard, heard, heard, _c_octets(chance, 64)))


def _text(chance: Chance) -> bytes:
    return chance.choice((b"hello", b"\x05\0\x03\x07\x02\x01ab", chance.randbytes(40), b""))


def _tlvs(chance: Chance) -> tuple[tuple[int, bytes], ...]:
    tags = (*_TAGS, 0x1400, chance.randrange(2**16))
    return tuple(
        (chance.choice(tags), chance.randbytes(chance.choice((0, 1, 2, 4, 100))))
        for _ in range(chance.choice((0, 0, 1, 3)))
    )


def _submit_sm(chance: Chance) -> SubmitSm:
    return SubmitSm(
        service_type=b"" if _usual(chance) else _c_octets(chance, 5),
        source_addr_ton=_octet(chance),
        source_addr_npi=_octet(chance),
        source_addr=_sender(chance),
        dest_addr_ton=_octet(chance),
        dest_addr_npi=_octet(chance),
        destination_addr=_number(chance),
        esm_class=_octet(chance),
        protocol_id=_octet(chance),
        priority_flag=_octet(chance),
        schedule_delivery_time=_time(chance),
        validity_period=_time(chance),
        registered_delivery=chance.choice((0, 1, 1, _octet(chance))),
        replace_if_present_flag=chance.choice((0, 0, 0, 0, 0, 0, 1, 2)),
        data_coding=_octet(chance),
        sm_default_msg_id=_octet(chance),
        short_message=_text(chance),
        tlvs=_tlvs(chance),
    )


def _destination(chance: Chance) -> SmeAddress | DistributionList:
    if chance.random() < 0.2:
        return DistributionList(chance.choice((b"staff", b"nobody", b"")))
    return SmeAddress(_octet(chance), _octet(chance), _number(chance))


def _submit_multi(chance: Chance) -> SubmitMulti:
    count = chance.choice((1, 2, 5, 254))
    return SubmitMulti(
        source_addr=_sender(chance),
        dest_address=tuple(_destination(chance) for _ in range(count)),
        esm_class=_octet(chance),
        schedule_delivery_time=_time(chance),
        validity_period=_time(chance),
        registered_delivery=_octet(chance),
        data_coding=_octet(chance),
        short_message=_text(chance),
        tlvs=_tlvs(chance),
    )


def _data_sm(chance: Chance) -> DataSm:
    payload = ((int(Tag.MESSAGE_PAYLOAD), _text(chance)),) if chance.random() < 0.8 else ()
    return DataSm(
        source_addr=chance.choice((_sender(chance), _c_octets(chance, 64))),
        destination_addr=chance.choice((_number(chance), _c_octets(chance, 64))),
        esm_class=_octet(chance),
        registered_delivery=_octet(chance),
        data_coding=_octet(chance),
        tlvs=payload + _tlvs(chance),
    )


def _query_sm(chance: Chance) -> QuerySm:
    return QuerySm(
        message_id=_message_id(chance),
        source_addr_ton=_octet(chance),
        source_addr=_sender(chance),
    )


def _cancel_sm(chance: Chance) -> CancelSm:
    return CancelSm(
        service_type=chance.choice((b"", b"WAP")),
        message_id=_message_id(chance),
        source_addr=_sender(chance),
        dest_addr_ton=_octet(chance),
        destination_addr=_number(chance),
    )


def _replace_sm(chance: Chance) -> ReplaceSm:
    return ReplaceSm(
        message_id=_message_id(chance),
        source_addr=_sender(chance),
        schedule_delivery_time=_time(chance),
        validity_period=_time(chance),
        registered_delivery=_octet(chance),
        short_message=_text(chance),
    )


def _other(chance: Chance) -> Pdu:
    octets = _c_octets(chance, 15)
    if _usual(chance):  # the others end the session, or mean nothing
        return EnquireLink()
    return chance.choice(
        (
            Unbind(),
            Outbind(system_id=octets),
            AlertNotification(source_addr=octets, esme_addr=octets),
            DeliverSm(source_addr=octets, short_message=octets),
            DeliverSmResp(chance.choice((0, 8, 0x64, 2**32 - 1))),
            SubmitSmResp(message_id=octets),
        )
    )


_MAKERS: tuple[Callable[[Chance], Pdu], ...] = (
    _submit_sm,
    _submit_sm,
    _submit_sm,
    _submit_multi,
    _data_sm,
    _data_sm,
    _query_sm,
    _cancel_sm,
    _replace_sm,
    _other,
)

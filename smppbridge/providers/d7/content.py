"""The content of a message in Jasmin's API: characters of GSM 03.38, or octets in hex."""

from __future__ import annotations

import math
from typing import Any

from smppbridge.model.message import Message
from smppbridge.model.outcome import Refused
from smppbridge.smpp.constants import CommandStatus
from smppbridge.text import coding, gsm7
from smppbridge.text.coding import Alphabet
from smppbridge.text.errors import TextError

Fields = dict[str, Any]

_CODINGS = frozenset((*range(11), 13, 14))  # of Jasmin's API
_SEVEN_BIT = (160, 153)
_EIGHT_BIT = (140, 134)


def content_of(message: Message, max_parts: int) -> Fields | Refused:
    """Return the fields of a message's content, or the reason why Jasmin must not get the message.

    Jasmin silently cuts a text of more than *max_parts* SMs.
    """
    if message.binary is not None:
        return _binary(message, message.binary, max_parts)
    try:
        fields, octets = text_fields(message.text)
    except TextError as error:
        return Refused(str(error))
    return _if_it_fits(fields, len(octets), max_parts)


def text_fields(text: str) -> tuple[Fields, bytes]:
    """Return the fields for *text*, and the octets of *text*; raises Unencodable.

    Only with coding 0 Jasmin converts ``content``: with any other coding the field must be octets.
    """
    alphabet, octets = coding.in_smallest(text)
    if alphabet is Alphabet.GSM7:
        # Jasmin's table has no small c with cedilla: characters out of ours are in both
        return {"content": gsm7.decode(octets), "coding": 0}, octets
    return {"hex-content": octets.hex(), "coding": 8}, octets


def forms_of(message: Message) -> tuple[str, ...]:
    """Return the forms in which Jasmin's words may repeat a message's content."""
    if message.binary is not None:
        return (message.binary.hex(),)
    return message.text, message.text.encode("utf-16-be", "replace").hex()


def _binary(message: Message, octets: bytes, max_parts: int) -> Fields | Refused:
    """Return the fields of a binary message; Jasmin's API has no UDHI and no protocol_id."""
    data_coding, traits = message.data_coding, message.traits
    if traits.udh or traits.protocol_id:
        return Refused("a user data header or protocol_id", provider_fault=True)
    if data_coding not in _CODINGS:
        return Refused(f"data_coding {data_coding}", provider_fault=True)
    fields = {"hex-content": octets.hex(), "coding": data_coding}
    return _if_it_fits(fields, len(octets), max_parts)


def _if_it_fits(fields: Fields, length: int, max_parts: int) -> Fields | Refused:
    """Return *fields*, or a refusal; Jasmin cuts by length alone, codings 0 and 1 as seven bits."""
    alone, joined = _EIGHT_BIT if fields["coding"] > 1 else _SEVEN_BIT
    parts = 1 if length <= alone else math.ceil(length / joined)
    if parts <= max_parts:
        return fields
    reason = f"{parts} parts, and max_parts is {max_parts}"
    return Refused(reason, CommandStatus.ESME_RINVMSGLEN, provider_fault=True)

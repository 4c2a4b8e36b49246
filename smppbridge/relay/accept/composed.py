"""composed: a text that a person wrote becomes a message of an account; pure.

The message is judged as a submit_sm of the account is; only the octets are left out: characters are
given, and not to be read.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from smppbridge.model.address import BadAddress, as_written, ends_of
from smppbridge.model.message import Message
from smppbridge.model.reasons import Reason
from smppbridge.relay.accept.fields import Content, Refusal
from smppbridge.relay.accept.reading import Reader
from smppbridge.smpp import times
from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.smpp.constants import RegisteredDelivery
from smppbridge.smpp.pdus import SubmitSm
from smppbridge.text import segments
from smppbridge.text.coding import Alphabet
from smppbridge.text.errors import Unencodable

_VERSION = 0x34
_DATA_CODING = {Alphabet.GSM7: 0x00, Alphabet.UCS2: 0x08}


@dataclass(frozen=True, slots=True, kw_only=True)
class Composed:
    """A text with its addresses as a person writes them.

    *registered_delivery* is that of a submit_sm, *validity* is in seconds (None: the account's).
    """

    source: str
    destination: str
    text: str = field(repr=False)
    registered_delivery: int = RegisteredDelivery.NONE
    validity: float | None = None


def message_of(reader: Reader, composed: Composed, now: float) -> Message:
    """Return the message of a text, as yet without message_id and route; raises Refusal."""
    pdu = _submit_sm(composed, now)
    message = reader.message(pdu, Content(b""), _VERSION, now)
    if not composed.text:
        raise Refusal(Status.ESME_RINVMSGLEN, Reason.NO_TEXT)
    try:
        alphabet, count = segments.count(composed.text)
    except Unencodable as error:
        raise Refusal(Status.ESME_RINVDCS, Reason.BAD_CHARACTERS, str(error)) from error
    if count > reader.account.max_parts:
        raise Refusal(Status.ESME_RINVMSGLEN, Reason.TOO_LONG, f"{count} parts")
    message.text, message.data_coding = composed.text, _DATA_CODING[alphabet]
    return message


def _submit_sm(composed: Composed, now: float) -> SubmitSm:
    """Return the submit_sm of a text, without the text; raises Refusal."""
    try:
        source = as_written(composed.source)
    except BadAddress as error:
        raise Refusal(Status.ESME_RINVSRCADR, Reason.BAD_SOURCE, str(error)) from error
    try:
        _, destination = ends_of(composed.source, composed.destination)
    except BadAddress as error:
        raise Refusal(Status.ESME_RINVDSTADR, Reason.BAD_NUMBER, str(error)) from error
    validity = b""
    if composed.validity is not None:
        validity = times.format_relative(now + composed.validity, now)
    return SubmitSm(
        source_addr=source.addr.encode(),
        source_addr_ton=source.ton,
        source_addr_npi=source.npi,
        destination_addr=destination.addr.encode(),
        dest_addr_ton=destination.ton,
        dest_addr_npi=destination.npi,
        validity_period=validity,
        registered_delivery=composed.registered_delivery,
    )

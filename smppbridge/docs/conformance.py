"""The conformance statement: what of SMPP 3.4 is served, passed on, ignored and refused.

Names, sizes, states, statuses and alphabets are read off the code; the words beside them stand
here, and a test holds each table of words against the code: neither can lack what the other has.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from smppbridge.docs.glossary import ANSWERED, STATES, STATUSES
from smppbridge.model.treatments import TREATMENTS, UNKNOWN, USES
from smppbridge.smpp import fields
from smppbridge.smpp.constants import RESPONSE, CommandId
from smppbridge.smpp.matrix import MAY_SEND, Role, State
from smppbridge.smpp.pdus import BY_COMMAND_ID
from smppbridge.smpp.receipt import STAT
from smppbridge.smpp.tlvs import DEFINITIONS, TlvType
from smppbridge.text import coding

SPECIFICATION = "SMPP 3.4, issue 1.2"
INTRODUCTION = (
    "*served*: done as the specification says; *passed*: goes on to a provider that has a place"
    " for it; *ignored*: read, and without effect; *refused*: answered with a status. What depends"
    " on a setting of the account names the setting."
)


@dataclass(frozen=True, slots=True)
class Chapter:
    """One table of the statement: *name* for the command line, *words* before the table."""

    name: str
    title: str
    words: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Service:
    """The treatment of an operation, towards ESMEs (as SMSC) and upstream (as ESME)."""

    from_esme: str = ""
    to_esme: str = ""
    to_upstream: str = ""
    from_upstream: str = ""


_LINK = Service("served", "sent", "sent", "served")
_BIND = Service(from_esme="served", to_upstream="sent")

OPERATIONS: Mapping[CommandId, Service] = {
    CommandId.BIND_TRANSMITTER: _BIND,
    CommandId.BIND_RECEIVER: _BIND,
    CommandId.BIND_TRANSCEIVER: _BIND,
    CommandId.OUTBIND: Service(
        "refused: the connection is closed",
        "sent where `outbind` is set",
        "",
        "refused: we bind by ourselves",
    ),
    CommandId.UNBIND: _LINK,
    CommandId.ENQUIRE_LINK: _LINK,
    CommandId.SUBMIT_SM: Service(from_esme="served", to_upstream="sent"),
    CommandId.SUBMIT_MULTI: Service(
        from_esme="served, with lists; a segment is refused",
        to_upstream="never: a submit_sm for each destination",
    ),
    CommandId.DATA_SM: Service(
        "served", "sent where `receipts.by: data_sm`", "never: submit_sm is sent", "served"
    ),
    CommandId.DELIVER_SM: Service(
        "refused: of an SMSC", "sent: receipts, messages from phones, USSD", "", "served"
    ),
    CommandId.QUERY_SM: Service(from_esme="served; `query: ask` asks the provider"),
    CommandId.CANCEL_SM: Service(from_esme="served, also at providers that keep messages"),
    CommandId.REPLACE_SM: Service(from_esme="served while the message is here"),
    CommandId.ALERT_NOTIFICATION: Service(
        "refused, without an answer: of an SMSC",
        "passed, where an upstream SMSC has sent it",
        "",
        "passed to the account that `mo` names for its esme_addr",
    ),
    CommandId.GENERIC_NACK: _LINK,
}
"""Each operation of SMPP 3.4, 4; generic_nack counts as one."""

FIELDS: Mapping[str, str] = {
    "service_type": "read: replacing and cancelling go by it; passed upstream",
    "source_addr_ton": "read; passed; 0: by `addresses`",
    "source_addr_npi": "as source_addr_ton",
    "source_addr": "read: `senders`, sender of the route; passed",
    "dest_addr_ton": "read; reserved: refused (`forgives: [reserved_ton]`); 0: by `addresses`",
    "dest_addr_npi": "read; 0: by `addresses`",
    "destination_addr": "read: becomes E.164 digits; national ones by `country`",
    "dest_address": "read: up to 254 addresses and `lists`",
    "esm_class": "read: mode, UDHI; type and reply path passed upstream",
    "protocol_id": "passed upstream",
    "priority_flag": "read: 0 to 3, highest first; over 3 refused (`forgives: [priority]`)",
    "schedule_delivery_time": "read: the message waits here, or at a provider that keeps messages",
    "validity_period": "read: EXPIRED then; passed to providers that take one",
    "registered_delivery": "read: receipt, intermediate notification; other bits ignored",
    "replace_if_present_flag": "read; over 1 refused; a 1 in submit_multi ignored",
    "data_coding": "read: alphabet, class, waiting indication; `data_coding_0` and the like",
    "sm_default_msg_id": "refused where it stands for the text; ignored beside a text",
    "short_message": "read: 0 to 255 octets; up to 254 are written",
    "message_id": "read: as the account writes ids",
    "final_date": "written: absolute, in UTC",
    "message_state": "written",
    "error_code": "written: of the network, 0 to 255",
    "unsuccess_sme": "written: each refused destination with its status",
    "system_id": "read: the account",
    "password": "read: at most 64 octets",
    "system_type": "ignored",
    "interface_version": "read: no TLVs to peers below 0x34; every version is welcome",
    "addr_ton": "ignored",
    "addr_npi": "ignored",
    "address_range": "ignored",
    "esme_addr_ton": "passed",
    "esme_addr_npi": "passed",
    "esme_addr": "read: whose account is meant",
    "tlvs": "see the TLVs",
}
"""Each field of every PDU, by its name: of requests what is done, of responses what is written."""

_OURS = {"system_id": "written: `smpp.system_id`"}
_GIVEN = {"message_id": "written: as the account writes ids"}
_ADDRESSES = (
    *("source_addr_ton", "source_addr_npi", "source_addr"),
    *("dest_addr_ton", "dest_addr_npi", "destination_addr"),
)
_SAME_SOURCE = {
    "source_addr_ton": "read: that of the message, or 0",
    "source_addr_npi": "read: that of the message, or 0",
    "source_addr": "read: that of the message; else there is no such message",
}
_UNSAID = ("protocol_id", "priority_flag", "schedule_delivery_time", "validity_period")
_UNUSED = (*_UNSAID, "registered_delivery", "replace_if_present_flag", "sm_default_msg_id")

IN_PDU: Mapping[CommandId, Mapping[str, str]] = {
    CommandId.BIND_TRANSMITTER_RESP: _OURS,
    CommandId.BIND_RECEIVER_RESP: _OURS,
    CommandId.BIND_TRANSCEIVER_RESP: _OURS,
    CommandId.OUTBIND: {**_OURS, "password": "written: `outbind.password`"},
    CommandId.SUBMIT_SM_RESP: _GIVEN,
    CommandId.SUBMIT_MULTI_RESP: _GIVEN,
    CommandId.DATA_SM: {
        "source_addr": "read: `senders`, sender of the route; passed; over 20 octets refused",
        "destination_addr": "read: becomes E.164 digits; over 20 octets refused",
    },
    CommandId.DATA_SM_RESP: {"message_id": "written: as the account writes ids; else ignored"},
    CommandId.DELIVER_SM: {
        "service_type": "written: that of the message",
        **dict.fromkeys(_ADDRESSES, "written: of receipts by `receipts.swap_addresses`"),
        "esm_class": "written: 0x04 a receipt, 0x20 an intermediate notification; UDHI",
        **dict.fromkeys(_UNUSED, "written: empty or 0; ignored"),
        "data_coding": "written: 0 of receipts; of messages from phones as `data_coding_0`, or 8",
        "short_message": "written: 0 to 254 octets; more are a message_payload",
        "tlvs": "written: as `receipts.tlvs` says",
    },
    CommandId.DELIVER_SM_RESP: {"message_id": "ignored"},
    CommandId.QUERY_SM: _SAME_SOURCE,
    CommandId.QUERY_SM_RESP: {"message_id": "written: as it was asked"},
    CommandId.CANCEL_SM: {
        **_SAME_SOURCE,
        "service_type": "read: only messages of this one; empty: of any",
        "message_id": "read: as the account writes ids; empty: all between the two addresses",
        "destination_addr": "read: that of the message; with a message_id it may be empty",
    },
    CommandId.REPLACE_SM: {
        **_SAME_SOURCE,
        "schedule_delivery_time": "read: the new one; empty: the old one stays",
        "validity_period": "read: the new one; empty: the old one stays",
        "short_message": "read: the new text, in the data_coding of the old one",
    },
    CommandId.ALERT_NOTIFICATION: dict.fromkeys(_ADDRESSES[:3], "passed"),
}
"""Fields whose words in one PDU are others than in the rest."""

TIMES: tuple[tuple[str, ...], ...] = (
    ("empty", "at once; as long as `validity` says", "served"),
    ("YYMMDDhhmmsstnn+ or -", "absolute, tenths, up to 48 quarter hours from UTC", "served"),
    (
        "YYMMDDhhmmss000R",
        "relative: years and months by the calendar, then the rest; tenths and nn ignored",
        "served",
    ),
    ("000000000000000R", "relative and zero: as if it were empty", "served"),
    ("a schedule_delivery_time that has passed", "at once", "served"),
    ("a validity_period that has passed", "ESME_RINVEXPIRY", "refused"),
    ("a validity_period that ends at the schedule, or before", "ESME_RINVEXPIRY", "refused"),
    ("a day that the month lacks, hour 24, nn of 49", "ESME_RINVSCHED, RINVEXPIRY", "refused"),
    ("any other length or character", "ESME_RINVSCHED, RINVEXPIRY", "refused"),
    ("years 00 to 99", "2000 to 2099", "served"),
)

MODES: tuple[tuple[str, ...], ...] = (
    ("esm_class 0x00, 0x03", "store and forward", "served: answered when it is on disk"),
    ("esm_class 0x01", "datagram", "served: answered when it is on disk; one attempt, no receipt"),
    (
        "esm_class 0x02",
        "transaction",
        "served: answered with the provider's verdict; in submit_multi as 0x00",
    ),
    ("esm_class 0x40", "UDHI", "served: segments are joined, national tables read, else passed"),
    ("esm_class 0x80", "reply path", "passed upstream"),
    ("esm_class 0x08, 0x10", "SME acknowledgements", "passed upstream"),
    ("registered_delivery 1, 2", "receipt, or of failure alone", "served"),
    ("registered_delivery 3", "of success alone (SMPP 5.0); a 1 below 0x50", "served"),
    ("registered_delivery 0x04 to 0x0C", "SME acknowledgements", "ignored"),
    ("registered_delivery 0x10", "intermediate notification", "served"),
)


def statement() -> tuple[Chapter, ...]:
    """Return the chapters of the statement."""
    return (
        Chapter(
            "operations",
            "Operations",
            "The bridge is an SMSC to ESMEs, and an ESME to an upstream SMSC.",
            ("operation", "from an ESME", "to an ESME", "to an upstream SMSC", "from there"),
            tuple(_operations()),
        ),
        Chapter(
            "states",
            "Operations by state",
            "Who may send a request in a state: E an ESME, S an SMSC. In any other state the"
            " request is refused with ESME_RINVBNDSTS, a second bind with ESME_RALYBND; outbind and"
            " alert_notification have no response. Where an account says `receipts.on: any`,"
            " deliver_sm and data_sm are sent in BOUND_TX too.",
            ("operation", *(state.name for state in _STATES)),
            tuple(_states()),
        ),
        Chapter(
            "fields",
            "Fields",
            "Sizes are octets, with the NUL of a C-octet string. A longer field is refused.",
            ("PDU", "field", "size", "use"),
            tuple(_fields()),
        ),
        Chapter(
            "tlvs",
            "TLVs of a message",
            "Uses: " + "; ".join(f"*{use}*: {words}" for use, words in USES.items()) + ".",
            ("tag", "TLV", "octets", "use", "more"),
            tuple(_tlvs()),
        ),
        Chapter("modes", "Modes, and receipts asked for", "", ("value", "meaning", "use"), MODES),
        Chapter("times", "Times", "", ("form", "meaning", "use"), TIMES),
        Chapter(
            "alphabets",
            "Alphabets",
            "By the account's defaults: `data_coding_0`, `_1`, `_3` and `_8` say otherwise, and"
            " `data_codings` maps one value to another.",
            ("data_coding", "alphabet", "message class"),
            tuple(_alphabets()),
        ),
        Chapter(
            "statuses",
            "Statuses that are answered",
            "In transaction mode a response can have any other status too: that of the provider's"
            " refusal. Every status is understood when an ESME or an upstream SMSC answers it.",
            ("number", "command_status", "when"),
            tuple((f"0x{int(s):08X}", s.name, ANSWERED[s]) for s in STATUSES if s in ANSWERED),
        ),
        Chapter(
            "message_states",
            "Message states",
            "",
            ("number", "message_state", "stat", "meaning"),
            tuple((str(int(s)), s.name, STAT.get(s, b"").decode(), w) for s, w in STATES.items()),
        ),
    )


_STATES = (State.OPEN, State.BOUND_TX, State.BOUND_RX, State.BOUND_TRX, State.UNBOUND)


def _operations() -> Iterator[tuple[str, ...]]:
    for command, service in OPERATIONS.items():
        yield (
            command.name.lower(),
            service.from_esme,
            service.to_esme,
            service.to_upstream,
            service.from_upstream,
        )


def _states() -> Iterator[tuple[str, ...]]:
    for command in OPERATIONS:
        cells = (_senders(command, state) for state in _STATES)
        yield (command.name.lower(), *cells)


def _senders(command: CommandId, state: State) -> str:
    """Return who may send a request in a state: E, S, both or nobody."""
    may = (role for role in Role if int(command) in MAY_SEND[role, state])
    return " ".join(role.name[0] for role in may)


def _fields() -> Iterator[tuple[str, ...]]:
    for command_id, pdu in sorted(BY_COMMAND_ID.items(), key=lambda item: _in_pairs(item[0])):
        for name, kind in fields.layout(pdu):
            words = IN_PDU.get(CommandId(command_id), {}).get(name, FIELDS[name])
            yield (CommandId(command_id).name.lower(), name, _size(kind), words)


def _in_pairs(command_id: int) -> tuple[int, int]:
    """Sort each response behind its request."""
    return command_id & ~RESPONSE, command_id & RESPONSE


def _size(kind: fields.Kind) -> str:
    if isinstance(kind, fields.COctets):
        return f"1 to {kind.size}"
    if isinstance(kind, fields.Integer):
        return str(kind.size)
    return "any"


def _tlvs() -> Iterator[tuple[str, ...]]:
    for tag, treatment in TREATMENTS.items():
        lengths = DEFINITIONS[tag].lengths
        size = "0" if DEFINITIONS[tag].type is TlvType.EMPTY else _range(lengths)
        use = str(treatment.use)
        yield (f"0x{int(tag):04X}", tag.name.lower(), size, use, treatment.words)
    yield ("others", "", "any", str(UNKNOWN.use), UNKNOWN.words)


def _range(lengths: Sequence[int]) -> str:
    return str(lengths[0]) if len(lengths) == 1 else f"{lengths[0]} to {lengths[-1]}"


def _alphabets() -> Iterator[tuple[str, ...]]:
    meant = [(str(each), coding.message_class(n)) for n, each in enumerate(coding.alphabets())]
    for (alphabet, in_class), run in groupby(range(256), key=meant.__getitem__):
        values = list(run)
        last = f" to 0x{values[-1]:02X}" if len(values) > 1 else ""
        yield (f"0x{values[0]:02X}{last}", alphabet, "" if in_class is None else str(in_class))

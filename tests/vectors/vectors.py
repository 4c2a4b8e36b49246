"""The PDUs of smpp34.json: octets in hex, their meaning, the answer of a good SMSC.

In expected answers the message_id "ID" stands for any message_id of the SMSC; see answers_match.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_DATA: dict[str, list[dict[str, Any]]] = json.loads(
    (Path(__file__).parent / "smpp34.json").read_text(encoding="utf-8")
)


@dataclass(frozen=True)
class Vector:
    """A valid PDU."""

    name: str
    octets: bytes
    fields: dict[str, Any]
    repeated: tuple[tuple[str, Any], ...]
    tlvs: tuple[tuple[int, bytes], ...]
    text: str | None
    times_utc: dict[str, str]


@dataclass(frozen=True)
class MalformedPdu:
    """Octets that are wrong in form, field or state, and the answer to them."""

    name: str
    state: str
    from_esme: bool
    octets: bytes
    answer: bytes
    closes: bool


@dataclass(frozen=True)
class Stream:
    """Segments of a stream and the names of the PDUs in it."""

    name: str
    chunks: tuple[bytes, ...]
    pdus: tuple[str, ...]


def _tlv(entry: dict[str, Any]) -> tuple[int, bytes]:
    value, length = entry["value"], entry["length"]
    match entry["type"]:
        case "int":
            octets = value.to_bytes(length, "big")
        case "cstring":
            octets = value.encode("latin-1").ljust(length, b"\0")
        case _:
            octets = bytes.fromhex(value)
    return int(entry["tag"], 16), octets


VECTORS = {
    entry["name"]: Vector(
        name=entry["name"],
        octets=bytes.fromhex(entry["hex"]),
        fields=entry["fields"],
        repeated=tuple((one["field"], one["value"]) for one in entry.get("repeated_fields", ())),
        tlvs=tuple(map(_tlv, entry.get("tlvs", ()))),
        text=entry.get("text"),
        times_utc=entry.get("times_utc", {}),
    )
    for entry in _DATA["vectors"]
}
MALFORMED = {
    entry["name"]: MalformedPdu(
        name=entry["name"],
        state=entry["session_state"],
        from_esme=entry["direction"] == "ESME->SMSC",
        octets=bytes.fromhex(entry["hex"]),
        answer=bytes.fromhex(entry["expected_answer_hex"] or ""),
        closes=entry["close_connection"],
    )
    for entry in _DATA["malformed"]
}
STREAMS = {
    entry["name"]: Stream(
        name=entry["name"],
        chunks=tuple(map(bytes.fromhex, entry["chunks"])),
        pdus=tuple(entry["expected_pdus"]),
    )
    for entry in _DATA["streams"]
}

CAPTURES: dict[str, list[bytes]] = {
    stack: [bytes.fromhex(octets) for octets in streams]
    for stack, streams in json.loads(
        (Path(__file__).parent / "captures.json").read_text(encoding="utf-8")
    ).items()
}
"""What foreign stacks have sent to the bridge, from bind to unbind: the octets of connections."""

JUDGED_BY_VALUE = frozenset(
    {
        "alphanumeric_source_12_chars",
        "bind_password_9_chars",
        "data_sm_without_payload",
        "destination_addr_empty",
        "destination_addr_letters",
        "destination_ton_7",
        "schedule_wrong_length",
        "tlv_payload_and_short_message",
        "tlv_sar_and_udh",
        "tlv_sar_seq_above_total",
        "ucs2_odd_length",
        "udhi_empty_message",
        "validity_bad_suffix",
        "validity_quarter_49",
    }
)
"""Malformed ones whose form is sound: not the session but who accepts messages answers them."""

READ_BUT_NEVER_WRITTEN = {
    "bind_transceiver_resp_error_nul_body",
    "data_sm_resp_error_header_only",
    "deliver_sm_resp_error_header_only",
    "deliver_sm_resp_ok_header_only",
    "query_sm_resp_failed",
    "submit_multi_resp_error_header_only",
    "submit_sm_length_255",
}
"""What others may send, and we read, but never write in that form."""


def answers_match(answer: bytes, expected: bytes) -> bool:
    """Compare octets, taking any message_id for the "ID" or "ID1" of an expected answer."""
    if expected[16:] not in (b"ID\0", b"ID1\0"):
        return answer == expected
    whole = len(answer) == int.from_bytes(answer[:4], "big") > 17
    return whole and answer[4:16] == expected[4:16] and answer.find(0, 16) == len(answer) - 1

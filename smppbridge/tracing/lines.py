"""lines: packets as lines of text for a terminal."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from smppbridge.smpp.constants import RESPONSE, status_name
from smppbridge.smpp.errors import PduError
from smppbridge.smpp.fields import DistributionList, layout
from smppbridge.smpp.pdus import BY_COMMAND_ID, DECODE
from smppbridge.tracing.masked_pdu import HEADER_OCTETS
from smppbridge.tracing.recording import Packet

_LONGEST: Final = 2_000
_INDENT: Final = "    "


def line_of(packet: Packet) -> str:
    """Return a packet as text behind its time and its session or provider.

    After that name ``->`` is from the peer, ``<-`` to the peer.
    """
    seconds, nanoseconds = divmod(packet.at, 1_000_000_000)
    time = datetime.fromtimestamp(seconds, UTC)
    stamp = f"{time:%H:%M:%S}.{nanoseconds // 1_000_000:03}"
    return f"{stamp} {packet.line} {'->' if packet.inbound else '<-'} {text_of(packet)}"


def text_of(packet: Packet) -> str:
    """Return a packet as text: a first line, and an indented one for each further line of HTTP.

    Control characters are escaped: a terminal obeys none of a peer's.
    """
    if packet.protocol == "words":
        return _printable(packet.words)
    words = f"  ({_printable(packet.words)})" if packet.words else ""
    if packet.protocol == "smpp":
        return f"{_pdu_words(packet.octets)}{words}"
    first, *others = packet.octets.decode("utf-8", "replace").splitlines() or [""]
    lines = [f"{_printable(first)}{words}", *(f"{_INDENT}{_printable(o)}" for o in others)]
    return "\n".join(line for line in lines if line.strip())


def _pdu_words(octets: bytes) -> str:
    command_id, status, number = (int.from_bytes(octets[at : at + 4], "big") for at in (4, 8, 12))
    pdu_type = BY_COMMAND_ID.get(command_id)
    name = pdu_type.__name__ if pdu_type else f"{command_id:#010x}"
    parts = [name, f"#{number}"]
    if command_id & RESPONSE:
        parts.append(status_name(status))
    try:
        pdu = DECODE[command_id](octets, HEADER_OCTETS, len(octets), status, number)
    except (KeyError, PduError):
        return " ".join((*parts, f"{len(octets) - HEADER_OCTETS} octets that cannot be read"))
    for field, _ in layout(type(pdu)):
        value = getattr(pdu, field)
        if value:
            parts.append(f"{field}={_shown(value)}")
    return " ".join(parts)


def _shown(value: Any) -> str:
    if isinstance(value, bytes):
        return _printable(value.decode("latin-1"))
    if isinstance(value, tuple):
        return ",".join(_element(each) for each in value)
    return str(value)


def _element(value: Any) -> str:
    if isinstance(value, tuple):
        tag, octets = value
        return f"{tag:#06x}:{octets.hex()}"
    if isinstance(value, DistributionList):
        return _shown(value.dl_name)
    return _shown(value.destination_addr)


def _printable(text: str) -> str:
    cut = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
    if cut.isprintable():
        return cut
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in cut)

"""kept_tlvs: the TLVs of a submit_sm that its message keeps, and those its route asks for; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from smppbridge.model.message import Message
from smppbridge.model.reasons import Reason
from smppbridge.model.tlvs import HEAD, MOST_OCTETS, MOST_TLVS, NamedTlv, TlvDemands
from smppbridge.model.treatments import KEPT_TAGS, REPEATED_TAGS
from smppbridge.relay.accept.fields import Refusal
from smppbridge.smpp.constants import CommandStatus
from smppbridge.smpp.tlvs import DEFINITIONS, Tlvs

_KNOWN = frozenset(map(int, DEFINITIONS))
_LENGTHS = {tag: DEFINITIONS[tag].lengths for tag in KEPT_TAGS}
_FIRST_FREE = 0x100
"""The first tag that an unknown TLV may have: below, a NUL of padding is likelier than a tag."""


def kept(tlvs: Tlvs, named: Mapping[int, NamedTlv]) -> Tlvs:
    """Return the TLVs that a message keeps, in their order; of a TLV that comes twice the first.

    *named* are TLVs of the configuration by tag.  Raises Refusal for a wrong value of these.  When
    there are too many, named TLVs go before all others.
    """
    found: Tlvs = tuple([each for each in tlvs if _keeps(*each, named)])
    if not found:
        return ()
    if len({tag for tag, _ in found}) < len(found):
        found = _once(found)
    if len(found) <= MOST_TLVS and _octets(found) <= MOST_OCTETS:
        return found
    return _bounded(found, named)


def demand(message: Message, demands: TlvDemands) -> None:
    """Give a message the TLVs of its route that it lacks (ESME_RMISSINGOPTPARAM: one has none)."""
    tlvs = message.traits.tlvs
    tags = {tag for tag, _ in tlvs}
    more = tuple([each for each in demands.given if each[0] not in tags])
    tags |= {tag for tag, _ in more}
    for named in demands.required:
        if named.tag not in tags:
            raise Refusal(CommandStatus.ESME_RMISSINGOPTPARAM, Reason.MISSING_TLV, named.name)
    if more:
        message.traits = replace(message.traits, tlvs=(*more, *tlvs))


def _keeps(tag: int, value: bytes, named: Mapping[int, NamedTlv]) -> bool:
    """Return whether a TLV is kept; a known one with a length that no SMSC takes is not."""
    if tag in named:
        if named[tag].is_empty(value):
            return False
        if status := named[tag].fault(value):
            raise Refusal(status, Reason.BAD_TLV, named[tag].name)
        return True
    if tag in KEPT_TAGS:
        return len(value) in _LENGTHS[tag]
    return tag >= _FIRST_FREE and tag not in _KNOWN


def _once(tlvs: Tlvs) -> Tlvs:
    tags: set[int] = set()
    found = []
    for tag, value in tlvs:
        if tag not in tags or tag in REPEATED_TAGS:
            found.append((tag, value))
        tags.add(tag)
    return tuple(found)


def _bounded(tlvs: Tlvs, named: Mapping[int, NamedTlv]) -> Tlvs:
    """Return as many TLVs as the bounds allow, in their order."""
    chosen: set[int] = set()
    room = MOST_OCTETS
    for place in sorted(range(len(tlvs)), key=lambda place: tlvs[place][0] not in named):
        need = HEAD + len(tlvs[place][1])
        if need <= room and len(chosen) < MOST_TLVS:
            chosen.add(place)
            room -= need
    return tuple([each for place, each in enumerate(tlvs) if place in chosen])


def _octets(tlvs: Tlvs) -> int:
    return sum([HEAD + len(value) for _, value in tlvs])

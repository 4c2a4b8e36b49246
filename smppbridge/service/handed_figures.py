"""handed_figures: the figures that one process of the bridge leaves to the next: reasons, refused
binds, errors of providers, oddities, the messages that finished within a day, and the rings.

Figures are for people: the bridge goes on without.  Those that another version has written in
another form are left out, and no session is lost over them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from pydantic import ConfigDict, TypeAdapter, ValidationError

from smppbridge.net.refused_binds import RefusedBind
from smppbridge.observe.pulse import HandedPulse
from smppbridge.relay.lanes.errors import LaneError
from smppbridge.relay.reason_book import CountedReason

if TYPE_CHECKING:
    from smppbridge.service.bridge import Bridge


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedFigures:
    """The figures of a process; the *errors* of each provider's lane are oldest first."""

    __pydantic_config__: ClassVar = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    reasons: tuple[CountedReason, ...]
    binds: tuple[RefusedBind, ...]
    errors: Mapping[str, tuple[LaneError, ...]] = field(repr=False)
    pulse: HandedPulse = field(repr=False)


_FIGURES = TypeAdapter(HandedFigures)


def figures_of(bridge: Bridge) -> bytes:
    """Return the figures of a bridge, as JSON; nothing if a text among them has no octets."""
    lanes = bridge.relay.lanes.by_name
    figures = HandedFigures(
        reasons=bridge.reasons.handed(),
        binds=tuple(reversed(bridge.doors.smsc.refused.listed())),
        errors={name: tuple(lane.errors) for name, lane in lanes.items()},
        pulse=bridge.live.pulse.handed(),
    )
    try:
        return _FIGURES.dump_json(figures)
    except ValueError:  # PydanticSerializationError: a lone surrogate in the words of a provider
        return b""


def adopt_figures(bridge: Bridge, octets: bytes) -> bool:
    """Let a bridge that has counted nothing yet go on with figures; return whether it could.

    The errors of providers that are gone are forgotten.
    """
    try:
        found = _FIGURES.validate_json(octets)
    except ValidationError:
        return False
    bridge.reasons.adopt(found.reasons)
    bridge.doors.smsc.refused.adopt(found.binds)
    for name, lane in bridge.relay.lanes.by_name.items():
        lane.errors.extend(found.errors.get(name, ()))
    bridge.live.pulse.adopt(found.pulse)
    return True

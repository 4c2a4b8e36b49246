"""doubts: certificates that expire and too few descriptors: logged, and the bridge runs on."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from smppbridge.service import descriptors

if TYPE_CHECKING:
    from smppbridge.service.bridge import Bridge


def log_doubts(bridge: Bridge) -> None:
    """Log certificates that expire, and too few descriptors: the bridge runs all the same."""
    for doubt in bridge.listeners.doubts(bridge.settings, bridge.clock.wall()):
        expires = datetime.fromtimestamp(doubt.expires, UTC).isoformat()
        bridge.journal(
            "certificate_expires",
            listener=doubt.listener,
            file=doubt.file,
            expires=expires,
            reason=doubt.words,
        )
    needed, allowed = descriptors.needed(bridge.settings), descriptors.allowed()
    if allowed is not None and allowed < needed:
        bridge.journal("descriptors_few", needed=needed, allowed=allowed)

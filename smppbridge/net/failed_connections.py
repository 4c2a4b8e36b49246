"""Connections that came to nothing: all are counted, the first of each kind is logged."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Protocol

from smppbridge.net.room import origin_of
from smppbridge.relay.ports import CountReason, Journal, uncounted

LOGGED_AGAIN_AFTER = 3_600.0
MOST_LOGGED = 500
"""Lines an hour, and so the kinds and addresses that are remembered."""


class NoteFailed(Protocol):
    """Notes that a connection from an address came to nothing, for a reason and its details."""

    def __call__(self, host: str, reason: str, why: str = "") -> None:
        """Note a connection."""


class FailedConnections:
    """The connections that were turned away, gave way or failed in TLS, of all listeners.

    Only the instance writes which of them were logged.
    """

    def __init__(
        self,
        journal: Journal,
        count: Callable[[str, str], None],
        seconds: Callable[[], float],
        reason: CountReason = uncounted,
    ) -> None:
        self._journal, self._count, self._seconds = journal, count, seconds
        self._reason = reason
        self._logged: dict[tuple[str, str, str], float] = {}  # the latest comes last

    def of(self, listener: str) -> NoteFailed:
        """Return `note` for the connections of one listener."""
        return partial(self.note, listener)

    def note(self, listener: str, host: str, reason: str, why: str = "") -> None:
        """Count a connection, and log the first of its kind from its address within an hour."""
        self._count(listener, reason)
        detail = f"from {host or 'nobody'}" + (f": {why}" if why else "")
        self._reason(reason, listener, detail=detail, first=False, others=False)
        now, key = self._seconds(), (listener, origin_of(host), reason)
        self._forget(now)
        if key in self._logged or len(self._logged) >= MOST_LOGGED:
            return
        self._logged[key] = now
        more = {"why": why} if why else {}
        self._journal("connection_failed", listener=listener, address=host, reason=reason, **more)

    def _forget(self, now: float) -> None:
        while self._logged:
            oldest = next(iter(self._logged))
            if self._logged[oldest] + LOGGED_AGAIN_AFTER > now:
                return
            del self._logged[oldest]

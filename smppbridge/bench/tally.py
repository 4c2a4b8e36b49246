"""The traffic that a load makes, and the tally of its answers and receipts."""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from smppbridge.smpp.constants import status_name


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """The messages to send, the sessions, and the window of each session.

    *rate* is messages a second, 0 as many as the windows let through.  *receipts* asks for receipts
    and waits for them.  The load ends after *seconds*, or when nothing has come for *silence*.
    """

    port: int
    system_id: str = "bench"
    password: str = field(default="bench", repr=False)
    binds: int = 4
    window: int = 50
    messages: int = 20_000
    rate: float = 0.0
    receipts: bool = False
    seconds: float = 120.0
    silence: float = 10.0


@dataclass(slots=True)
class TrafficTally:
    """The answers and receipts of a load.

    Times are by the machine's monotonic clock, latencies in seconds.
    """

    sent: int = 0
    began: float = 0.0
    answered_at: float = 0.0
    receipt_at: float = 0.0
    cpu: float = 0.0
    latencies: array[float] = field(default_factory=lambda: array("d"))
    accepted: set[bytes] = field(default_factory=set)
    refused: Counter[int] = field(default_factory=Counter)
    receipts: Counter[bytes] = field(default_factory=Counter)

    def figures(self) -> dict[str, Any]:
        """Return counts, rates a second and milliseconds."""
        ordered = sorted(self.latencies)
        received = self.receipts.total()
        return {
            "sent": self.sent,
            "answered": len(ordered),
            "accepted": len(self.accepted),
            "refused": {status_name(status): count for status, count in self.refused.items()},
            "accepted_per_s": _rate(len(self.accepted), self.answered_at - self.began),
            "p50_ms": percentile(ordered, 50) * 1000,
            "p99_ms": percentile(ordered, 99) * 1000,
            "receipts": received,
            "receipts_per_s": _rate(received, self.receipt_at - self.began),
            "missing": len(self.accepted - self.receipts.keys()),
            "doubled": received - len(self.receipts),
            "unknown": len(self.receipts.keys() - self.accepted),
            "began": self.began,
            "cpu": self.cpu,
        }


def percentile(ordered: Sequence[float], percent: float) -> float:
    """Return the smallest of *ordered* values that *percent* of them do not exceed; 0 if none."""
    rank = math.ceil(len(ordered) * percent / 100)
    return ordered[max(rank, 1) - 1] if ordered else 0.0


def _rate(count: int, seconds: float) -> float:
    return count / seconds if seconds > 0 else 0.0

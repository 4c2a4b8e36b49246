"""How long to wait before a session that was lost is bound again.

Quick repetition of wrong credentials gets accounts locked, and an SMSC that still sees our dead
session needs time to notice.
"""

from __future__ import annotations

from collections.abc import Callable

from smppbridge.smpp.constants import CommandStatus as Status

WRONG_CREDENTIALS = frozenset(
    map(int, (Status.ESME_RINVPASWD, Status.ESME_RINVSYSID, Status.ESME_RINVSYSTYP))
)
LONGEST, STABLE, JITTER = 60.0, 60.0, 0.2
_SLOW = (300.0, 900.0)
_STILL_BOUND = (30.0, 60.0)


class Rebinding:
    """The pauses of one session: 1, 2, 4 ... 60 s, from the start after a stable bind.

    *random* returns 0 to 1.
    """

    def __init__(self, random: Callable[[], float]) -> None:
        self._random = random
        self._failures = 0

    def pause(self, refused: int, lasted: float) -> float:
        """Return the seconds to wait after a bind that was *refused* (0: it was not, or for want
        of a connection) or that *lasted* so many seconds.
        """
        if lasted >= STABLE:
            self._failures = 0
        if refused in WRONG_CREDENTIALS:
            return self._between(*_SLOW)
        if refused == Status.ESME_RALYBND:
            return self._between(*_STILL_BOUND)
        plain = min(LONGEST, 2.0 ** min(self._failures, 16))
        self._failures += 1
        return self._between(plain * (1 - JITTER), plain * (1 + JITTER))

    def _between(self, least: float, most: float) -> float:
        return least + (most - least) * self._random()

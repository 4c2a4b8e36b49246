"""How long an idle connection to an origin may be used again.

A request that leaves on a connection which the server is closing just then may have been acted on:
its message is Uncertain.  So a connection is not used again for a second before its server closes
it, and where no server says when, not for long.
"""

from __future__ import annotations

import re
from typing import Final

UNSAID: Final = 4  # seconds: of the servers that say nothing many close after five (node, uvicorn)
LONGEST: Final = 30  # servers and NATs forget idle ones, often after 60 s
_MARGIN: Final = 1
_TIMEOUT: Final = re.compile(r"(?:^|[,;\s])timeout\s*=\s*\"?(\d{1,9})", re.ASCII | re.IGNORECASE)


class IdleTimes:
    """The seconds that a connection may have been idle, by origin; belongs to one thread.

    *most* is the provider's setting, None without one: then a server's Keep-Alive header can allow
    longer than `UNSAID`.  Only `learn` writes the seconds.
    """

    __slots__ = ("_by_origin", "_most", "unsaid")

    def __init__(self, most: float | None) -> None:
        self._most = LONGEST if most is None else min(LONGEST, int(most))
        self.unsaid = UNSAID if most is None else self._most
        self._by_origin: dict[str, int] = {}

    def seconds(self, origin: str) -> int:
        """Return the seconds for an origin; below 2 a connection is not to be used again."""
        return self._by_origin.get(origin, self.unsaid)

    def learn(self, origin: str, keep_alive: str) -> None:
        """Go by the Keep-Alive header of an answer on a new connection; "" if there was none."""
        found = _TIMEOUT.search(keep_alive)
        if found:
            self._by_origin[origin] = max(0, min(self._most, int(found[1]) - _MARGIN))
        else:
            self._by_origin.pop(origin, None)


def origin_of(url: str) -> str:
    """Return the scheme, host and port of a URL."""
    return url[: url.find("/", 8)] if url.find("/", 8) > 0 else url.partition("?")[0]

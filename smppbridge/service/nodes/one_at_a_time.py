"""one_at_a_time: a look that is not begun beside itself, but once more after itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable


class OneAtATime:
    """Takes a look again and again: as long as it finds *more*, or was asked for meanwhile.

    Only `take` writes the state.
    """

    def __init__(self, look: Callable[[], Awaitable[bool]]) -> None:
        """Take a *look*, which returns whether there is more to find."""
        self._look = look
        self._taking = self._again = False

    async def take(self) -> None:
        """Take the look, or let the one under way be taken once more; raises its errors."""
        self._again = True
        if self._taking:
            return
        self._taking = True
        try:
            while self._again:
                self._again = False
                if await self._look():
                    self._again = True
        finally:
            self._taking = False

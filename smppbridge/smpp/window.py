"""Our requests that the peer has not answered, by sequence_number (SMPP 3.4, 5.1.4)."""

from __future__ import annotations

from smppbridge.smpp.constants import MAX_SEQUENCE_NUMBER, RESPONSE, CommandId

MOST_LATE = 1_000  # submit_sm whose responses may still come
_SUBMIT_SM = int(CommandId.SUBMIT_SM)
_GENERIC_NACK = int(CommandId.GENERIC_NACK)


class Window:
    """Numbers our requests and keeps the *about* of each request until its response.

    *about* is any object of the owner's; the session's owner gets the object back with the
    response.  The *about* of an expired submit_sm is kept for a late response, up to a bound.
    """

    __slots__ = ("_last", "_late", "open")

    def __init__(self) -> None:
        self._last = 0
        self._late: dict[int, object] = {}
        self.open: dict[int, tuple[float, int, object]] = {}

    def __len__(self) -> int:
        return len(self.open)

    @property
    def deadline(self) -> float | None:
        """Return the time at which the oldest request expires; None if no request is open."""
        for deadline, _, _ in self.open.values():
            return deadline
        return None

    def next_number(self) -> int:
        """Return a sequence_number that no outstanding request has."""
        number = self._last % MAX_SEQUENCE_NUMBER + 1
        while number in self.open:
            number = number % MAX_SEQUENCE_NUMBER + 1
        self._last = number
        return number

    def put(self, number: int, command_id: int, about: object, deadline: float) -> None:
        """Add a request."""
        self.open[number] = (deadline, command_id, about)

    def fits(self, number: int, command_id: int) -> bool:
        """Return whether a response answers an outstanding request."""
        entry = self.open.get(number)
        return entry is not None and command_id in (entry[1] | RESPONSE, _GENERIC_NACK)

    def take(self, number: int) -> tuple[int, object]:
        """Remove an outstanding request; return its command_id and its *about*."""
        _, command_id, about = self.open.pop(number)
        return command_id, about

    def take_oldest(self) -> object:
        """Remove the oldest request, which has expired; return its *about*."""
        number = next(iter(self.open))
        command_id, about = self.take(number)
        if command_id == _SUBMIT_SM:
            self._late[number] = about
            if len(self._late) > MOST_LATE:
                del self._late[next(iter(self._late))]
        return about

    def take_late(self, number: int) -> object | None:
        """Remove an expired submit_sm; return its *about*, None if there is no such submit_sm."""
        return self._late.pop(number, None)

    def drain(self) -> list[object]:
        """Remove all requests; return their *about*, oldest first."""
        abouts = [about for _, _, about in self.open.values()]
        self.open.clear()
        return abouts

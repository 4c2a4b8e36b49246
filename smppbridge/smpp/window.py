"""Our requests that the peer has not answered, by sequence_number (SMPP 3.4, 5.1.4)."""

from __future__ import annotations

from smppbridge.smpp.constants import MAX_SEQUENCE_NUMBER, RESPONSE, CommandId

MOST_LATE = 1_000
"""Expired submit_sm that are kept for late responses; the one that expired first goes first."""
_SUBMIT_SM = int(CommandId.SUBMIT_SM)
_SUBMIT_SM_RESP = int(CommandId.SUBMIT_SM_RESP)
_GENERIC_NACK = int(CommandId.GENERIC_NACK)


class Window:
    """Numbers our requests, and keeps the *about* of each open request until its response.

    A request is open until the request is answered or expires; requests expire in the order in
    which they were added. *about* is the object that the session's owner gave with a request, and
    is handed back to the owner with the response. The *about* of an expired submit_sm is kept for
    a late response. Only the Window writes *open*: expiry, command_id and about by number.
    """

    __slots__ = ("_last", "_late", "open")

    def __init__(self) -> None:
        self._last = 0
        self._late: dict[int, object] = {}
        self.open: dict[int, tuple[float, int, object]] = {}

    @property
    def deadline(self) -> float | None:
        """Return the time at which the oldest request expires; None if no request is open."""
        for expiry, _, _ in self.open.values():
            return expiry
        return None

    @property
    def last(self) -> int:
        """Return the sequence_number that was given last; 0 if none was."""
        return self._last

    def count_from(self, last: int) -> None:
        """Go on behind *last*, the sequence_number that another process gave last."""
        self._last = last

    def next_number(self) -> int:
        """Return the next sequence_number that no open request has."""
        number = self._last % MAX_SEQUENCE_NUMBER + 1
        while number in self.open:
            number = number % MAX_SEQUENCE_NUMBER + 1
        self._last = number
        return number

    def put(self, number: int, command_id: int, about: object, expiry: float) -> None:
        """Add an open request, which expires at *expiry*."""
        self.open[number] = (expiry, command_id, about)

    def fits(self, number: int, command_id: int) -> bool:
        """Return whether a response, by its number and command_id, answers an open request."""
        entry = self.open.get(number)
        return entry is not None and command_id in (entry[1] | RESPONSE, _GENERIC_NACK)

    def take(self, number: int) -> tuple[int, object]:
        """Remove an open request; return its command_id and its *about*."""
        _, command_id, about = self.open.pop(number)
        return command_id, about

    def take_oldest(self) -> object:
        """Remove the oldest open request, which has expired; return its *about*."""
        number = next(iter(self.open))
        command_id, about = self.take(number)
        if command_id == _SUBMIT_SM:
            self._late[number] = about
            if len(self._late) > MOST_LATE:
                del self._late[next(iter(self._late))]
        return about

    def take_late(self, number: int, command_id: int) -> object | None:
        """Remove the expired submit_sm that a response answers; return its *about*, or None."""
        return self._late.pop(number, None) if command_id == _SUBMIT_SM_RESP else None

    def drain(self) -> list[object]:
        """Remove all open requests; return the *about* of each, oldest first."""
        abouts = [about for _, _, about in self.open.values()]
        self.open.clear()
        return abouts

"""Our requests that the peer has not answered, by sequence_number (SMPP 3.4, 5.1.4)."""

from __future__ import annotations

from smppbridge.smpp.constants import MAX_SEQUENCE_NUMBER, RESPONSE, CommandId

_GENERIC_NACK = int(CommandId.GENERIC_NACK)


class Window:
    """Numbers our requests and remembers what each was about until it is answered."""

    __slots__ = ("_last", "_open")

    def __init__(self) -> None:
        self._last = 0
        self._open: dict[int, tuple[float, int, object]] = {}

    def __len__(self) -> int:
        return len(self._open)

    @property
    def deadline(self) -> float | None:
        """Return when the oldest request expires."""
        for deadline, _, _ in self._open.values():
            return deadline
        return None

    def next_number(self) -> int:
        """Return a sequence_number that no outstanding request has."""
        number = self._last % MAX_SEQUENCE_NUMBER + 1
        while number in self._open:
            number = number % MAX_SEQUENCE_NUMBER + 1
        self._last = number
        return number

    def put(self, number: int, command_id: int, about: object, deadline: float) -> None:
        """Remember a request."""
        self._open[number] = (deadline, command_id, about)

    def fits(self, number: int, command_id: int) -> bool:
        """Say whether this response answers an outstanding request."""
        entry = self._open.get(number)
        return entry is not None and command_id in (entry[1] | RESPONSE, _GENERIC_NACK)

    def take(self, number: int) -> tuple[int, object]:
        """Forget an outstanding request; return its command_id and what it was about."""
        _, command_id, about = self._open.pop(number)
        return command_id, about

    def take_oldest(self) -> object:
        """Forget the oldest request; return what it was about."""
        return self.take(next(iter(self._open)))[1]

    def drain(self) -> list[object]:
        """Forget all; return what they were about, oldest first."""
        abouts = [about for _, _, about in self._open.values()]
        self._open.clear()
        return abouts

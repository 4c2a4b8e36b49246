"""Delays after wrong credentials, by the address and the system_id that were wrong together."""

from __future__ import annotations

from dataclasses import dataclass

FIRST_DELAY, LONGEST_DELAY = 0.25, 8.0  # seconds between one wrong password and the next bind
LONGEST_WAIT = 30.0  # seconds in line behind binds of the same address and system_id
FORGIVEN_AFTER = 300.0
MOST_OFFENCES = 10_000
MOST_SYSTEM_IDS = 20  # of one address; more of them share one penalty

_Key = tuple[str, str | None]


@dataclass(slots=True)
class _Offence:
    failures: int
    at: float
    free_at: float  # when the next bind is judged

    @property
    def delay(self) -> float:
        """The seconds between two binds."""
        return float(min(LONGEST_DELAY, FIRST_DELAY * 2 ** min(self.failures - 1, 10)))


class Penalties:
    """The delays of an address that guesses; bounded, forgiving after a while.

    A right password is no merit of another system_id, and a guesser of many system_ids has one
    more penalty that all further ones share.  Only the instance writes its counts.
    """

    def __init__(self) -> None:
        self._offences: dict[_Key, _Offence] = {}  # the latest comes last
        self._names: dict[str, int] = {}  # how many offences an address has

    def __len__(self) -> int:
        return len(self._offences)

    def guessed(self, origin: str, now: float) -> bool:
        """Return whether wrong credentials came from *origin* lately."""
        self._expire(now)
        return origin in self._names

    def delay(self, origin: str, system_id: str, now: float) -> float:
        """Return the seconds that a bind has to wait; binds at once wait for each other."""
        self._expire(now)
        offence = self._offences.get(self._key(origin, system_id))
        if offence is None:
            return 0.0
        wait = min(max(0.0, offence.free_at - now), LONGEST_WAIT)
        offence.free_at = now + wait + offence.delay
        return wait

    def count(self, origin: str, system_id: str, now: float) -> None:
        """Count a bind with wrong credentials."""
        key = self._key(origin, system_id)
        offence = self._offences.pop(key, None)
        if offence is None:
            self._names[origin] = self._names.get(origin, 0) + 1
            offence = _Offence(0, now, now)
        offence.failures += 1
        offence.at, offence.free_at = now, max(offence.free_at, now + offence.delay)
        self._offences[key] = offence
        if len(self._offences) > MOST_OFFENCES:
            self._forget(next(iter(self._offences)))

    def forgive(self, origin: str, system_id: str) -> None:
        """Forget the failures of *system_id* at *origin*: its right password was given."""
        self._forget((origin, system_id))

    def _key(self, origin: str, system_id: str) -> _Key:
        known = (origin, system_id) in self._offences
        if known or self._names.get(origin, 0) < MOST_SYSTEM_IDS:
            return origin, system_id
        return origin, None

    def _expire(self, now: float) -> None:
        while self._offences:
            key, offence = next(iter(self._offences.items()))
            if offence.at + FORGIVEN_AFTER >= now:
                return
            self._forget(key)

    def _forget(self, key: _Key) -> None:
        if self._offences.pop(key, None) is None:
            return
        self._names[key[0]] -= 1
        if not self._names[key[0]]:
            del self._names[key[0]]

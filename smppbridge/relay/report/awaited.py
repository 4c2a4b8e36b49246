"""awaited: the accepted attempts whose reports are awaited, in memory, bounded; pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from smppbridge.model.identifiers import StoredIds
from smppbridge.model.message import Attempt
from smppbridge.relay.report.parts import keys_of
from smppbridge.relay.surplus import surplus
from smppbridge.smpp.constants import FINAL_STATES

MOST_AWAITED = 50_000  # accepted messages kept in memory; the others are found in the store
Key = tuple[str, str]


class Awaited:
    """Attempts by provider and provider_message_id; only Reports adds and removes attempts.

    Ids of some providers come again.  *first* holds of all attempts with an id the one that was
    accepted first; the others wait *behind* it.  An attempt is not held while an older one with its
    id may be open in the store alone: the store finds which of them is the oldest.
    """

    def __init__(self) -> None:
        self.first: dict[Key, Attempt] = {}
        self.behind: dict[Key, list[Attempt]] = {}
        self._stored = StoredIds()

    def restore(self, stored: StoredIds) -> None:
        """Hold no attempt with an id of *stored*: that are open messages which only the store has.

        They are from before the start, or were another bridge's.
        """
        self._stored.update(stored)
        for key in [key for key in self.first if key in stored]:
            self._leave_to_the_store(key)

    def add(self, attempts: Sequence[Attempt]) -> None:
        """Await reports about attempts that were just accepted."""
        first, stored = self.first, self._stored
        for attempt in attempts:
            if attempt.state in FINAL_STATES:
                continue
            single = attempt.provider, attempt.provider_message_id or ""
            for key in keys_of(attempt) if attempt.parts else (single,):
                if stored and key in stored:
                    continue
                held = first.setdefault(key, attempt)
                if held is not attempt:
                    self._queue(key, held, attempt)
        for key in surplus(first, MOST_AWAITED):
            self._leave_to_the_store(key)

    def oldest(self, key: Key, ends: Callable[[Attempt], bool]) -> Attempt:
        """Return the first attempt with an id whose message does not end already, else the first.

        *key* must be in `first`.
        """
        line = [self.first[key], *self.behind.get(key, [])]
        for attempt in line:
            if not ends(attempt):
                return attempt
        return line[0]

    def remove(self, attempt: Attempt) -> bool:
        """Await no report about the message of an attempt; return whether reports were awaited."""
        message_id, removed = attempt.message.message_id, False
        single = attempt.provider, attempt.provider_message_id or ""
        for key in keys_of(attempt) if attempt.parts else (single,):
            held = self.first.get(key)
            if held is None:
                continue
            line = [held, *self.behind.pop(key, ())] if self.behind else [held]
            rest = [each for each in line if each.message.message_id != message_id]
            removed |= len(rest) < len(line)
            if rest:
                self.first[key] = rest[0]
                if len(rest) > 1:
                    self.behind[key] = rest[1:]
            else:
                del self.first[key]
        return removed

    def _queue(self, key: Key, held: Attempt, attempt: Attempt) -> None:
        line = [held, *self.behind.get(key, ())]
        ids = [each.message.message_id for each in line]
        if attempt.message.message_id in ids:  # accepted once more, by another request
            line[ids.index(attempt.message.message_id)] = attempt
        else:
            line.append(attempt)
        self.first[key] = line[0]
        if len(line) > 1:
            self.behind[key] = line[1:]

    def _leave_to_the_store(self, key: Key) -> None:
        del self.first[key]
        self.behind.pop(key, None)
        self._stored.add(key)

"""queue: the attempts of a lane in memory: priority first, then accounts in rotation; pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence

from smppbridge.model.message import Attempt, Message
from smppbridge.relay.lanes.batch import message_id_of

PRIORITIES = 4  # SMPP 3.4, 5.2.14: 0 to 3, the highest goes first


class Line:
    """The attempts that wait for one lane from one account at one priority.

    *depth* counts all attempts, in memory or not; *held* are the message_ids of attempts in memory
    and of attempts that are being recorded; *more*: the store has due attempts not in memory.
    Only the Lane writes these three, and only its Queue the others.
    """

    __slots__ = ("depth", "groups", "held", "more", "priority", "system_id", "waiting")

    def __init__(self, system_id: str, priority: int) -> None:
        self.system_id, self.priority = system_id, priority
        self.depth = self.waiting = 0
        self.more = False
        self.held: set[int] = set()
        self.groups: dict[Hashable, deque[Attempt]] = {}

    def is_of(self, message: Message) -> bool:
        """Return whether the attempts of a message wait in this line."""
        return message.priority == self.priority and message.system_id == self.system_id


class Queue:
    """Attempts in memory, in their order; *group_of* names the group that may share a request.

    Only the Lane changes its queue, but that Backlog puts attempts back, and failover removes
    attempts that go on to another lane.
    """

    def __init__(self, group_of: Callable[[Attempt], Hashable] | None = None) -> None:
        self.lines: dict[tuple[str, int], Line] = {}
        self.waiting = 0
        self.group_of = group_of
        self._levels: list[deque[Line]] = [deque() for _ in range(PRIORITIES)]

    def line(self, attempt: Attempt) -> Line:
        """Return the line that an attempt belongs to."""
        message = attempt.message
        return self.line_of(message.system_id, message.priority)

    def line_of(self, system_id: str, priority: int) -> Line:
        """Return the line of an account at a priority."""
        found = self.lines.get((system_id, priority))
        if found is None:
            found = self.lines[system_id, priority] = Line(system_id, priority)
        return found

    def put(self, line: Line, attempt: Attempt) -> None:
        """Put an attempt at the end of its line."""
        self._group(line, attempt).append(attempt)

    def put_back(self, attempts: Sequence[Attempt]) -> None:
        """Put attempts that were taken to the front of their lines, in order of their message_ids.

        Attempts that are at the front already, and are older, stay before them.
        """
        lines: dict[Line, None] = {}
        groups: dict[int, tuple[deque[Attempt], list[Attempt]]] = {}
        for attempt in attempts:
            line = self.line(attempt)
            lines[line] = None
            group = self._group(line, attempt)
            groups.setdefault(id(group), (group, []))[1].append(attempt)
        for group, back in groups.values():
            last = max(map(message_id_of, back))
            while group and message_id_of(group[0]) < last:
                back.append(group.popleft())
            group.extendleft(sorted(back, key=message_id_of, reverse=True))
        for line in reversed(lines):
            level = self._levels[line.priority]
            level.remove(line)
            level.appendleft(line)

    def take(self, most: int = 1) -> list[Attempt]:
        """Take the next attempt, with up to *most* attempts in all that may share its request.

        No two of these attempts are for the same number.
        """
        line = self._next_line()
        if line is None:
            return []
        name, group = next(iter(line.groups.items()))
        taken: list[Attempt] = []
        if most == 1:
            taken.append(group.popleft())
        else:
            _take_distinct(group, most, taken)
        del line.groups[name]
        if group:
            line.groups[name] = group  # behind the others: no group keeps another from its turn
        self._took(line, len(taken))
        return taken

    def take_each(self, most: int) -> list[Attempt]:
        """Take the next attempts, up to *most*; no two of them share a request."""
        taken: list[Attempt] = []
        while len(taken) < most and (line := self._next_line()) is not None:
            if len(line.groups) > 1 or len(self._levels[line.priority]) > 1:
                taken += self.take()  # other groups of this priority have their turn next
                continue
            name, group = next(iter(line.groups.items()))
            count = min(most - len(taken), len(group))
            taken += [group.popleft() for _ in range(count)]
            if not group:
                del line.groups[name]
            self._took(line, count)
        return taken

    def regroup(self, group_of: Callable[[Attempt], Hashable] | None) -> None:
        """Go by another rule of which attempts may share a request, also for those that wait."""
        self.group_of = group_of
        for line in self.lines.values():
            waiting = [attempt for group in line.groups.values() for attempt in group]
            line.groups = {}
            for attempt in waiting:
                name = group_of(attempt) if group_of else None
                line.groups.setdefault(name, deque()).append(attempt)

    def oldest(self) -> float | None:
        """Return when the message that waits longest was accepted (UNIX seconds)."""
        heads = (group[0] for line in self.lines.values() for group in line.groups.values())
        return min((a.message.accepted_at for a in heads), default=None)

    def remove(self, wanted: Callable[[Attempt], bool]) -> list[Attempt]:
        """Take all attempts that are *wanted*, wherever in their lines."""
        return list(self._removed(self.lines.values(), wanted))

    def withdraw(self, attempt: Attempt) -> bool:
        """Take the attempt of a message out of its line; return whether it was there."""
        name = attempt.message.message_id
        found = self._removed([self.line(attempt)], lambda a: a.message.message_id == name)
        return bool(list(found))

    def _removed(
        self, lines: Iterable[Line], wanted: Callable[[Attempt], bool]
    ) -> Iterator[Attempt]:
        for line in lines:
            for name, group in list(line.groups.items()):
                gone: list[Attempt] = []
                staying: deque[Attempt] = deque()
                for attempt in group:
                    (gone if wanted(attempt) else staying).append(attempt)
                if not gone:
                    continue
                line.groups[name] = staying
                if not staying:
                    del line.groups[name]
                line.waiting -= len(gone)
                self.waiting -= len(gone)
                yield from gone
            if not line.waiting and line in self._levels[line.priority]:
                self._levels[line.priority].remove(line)

    def _group(self, line: Line, attempt: Attempt) -> deque[Attempt]:
        if not line.waiting:
            self._levels[line.priority].append(line)
        line.waiting += 1
        self.waiting += 1
        name = self.group_of(attempt) if self.group_of else None
        group = line.groups.get(name)
        if group is None:
            group = line.groups[name] = deque()
        return group

    def _next_line(self) -> Line | None:
        if not self.waiting:
            return None
        for level in reversed(self._levels):
            if level:
                return level[0]
        return None

    def _took(self, line: Line, count: int) -> None:
        """Let the next account have its turn after *line*, whose turn it was."""
        line.waiting -= count
        self.waiting -= count
        level = self._levels[line.priority]
        if line.waiting:
            level.rotate(-1)
        else:
            level.popleft()


def _take_distinct(group: deque[Attempt], most: int, taken: list[Attempt]) -> None:
    seen: set[str] = set()
    again: list[Attempt] = []
    while group and len(taken) < most:
        attempt = group.popleft()
        number = attempt.message.number
        (again if number in seen else taken).append(attempt)
        seen.add(number)
    group.extendleft(reversed(again))

"""Turns of the reactor into stretches of a message, and these into counts: pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

STRETCHES = ("accept", "submit", "report", "deliver")
_NEXT_ROOMS = ("relay/submit", "relay/lane")
_LAST_ROOM = "relay/deliver"
_NO_FUNCTIONS = ("<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>")
_SUBMIT_SM_RESP = b"\x80\x00\x00\x04"


class Call(NamedTuple):
    """A function of ours that was called, or went on (*fresh* false), at some depth of calls."""

    depth: int
    module: str
    function: str
    fresh: bool = True
    written: bytes = b""
    """The first octets written: then it is no call, but a mark between calls."""


@dataclass(slots=True)
class Turn:
    """What one turn of the reactor called, in order; *phase* is what was to happen meanwhile."""

    phase: str
    by_clock: bool
    calls: list[Call] = field(default_factory=list)

    def shape(self) -> tuple[tuple[str, str], ...]:
        return tuple((call.module, call.function) for call in self.calls if not call.written)


def stretches(turns: Sequence[Turn], messages: int) -> dict[str, list[list[Call]]]:
    """Return the calls of each stretch, turn by turn, of the message whose way was the shortest."""
    idle = {turn.shape() for turn in turns if turn.phase == "idle"}
    kept = [turn for turn in turns if turn.shape() not in idle]
    ways: dict[str, list[list[list[Call]]]] = {name: [] for name in STRETCHES}
    for number in range(messages):
        found = _of_one([turn for turn in kept if turn.phase.startswith(f"{number} ")])
        for name in STRETCHES:
            ways[name].append([calls for calls in found[name] if calls])
    return {name: min(each, key=lambda turns: sum(map(len, turns))) for name, each in ways.items()}


def counted(calls: Sequence[Call]) -> tuple[int, int, int]:
    """Return how many calls there are, of how many modules, and how often the way returns."""
    modules = [call.module for call in calls if _counts(call)]
    before = ["", *modules]
    left: set[str] = set()
    returns = 0
    for last, module in zip(before, modules, strict=False):
        if module != last:
            returns += module in left
            left.add(last)
    return len(modules), len(set(modules)), returns


def way(turns: Sequence[Sequence[Call]]) -> Iterator[str]:
    """Yield a line for each module that the way enters, with what is called there."""
    seen: set[str] = set()
    for turn in turns:
        yield "  --"
        module, functions, mark = "", list[str](), ""
        for call in [*filter(_counts, turn), Call(0, "", "")]:
            if call.module != module:
                if module:
                    yield f"  {mark} {module:28} {' '.join(functions)}"
                mark = "<" if call.module in seen else " "
                module, functions = call.module, []
                seen.add(module)
            functions.append(call.function)


def _counts(call: Call) -> bool:
    name = call.function.rpartition(".")[2]
    return call.fresh and not call.written and name not in _NO_FUNCTIONS


def _of_one(turns: Sequence[Turn]) -> dict[str, list[list[Call]]]:
    """Cut the turns that one message made."""
    found: dict[str, list[list[Call]]] = {name: [] for name in STRETCHES}
    answered = False
    for turn in turns:
        own, deliver = _apart(turn.calls, lambda call: call.module.startswith(_LAST_ROOM))
        if turn.by_clock:
            found["deliver"].append(deliver if len(deliver) > 1 else [])
        elif turn.phase.endswith("acknowledge"):
            found["deliver"].append(turn.calls)
        elif turn.phase.endswith("report"):
            found["report"].append(own)
            found["deliver"].append(deliver)
        elif answered:
            found["submit"].append(turn.calls)
        else:
            accept, submit = _until_answered(turn.calls)
            found["accept"].append(accept)
            found["submit"].append(submit)
            answered = any(_answers(call) for call in turn.calls)
    return found


def _until_answered(calls: list[Call]) -> tuple[list[Call], list[Call]]:
    """Cut a turn where the next room is called after the submit_sm_resp was written."""
    answered = False
    for at, call in enumerate(calls):
        answered = answered or _answers(call)
        if answered and call.module.startswith(_NEXT_ROOMS):
            return calls[:at], calls[at:]
    return calls, []


def _answers(call: Call) -> bool:
    return call.written[4:8] == _SUBMIT_SM_RESP


def _apart(calls: Sequence[Call], wanted: Callable[[Call], bool]) -> tuple[list[Call], list[Call]]:
    """Take the calls that are wanted out, with all that they call."""
    rest: list[Call] = []
    taken: list[Call] = []
    top: int | None = None
    for call in calls:
        if top is not None and call.depth <= top:
            top = None
        if top is None and wanted(call):
            top = call.depth
        (rest if top is None else taken).append(call)
    return rest, taken

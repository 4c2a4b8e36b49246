"""CPU of a message's stretches relative to a loop of pure Python that runs beside them.

Whatever slows the machine down slows both down, so that the quotient stays where microseconds do
not.  On two cores with a load average over 20, ten runs lay within 3.5 % of their median.
"""

from __future__ import annotations

import platform
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory
from time import process_time
from typing import NamedTuple

from tests.benchmarks.house import MESSAGES, house

STRETCHES = ("accept", "relay", "receipt")
LOUD = 0.05
ROUNDS = 80
_WARM = 5  # rounds that are not counted
_STEPS = 1_000  # at a time
_HEAD = struct.Struct(">IIII")
_MEMORY = Path("/dev/shm")  # where a commit costs what it costs the processor alone
_OVER = object()

Relative = Mapping[str, float]
"""Steps of the reference loop that a message costs, by stretch."""


class _Spoken(NamedTuple):
    number: int
    octets: bytes
    name: str


def reference(steps: int = _STEPS) -> int:
    """Pack and unpack, slice, format, build tuples, look up: the bridge does little else."""
    kept: dict[int, _Spoken] = {}
    waiting: list[_Spoken] = []
    found = 0
    for number in range(steps):
        octets = _HEAD.pack(33, 4, 0, number) + b"%d" % number
        length, _, _, again = _HEAD.unpack_from(octets, 0)
        each = _Spoken(again, octets[16:], f"n{again & 255}")
        kept[number & 1023] = each
        waiting.append(each)
        other = kept.get((number * 7) & 1023)
        if other is not None and length > 16:
            found += len(other.octets) + (other.name == each.name)
        if len(waiting) >= 50:
            found += sum([one.number & 1 for one in waiting])
            waiting = []
    return found


def measured(rounds: int = ROUNDS) -> dict[str, float]:
    """Return how many steps of the reference loop a message costs.

    The lower quartile of all rounds: a disturbance that meets one of the two meets the bridge.
    """
    within = str(_MEMORY) if _MEMORY.is_dir() else None
    quotients: dict[str, list[float]] = {name: [] for name in STRETCHES}
    with TemporaryDirectory(dir=within) as folder, house(Path(folder)) as one:
        for number in range(-_WARM, rounds):
            for name in STRETCHES:
                quotient = _quotient(getattr(one, name)())
                if number >= 0:
                    quotients[name].append(quotient)
    return {name: quantiles(each, n=4, method="inclusive")[0] for name, each in quotients.items()}


def compared(now: Relative, kept: Relative) -> list[str]:
    """Return the lines of a comparison; a stretch that costs too much is named loudly."""
    lines = [f"{'steps a message':16}{'kept':>8}{'now':>8}"]
    loud = []
    for name in STRETCHES:
        change = now[name] / kept[name] - 1
        lines.append(f"{name:16}{kept[name]:8.1f}{now[name]:8.1f}{change:+8.1%}")
        if change > LOUD:
            loud.append(
                f"!!! {name} costs {change:.0%} more CPU a message than in the last release"
            )
    return lines + loud


def python() -> str:
    """Return the Python that figures hold for; one of another build differs by up to a half."""
    return platform.python_version()


def _quotient(parts: Iterator[None]) -> float:
    """Let a stretch and the reference loop run by turns; return steps a message."""
    spent = beside = 0.0
    turns, going = 0, True
    while going:
        begun = process_time()
        going = next(parts, _OVER) is not _OVER
        between = process_time()
        reference()
        turns += 1
        spent += between - begun
        beside += process_time() - between
    return (spent / MESSAGES) / (beside / (turns * _STEPS))

"""The memory and the watchdog of a running bridge, by files as the kernel has them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from smppbridge.doctor import process
from smppbridge.doctor.diagnosis import Diagnosis

PID = 7
UNIT = "0::/system.slice/smppbridge.service\n"
MB = 1_000_000


class Kernel:
    """The files about one process."""

    def __init__(self, folder: Path) -> None:
        self.proc, self.groups = folder / "proc", folder / "cgroup"
        (self.proc / str(PID)).mkdir(parents=True)
        self.groups.mkdir()
        self.machine(4_000)
        self.write("cgroup", UNIT)

    def write(self, name: str, text: str) -> None:
        (self.proc / str(PID) / name).write_text(text)

    def machine(self, total: int, free: int | None = None) -> None:
        """Set the memory of the machine, in MB."""
        sizes = {"MemTotal": total, "MemAvailable": total if free is None else free}
        lines = (f"{name}: {size * MB // 1024:>12} kB\n" for name, size in sizes.items())
        (self.proc / "meminfo").write_text("".join(lines))

    def used(self, megabytes: int, swapped: int = 0) -> None:
        kb = MB // 1024
        self.write(
            "status",
            f"Name:\tsmppbridge\nVmRSS:\t{megabytes * kb} kB\nVmSwap:\t{swapped * kb} kB\n",
        )

    def limit(self, group: str, limit: str, name: str = "memory.max") -> None:
        folder = self.groups / group
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"{limit}\n")

    def memory(self, pid: int | None = PID) -> list[Diagnosis]:
        return list(process.memory(pid, self.proc, self.groups))


@pytest.fixture
def kernel(tmp_path: Path) -> Kernel:
    return Kernel(tmp_path)


@pytest.mark.parametrize(("used", "verdict"), [(100, "good"), (850, "look"), (980, "fault")])
@pytest.mark.parametrize(
    ("group", "name", "line"),
    [
        ("system.slice/smppbridge.service", "memory.max", UNIT),
        ("system.slice", "memory.max", UNIT),
        ("memory/docker/7", "memory.limit_in_bytes", "9:cpu:/x\n8:memory,pids:/docker/7\n"),
    ],
)
def test_memory_against_the_least_limit(
    kernel: Kernel, used: int, verdict: str, group: str, name: str, line: str
) -> None:
    kernel.write("cgroup", line)
    kernel.limit("system.slice/smppbridge.service", "max")
    kernel.limit(group, str(1_000 * MB), name)
    kernel.used(used)
    (found,) = kernel.memory()
    assert found.verdict == verdict
    assert "the unit allows it 1,000 MB" in found.says
    assert ("MemoryMax" in found.advice) == (verdict != "good")


def test_memory_of_the_machine_is_a_limit_too(kernel: Kernel) -> None:
    kernel.used(3_500)
    (found,) = kernel.memory()
    assert (found.verdict, "of the machine's 4,000 MB" in found.says) == ("look", True)
    kernel.limit("system.slice", str(9_000 * MB))  # more than there is
    assert kernel.memory()[0].verdict == "look"


def test_a_machine_without_memory_and_a_bridge_that_is_swapped_out(kernel: Kernel) -> None:
    kernel.machine(4_000, free=100)
    kernel.used(100, swapped=150)
    machine, bridge, swap = kernel.memory()
    assert [each.verdict for each in (machine, bridge, swap)] == ["look", "good", "look"]
    assert "100 MB of 4,000 MB" in machine.says
    assert "150 MB" in swap.says
    assert [each.subject for each in kernel.memory(None)] == ["machine"]


def test_a_process_that_is_gone(kernel: Kernel) -> None:
    (found,) = kernel.memory()
    assert (found.verdict, "cannot be looked at" in found.says) == ("look", True)


def test_this_process_is_looked_at() -> None:
    assert process.memory(os.getpid())
    assert "the running bridge has" in list(process.memory(os.getpid()))[-1].says


# -- the watchdog ---------------------------------------------------------------------------------


def looked_at(kernel: Kernel, shown: str | Exception, now: float = 100.0) -> Diagnosis:
    def run(words: Sequence[str]) -> str:
        assert words[:3] == ["systemctl", "show", "smppbridge.service"]
        if isinstance(shown, Exception):
            raise shown
        return shown

    (found,) = process.watchdog(PID, kernel.proc, run, lambda: now)
    return found


def shown(seconds: str, fed: float) -> str:
    return f"WatchdogUSec={seconds}\nWatchdogTimestampMonotonic={fed * 1e6:.0f}\n"


@pytest.mark.parametrize(
    ("answer", "verdict", "says"),
    [
        (shown("30s", 99.5), "good", "30 s, fed 0.5 s ago"),
        (shown("1min 30s", 50.0), "look", "90 s, fed 50.0 s ago: late"),
        (shown("infinity", 0.0), "look", "the unit none any more"),
        (shown("a while", 0.0), "good", "does not say"),
        ("", "good", "does not say"),
        (FileNotFoundError(), "good", "does not say"),
    ],
)
def test_a_watchdog_that_is_on(
    kernel: Kernel, answer: str | Exception, verdict: str, says: str
) -> None:
    kernel.write("environ", "NOTIFY_SOCKET=/run/x\0WATCHDOG_USEC=30000000\0")
    found = looked_at(kernel, answer)
    assert (found.verdict, says in found.says) == (verdict, True), found


def test_a_watchdog_that_is_off(kernel: Kernel) -> None:
    kernel.write("environ", "PATH=/\0NOTIFY_SOCKET=@x\0")
    found = looked_at(kernel, AssertionError())
    assert (found.verdict, found.subject) == ("look", "smppbridge.service")
    assert "WatchdogSec=30" in found.advice


def test_a_bridge_that_systemd_has_not_started(kernel: Kernel) -> None:
    kernel.write("environ", "PATH=/\0")
    assert looked_at(kernel, AssertionError()).verdict == "good"
    assert list(process.watchdog(None)) == []
    (kernel.proc / str(PID) / "environ").unlink()
    assert looked_at(kernel, AssertionError()).verdict == "look"


@pytest.mark.parametrize(
    ("span", "seconds"), [("1h 2min 3s", 3723.0), ("1.5s", 1.5), ("500ms", 0.5), ("0", None)]
)
def test_spans_of_time(span: str, seconds: float | None) -> None:
    assert process.seconds_of(span) == seconds

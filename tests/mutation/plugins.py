"""What a trial changes in pytest: the order of the tests, their longest time, and the forks."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from time import monotonic, process_time
from types import CodeType, FrameType

import _pytest.main
import pytest
from hypothesis import Phase, settings

from tests.mutation.placing import Key, functions_of, place

IMPORT = "(import)"
UNCHANGED = -1  # the trial without a mistake: the tests may have been changed meanwhile
_TIMES, _LEAST_CPU, _LEAST_WALL = 10, 2.0, 60.0  # of a test without a mistake; seconds


@dataclass(slots=True)
class Clean:
    """A run without a mistake: seconds of each test, and the functions that the test calls."""

    failed: list[str] = field(default_factory=list)
    cpu: dict[str, float] = field(default_factory=dict)
    wall: dict[str, float] = field(default_factory=dict)
    called: dict[str, set[str]] = field(default_factory=lambda: {IMPORT: set()})
    imported: list[str] = field(default_factory=list)

    def order(self, items: list[pytest.Item], function: str) -> None:
        """Put first the tests that call a function, of these the quick ones."""
        items.sort(
            key=lambda item: (
                function not in self.called.get(item.nodeid, ()),
                self.cpu.get(item.nodeid, 0.0),
            )
        )


class Repeatable:
    """Makes Hypothesis take the same examples for each mutant, and look for no simpler ones."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self) -> None:
        """Change the profile after conftest has chosen one, before tests take settings from it."""
        phases = (Phase.explicit, Phase.generate)
        settings.register_profile(
            "mutation", settings.default, derandomize=True, database=None, phases=phases
        )
        settings.load_profile("mutation")


class Watch(Repeatable):
    """Notes of each test which functions of one file it calls, and how long it takes."""

    def __init__(self, filename: str) -> None:
        self.clean = Clean()
        self._filename = filename
        self._now = self.clean.called[IMPORT]

    def __enter__(self) -> Watch:
        threading.settrace(self._note)
        sys.settrace(self._note)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)
        threading.settrace(None)

    def _note(self, frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code.co_filename == self._filename:
            self._now.add(plain(frame.f_code.co_qualname))

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Measure one test, its fixtures too."""
        self._now = self.clean.called[item.nodeid] = set()
        wall, cpu = monotonic(), process_time()
        yield
        self.clean.wall[item.nodeid] = monotonic() - wall
        self.clean.cpu[item.nodeid] = process_time() - cpu

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note what fails."""
        if report.failed:
            self.clean.failed.append(report.nodeid)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note what cannot be read."""
        if report.failed:
            self.clean.failed.append(report.nodeid)


class Trial(Repeatable):
    """Runs the likeliest killers of a mutant first, none of them for ever."""

    def __init__(self, clean: Clean, function: str) -> None:
        self._clean, self._function = clean, function

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Bring the tests into their order."""
        self._clean.order(items, self._function)

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Let the process die of a test that takes too long: of computing or of waiting."""
        cpu, wall = self._clean.cpu.get(item.nodeid, 0.0), self._clean.wall.get(item.nodeid, 0.0)
        limit(_LEAST_CPU + _TIMES * cpu, _LEAST_WALL + _TIMES * wall)
        yield


class Forks(Repeatable):
    """Runs the collected tests once for each mutant, in a fork that the mistake is put into."""

    def __init__(
        self,
        filename: str,
        mutants: Iterable[tuple[int, str, dict[Key, CodeType]]],
        clean: Clean,
        tried: Callable[[int, Callable[[], bool]], None],
    ) -> None:
        self._filename, self._mutants, self._clean, self._tried = filename, mutants, clean, tried

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Take the place of the one run of the tests."""
        functions = functions_of(self._filename)

        def killed(function: str, codes: dict[Key, CodeType]) -> bool:
            if not place(functions, codes):
                raise LookupError(f"nothing takes the mistake in {function}")
            return self._fails(session, function)

        self._tried(UNCHANGED, partial(self._fails, session, ""))
        for index, function, codes in self._mutants:
            self._tried(index, partial(killed, function, codes))
        return True

    def _fails(self, session: pytest.Session, function: str) -> bool:
        trial = Trial(self._clean, function)
        session.config.pluginmanager.register(trial)
        trial.pytest_collection_modifyitems(session.items)
        try:
            _pytest.main.pytest_runtestloop(session)
        except session.Failed:
            return True
        return session.testsfailed > 0


def limit(cpu: float, wall: float) -> None:
    """Let the kernel end this process after so many seconds of computing, or of time."""
    signal.setitimer(signal.ITIMER_PROF, cpu)
    signal.setitimer(signal.ITIMER_REAL, wall)


def plain(qualname: str) -> str:
    """Return a function's name as the tree has it."""
    return qualname.replace("<locals>.", "")

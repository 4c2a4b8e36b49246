"""A module's tests against its mutants, each in a fork of a process that has all in memory.

A mistake in a function is put into the functions that exist, after the tests were collected: it is
warm. One elsewhere, or in a function that runs at import, needs all of ours imported anew: cold.
"""

from __future__ import annotations

import importlib
import os
import pickle
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import CodeType

import pytest

from tests.mutation.mutants import Mutant
from tests.mutation.placing import Key, Mutated, changed
from tests.mutation.plugins import IMPORT, UNCHANGED, Clean, Forks, Trial, Watch, limit

_OPTIONS = (
    *("-q", "-x", "--tb=no", "-p", "no:cacheprovider", "-p", "no:randomly"),
    *("-W", "ignore::pytest.PytestAssertRewriteWarning"),
)
_OURS = {"smppbridge", "tests"}
_IMPORT_CPU, _IMPORT_WALL = 60.0, 300.0  # seconds
_PASSED, _FAILED, _BROKEN = 0, 1, 99
_STDERR = os.dup(2)  # pytest and forks point the other one elsewhere


@dataclass(frozen=True, slots=True)
class Target:
    """A module, by its path, and the tests that are to kill its mutants."""

    module: str
    tests: tuple[str, ...]

    @property
    def filename(self) -> str:
        """Return the module's file, as its code has it."""
        return str(Path(self.module).resolve())

    @property
    def source(self) -> str:
        """Return the module's text."""
        return Path(self.module).read_text(encoding="utf-8")

    def run(self, plugin: object) -> int:
        """Run the tests in this process."""
        with tempfile.TemporaryDirectory() as scratch:
            return int(pytest.main([*_OPTIONS, f"--basetemp={scratch}/t", *self.tests], [plugin]))


def run_clean(target: Target) -> Clean:
    """Run the tests without a mistake."""
    read, write = os.pipe()

    def run() -> int:
        before = set(sys.modules)
        with Watch(target.filename) as watch:
            target.run(watch)
        new = [name for name in sys.modules if name not in before]
        watch.clean.imported = [name for name in new if name.partition(".")[0] not in _OURS]
        with open(write, "wb") as pipe:
            pickle.dump(watch.clean, pipe)
        return 0

    process = _fork(run)
    os.close(write)
    with open(read, "rb") as pipe:
        clean: Clean = pickle.load(pipe)
    os.waitpid(process, 0)
    return clean


def try_all(
    target: Target, clean: Clean, mutants: Sequence[Mutant], workers: int
) -> Iterator[tuple[Mutant, bool]]:
    """Say of each mutant whether a test kills it, in the order in which that is known."""
    read, write = os.pipe()
    processes = []
    for share in (range(k, len(mutants), workers) for k in range(workers)):
        worker = _Worker(target, clean, mutants, write)
        processes.append(_fork(partial(worker.work, share)))
    os.close(write)
    try:
        with open(read, encoding="ascii") as pipe:
            for line in pipe:
                index, status = map(int, line.split())
                if index == UNCHANGED:
                    if status != _PASSED:
                        raise RuntimeError("the tests fail without a mistake in a fork")
                    continue
                if status == _BROKEN:
                    raise RuntimeError(f"no trial of {mutants[index]}")
                yield mutants[index], status != _PASSED
    finally:  # all is said, or nobody listens any more
        for process in processes:
            os.kill(process, signal.SIGTERM)
            os.waitpid(process, 0)


@dataclass(frozen=True, slots=True)
class _Worker:
    """A process that tries a share of the mutants, one after the other."""

    target: Target
    clean: Clean
    mutants: Sequence[Mutant]
    pipe: int

    def work(self, share: range) -> int:
        for name in self.clean.imported:
            with suppress(Exception):
                importlib.import_module(name)
        source, filename = self.target.source, self.target.filename
        original = compile(source, filename, "exec", dont_inherit=True)
        at_import = self.clean.called[IMPORT]
        warm: list[tuple[int, str, dict[Key, CodeType]]] = []
        for index in share:
            mutant = self.mutants[index]
            code = mutant.compiled(source, filename)
            codes = changed(original, code)
            if codes and mutant.function and mutant.function not in at_import:
                warm.append((index, mutant.function, codes))
            else:
                self._tried(index, partial(self._cold, mutant.function, code))
        return self.target.run(Forks(filename, warm, self.clean, self._tried))

    def _cold(self, function: str, code: CodeType) -> bool:
        name = self.target.module.removesuffix(".py").replace("/", ".")
        sys.meta_path.insert(0, Mutated(name, code))
        limit(_IMPORT_CPU, _IMPORT_WALL)
        return self.target.run(Trial(self.clean, function)) != 0

    def _tried(self, index: int, killed: Callable[[], bool]) -> None:
        _, status = os.waitpid(_fork(lambda: _FAILED if killed() else _PASSED), 0)
        os.write(self.pipe, b"%d %d\n" % (index, os.waitstatus_to_exitcode(status)))


def _fork(run: Callable[[], int]) -> int:
    """Run in a process of its own, which prints nothing but why it broke; return its id."""
    sys.stdout.flush()
    process = os.fork()
    if process:
        return process
    status = _BROKEN
    try:
        null = os.open(os.devnull, os.O_RDWR)
        for stream in (1, 2):
            os.dup2(null, stream)
        status = run()
    except BaseException:
        os.write(_STDERR, traceback.format_exc().encode())
    finally:
        os._exit(status)

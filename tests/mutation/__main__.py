"""Mutation tests of the core modules: what no test notices when it is wrong.

    python -m tests.mutation [MODULE...] [--table]

MODULE is a path (smppbridge/smpp/codec.py), any part of one, or MODULE=TESTS for one that is not
among the core modules. A mutant is a module with one small mistake; it is killed if a test fails,
or takes ten times its time. Survivors that no test can or should kill stand with their reason in
survivors.toml. --table prints nothing but the table. All of them take a quarter of an hour on two
cores, so CI does not run it; the exit status is 1 if less than 95 % are killed in all, a survivor
has no reason, or a reason no survivor.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from tests.mutation.mutants import Mutant, mutants
from tests.mutation.reasons import EXPLAINED, Reasons
from tests.mutation.targets import CORE
from tests.mutation.trial import Target, run_clean, try_all

_ENOUGH = 0.95
_WORKERS = 2


@dataclass(slots=True)
class Result:
    """What became of one module's mutants."""

    module: str
    count: int
    explained: list[tuple[Mutant, str]] = field(default_factory=list)
    unexplained: list[Mutant] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)

    @property
    def killed(self) -> int:
        """Return how many did not survive."""
        return self.count - len(self.explained) - len(self.unexplained)

    @property
    def is_explained(self) -> bool:
        """Say whether every survivor has a reason, and every reason a survivor."""
        return not (self.unexplained or self.stale)


def main(arguments: list[str]) -> int:
    """Try the modules that are named, or all; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation")
    parser.add_argument("modules", nargs="*", metavar="MODULE[=TESTS]")
    parser.add_argument("--table", action="store_true", help="print nothing but the table")
    parser.add_argument("--reasons", type=Path, default=EXPLAINED, help="instead of survivors.toml")
    options = parser.parse_args(arguments)
    os.nice(max(0, 10 - os.nice(0)))
    results = []
    with tempfile.TemporaryDirectory() as compiled:
        sys.pycache_prefix, sys.dont_write_bytecode = compiled, False
        for target in _targets(options.modules):
            results.append(_tried(target, options.reasons, quiet=options.table))
            if not options.table:
                _print_survivors(results[-1])
    _print_table(results)
    explained = all(result.is_explained for result in results)
    return 0 if explained and _killed(results) >= _ENOUGH else 1


def _targets(words: list[str]) -> list[Target]:
    found = [target for target in CORE if not words]
    for word in words:
        module, _, tests = word.partition("=")
        if tests:
            found.append(Target(module, (tests,)))
            continue
        named = [target for target in CORE if word in target.module]
        if not named:
            sys.exit(f"{word} is none of the core modules: say MODULE=TESTS")
        found += named
    return found


def _tried(target: Target, reasons_file: Path, *, quiet: bool) -> Result:
    all_of_them = list(mutants(target.source))
    result = Result(target.module, len(all_of_them))
    reasons = Reasons(reasons_file, target.module)
    start = monotonic()
    clean = run_clean(target)
    if clean.failed or not clean.cpu:
        sys.exit(f"{target.module}: its tests fail without a mistake: {clean.failed}")
    survivors = []
    for done, (mutant, killed) in enumerate(try_all(target, clean, all_of_them, _WORKERS), 1):
        if not killed:
            survivors.append(mutant)
        if not quiet and sys.stdout.isatty():
            print(f"\r{target.module}: {done} of {result.count}", end="", flush=True)
    for mutant in sorted(survivors, key=lambda one: one.line_number):
        reason = reasons.of(mutant)
        if reason:
            result.explained.append((mutant, reason))
        else:
            result.unexplained.append(mutant)
    result.stale = reasons.stale(survivors)
    if not quiet:
        line_start = "\r" if sys.stdout.isatty() else ""
        print(f"{line_start}{target.module}: {result.count} in {monotonic() - start:.0f} s")
    return result


def _print_survivors(result: Result) -> None:
    for mutant in result.unexplained:
        print(f"  line {mutant.line_number}, {mutant.function or 'the module'}: survives")
        print(f"    - {mutant.line}\n    + {mutant.mutated}")
    for line in result.stale:
        print(f"  is killed, and has a reason: {line}")


def _killed(results: list[Result]) -> float:
    return sum(r.killed for r in results) / max(1, sum(r.count for r in results))


def _print_table(results: list[Result]) -> None:
    wide = max(len(result.module) for result in results)
    print(f"{'module':{wide}}  mutants  killed      %  with reason  without")
    for result in results:
        print(
            f"{result.module:{wide}}  {result.count:7}  {result.killed:6}"
            f"  {100 * _killed([result]):5.1f}"
            f"  {len(result.explained):11}  {len(result.unexplained):7}"
        )
    if len(results) > 1:
        count, killed = sum(r.count for r in results), sum(r.killed for r in results)
        print(f"{'all':{wide}}  {count:7}  {killed:6}  {100 * _killed(results):5.1f}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

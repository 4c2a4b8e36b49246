"""Has a message become dearer since the last release?  ``python -m tests.benchmarks`` compares.

Prints, for each stretch, steps of a reference loop that a message costs, the kept figure and the
change; more than 5 % is said loudly.  The command never fails: a busy machine is no fault.
``--renew`` keeps the figures measured now, which is done with a release; ``--runs 10`` shows their
spread as well.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from tests.benchmarks.relative import ROUNDS, STRETCHES, compared, measured, python

FIGURES = Path(__file__).with_name("figures.json")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="of a run, 200 messages each")
    parser.add_argument("--runs", type=int, default=1, help="the median of their figures counts")
    parser.add_argument("--renew", action="store_true", help="keep the figures")
    given = parser.parse_args(arguments)
    runs = [measured(given.rounds) for _ in range(given.runs)]
    now = {name: median(run[name] for run in runs) for name in STRETCHES}
    kept = json.loads(FIGURES.read_text())
    if kept["python"] == python():
        print("\n".join(compared(now, kept["steps"])))
    else:
        print(f"figures are kept for Python {kept['python']}; on {python()}: {_rounded(now)}")
    if given.runs > 1:
        for name in STRETCHES:
            each = sorted(run[name] for run in runs)
            print(f"{name:16}{each[0]:8.1f} – {each[-1]:.1f}: {each[-1] / each[0] - 1:.1%}")
    if given.renew:
        FIGURES.write_text(
            json.dumps({"python": python(), "steps": _rounded(now)}, indent=2) + "\n"
        )


def _rounded(figures: dict[str, float]) -> dict[str, float]:
    return {name: round(figure, 1) for name, figure in figures.items()}


if __name__ == "__main__":
    main()

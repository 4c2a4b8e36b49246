"""``smppbridge bench``: measurements of this machine."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from smppbridge.bench.figures import Figures, faults, machine, medians, rows
from smppbridge.bench.measurements import MEASUREMENTS, measure, steps
from smppbridge.bench.plan import Plan
from smppbridge.bench.processes import BenchFailed

_POSITIVE = click.IntRange(min=1)
_MOST_MESSAGES = 10_000_000
_WIDE = 160  # characters of a line in a file: nothing is cut


@click.command(
    epilog="Measurements: " + "; ".join(f"{name}: {m.words}" for name, m in MEASUREMENTS.items())
)
@click.option(
    "--messages",
    type=click.IntRange(1, _MOST_MESSAGES),
    default=Plan().messages,
    show_default=True,
    help="Messages of a run.",
)
@click.option("--binds", type=_POSITIVE, default=Plan().binds, show_default=True, help="Sessions.")
@click.option(
    "--window",
    type=_POSITIVE,
    default=Plan().window,
    show_default=True,
    help="submit_sm unanswered on each.",
)
@click.option(
    "--runs",
    type=_POSITIVE,
    default=Plan().runs,
    show_default=True,
    help="Runs, of which the median counts.",
)
@click.option(
    "--stored",
    type=click.IntRange(1, _MOST_MESSAGES),
    default=Plan().stored,
    show_default=True,
    help="Messages in stores with a past.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(min=1.0),
    default=Plan().seconds,
    show_default=True,
    help="How long a bridge is watched that is left to itself.",
)
@click.option(
    "--only",
    type=click.Choice(list(MEASUREMENTS)),
    multiple=True,
    metavar="NAME",
    help="One measurement; can be given several times.  [default: all]",
)
@click.option(
    "--directory",
    type=click.Path(path_type=Path, exists=True, file_okay=False, writable=True),
    help="Where stores are put: the disk that is measured.  [default: the one for temporary files]",
)
@click.option(
    "--against",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="DIR",
    help="A checkout or a virtual environment of another version: cpu measures both by turns.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def bench(only: Sequence[str], as_json: bool, **amounts: Any) -> None:
    """Measure this machine: the bridge, a load and a provider as processes on loopback.

    Exits with 1 if a message or a receipt was refused, lost or doubled.
    """
    plan = Plan(**amounts)
    # SIGTERM ends this as Ctrl-C does: the processes that were started are ended too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    names = [name for name in MEASUREMENTS if not only or name in only]
    try:
        with Progress(console=Console(stderr=True), transient=True) as progress:
            task = progress.add_task("measuring", total=steps(names, plan))
            measured = measure(names, plan, lambda: progress.advance(task))
    except (BenchFailed, OSError) as failure:
        raise click.ClickException(str(failure)) from None
    if as_json:
        click.echo(json.dumps(_document(plan, measured), indent=2))
    else:
        _show(plan, measured)
    wrong = list(faults(measured))
    for line in wrong:
        click.echo(line, err=True)
    sys.exit(1 if wrong else 0)


def _document(plan: Plan, measured: Mapping[str, Sequence[Figures]]) -> dict[str, Any]:
    return {
        "machine": machine(),
        "plan": {
            name: str(value) if isinstance(value, Path) else value
            for name, value in asdict(plan).items()
        },
        "measurements": {
            name: {"median": medians(runs), "runs": list(runs)} for name, runs in measured.items()
        },
    }


def _show(plan: Plan, measured: Mapping[str, Sequence[Figures]]) -> None:
    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDE)
    console.print(", ".join(f"{name} {value}" for name, value in machine().items()))
    console.print(
        f"{plan.messages:,} messages, {plan.binds} binds x window {plan.window}, "
        f"{plan.runs} runs; {plan.stored:,} messages in stores with a past"
    )
    table = Table("measurement", "", box=None, pad_edge=False)
    table.add_column("median", justify="right")
    table.add_column("lowest – highest", justify="right")
    table.add_column("")
    for column in table.columns:
        column.no_wrap = True
    for row in rows(measured):
        table.add_row(*row)
    console.print(table)

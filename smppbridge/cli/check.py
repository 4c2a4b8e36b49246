"""``smppbridge check``: the faults that start-up would find in a configuration."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click

from smppbridge.settings.configuration import load
from smppbridge.settings.document import BadSettings, Fault
from smppbridge.settings.schema import Settings

EX_CONFIG = 78  # sysexits.h


@click.command()
@click.option(
    "--config",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The configuration to check.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the faults as a JSON list.")
def check(config: Path, as_json: bool) -> None:
    """Check a configuration as start-up would.

    Opens no store and no listener, calls no provider.  Prints file, line, key and message of every
    fault and warning; exits with 78 after a fault.
    """
    summary = ""
    try:
        settings = load(config)
        faults = [*settings.warnings(), *_verified(settings)]
        summary = _summary(settings)
    except BadSettings as error:
        faults = list(error.faults)
    failed = any(not fault.warning for fault in faults)
    print_faults(faults, as_json=as_json)
    if failed:
        raise SystemExit(EX_CONFIG)
    if not as_json:
        click.echo(f"ok: {summary}")


def _verified(settings: Settings) -> list[Fault]:
    # Only this needs Twisted and TLS: the faults of a file are printed without them.
    from twisted.internet import reactor

    from smppbridge.service.apply import verify

    return [settings.fault(found.key, found.message) for found in verify(settings, reactor)]


def print_faults(faults: Sequence[Fault], *, as_json: bool = False, err: bool = False) -> None:
    """Print faults, a line each or as JSON; to standard error with *err*."""
    if as_json:
        click.echo(json.dumps([asdict(fault) for fault in faults], indent=2), err=err)
        return
    for fault in faults:
        click.echo(str(fault), err=err)


def _summary(settings: Settings) -> str:
    counted = (
        (len(settings.accounts), "account"),
        (len(settings.providers), "provider"),
        (len(settings.routes), "route"),
    )
    return ", ".join(f"{count} {name}{'' if count == 1 else 's'}" for count, name in counted)

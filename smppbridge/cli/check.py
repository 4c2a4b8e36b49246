"""``smppbridge check``: what start-up would say of a configuration, without starting."""

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

    Opens no store, listens nowhere, calls nobody.  Prints file, line, key and message of every
    fault and warning; exits with 78 if there is a fault.
    """
    summary = ""
    try:
        settings = load(config)
        faults = [*settings.warnings(), *_verified(settings)]
        summary = _summary(settings)
    except BadSettings as error:
        faults = list(error.faults)
    failed = any(not fault.warning for fault in faults)
    tell(faults, as_json=as_json)
    if failed:
        raise SystemExit(EX_CONFIG)
    if not as_json:
        click.echo(f"ok: {summary}")


def _verified(settings: Settings) -> list[Fault]:
    # Only this needs Twisted and TLS: a file that cannot be read is told of without them.
    from twisted.internet import reactor

    from smppbridge.service.apply import verify

    return [settings.fault(found.key, found.message) for found in verify(settings, reactor)]


def tell(faults: Sequence[Fault], *, as_json: bool = False, err: bool = False) -> None:
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
    return ", ".join(f"{count} {what}{'' if count == 1 else 's'}" for count, what in counted)

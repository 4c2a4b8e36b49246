"""Faults of a configuration, printed; and the exit statuses of sysexits(3) that commands have."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

import click

from smppbridge.settings.document import Fault

EX_UNAVAILABLE, EX_TEMPFAIL, EX_NOPERM, EX_CONFIG = 69, 75, 77, 78


def print_faults(faults: Sequence[Fault], *, as_json: bool = False, err: bool = False) -> None:
    """Print faults, a line each or as JSON; to standard error with *err*."""
    if as_json:
        click.echo(json.dumps([asdict(fault) for fault in faults], indent=2), err=err)
        return
    for fault in faults:
        click.echo(str(fault), err=err)

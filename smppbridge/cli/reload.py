"""``smppbridge reload``: the running bridge applies its configuration, or says why not."""

from __future__ import annotations

import json
from typing import Any

import click

from smppbridge.cli.chosen_bridge import BridgeOptions, bridge_options, chosen_bridge
from smppbridge.observe.shown import escaped

_TAKES = {"now": "", "new_sessions": " (for sessions that bind from now on)"}


@click.command()
@bridge_options()
@click.option("--json", "as_json", is_flag=True, help="Print the changes as JSON.")
def reload(where: BridgeOptions, as_json: bool) -> None:
    """Let the running bridge apply its configuration, and print what has changed.

    All of the file is applied, or nothing: exits with 1 and the reason if the file has faults, or
    has a change that only a restart can make.  SIGHUP does the same, and only the log says how it
    went.
    """
    applied = chosen_bridge(where).ask("POST", "/config/reload")
    changes = applied["changes"]
    if applied.get("node"):
        says = f"node {escaped(applied['node'])} alone; `smppbridge nodes` shows who differs"
        click.echo(says, err=True)
    if as_json:
        click.echo(json.dumps(changes))
    elif changes:
        click.echo("\n".join(escaped(_line(each)) for each in changes))
    else:
        click.echo("no setting has changed; certificates were read anew")


def _line(change: dict[str, Any]) -> str:
    old, new = ("(absent)" if each is None else each for each in (change["from"], change["to"]))
    return f"{change['key']}: {old} -> {new}{_TAKES.get(change['takes'], '')}"

"""``smppbridge login``: a link that logs its bearer in to the console, once."""

from __future__ import annotations

from pathlib import Path

import click

from smppbridge.cli.bridge_client import ask, asked_at, socket_path
from smppbridge.observe.shown import escaped


@click.command()
@asked_at
def login(config: Path | None, path: str | None) -> None:
    """Print a link to the console of the running bridge; it works once, within a minute.

    Only root and the bridge's user may ask for one: whoever has the link is admin.
    """
    link = ask(socket_path(config, path), "POST", "/session/links")
    click.echo(link["url"])
    at = f", at node {escaped(link['node'])} alone" if link.get("node") else ""
    click.echo(f"It works once, within {link['seconds']:.0f} seconds{at}.", err=True)

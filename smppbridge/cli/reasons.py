"""``smppbridge reasons``: the refusals of today by reason and peer; binds and callbacks too."""

from __future__ import annotations

import json
from typing import Any

import click

from smppbridge.cli.chosen_bridge import BridgeOptions, bridge_options, chosen_bridge
from smppbridge.cli.rows import as_table
from smppbridge.model.reason_words import Act

_SHOWN = ("last_at", "count", "reason", "about", "detail", "says")


@click.command()
@bridge_options()
@click.option(
    "--act",
    type=click.Choice([act.value for act in Act]),
    metavar="ACT",
    help=f"Only of this act: {', '.join(act.value for act in Act)}.",
)
@click.option("--reason", metavar="WORD", help="Only for this reason: see `help reasons`.")
@click.option("--about", metavar="NAME", help="Only about this account, provider or listener.")
@click.option("--limit", type=click.IntRange(1, 1_000), default=50, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def reasons(where: BridgeOptions, as_json: bool, **wanted: Any) -> None:
    """Show each no of the last 24 hours, the last one first; times are UTC.

    A no has a reason, is about an account, a provider or a listener, and is counted over restarts.
    Refused binds, failed TLS handshakes and wrong callbacks are here.
    """
    query = {name: value for name, value in wanted.items() if value is not None}
    found = chosen_bridge(where).ask("GET", "/reasons", query)["items"]
    if as_json:
        for each in found:
            click.echo(json.dumps(each))
        return
    as_table([{name: each[name] for name in _SHOWN} for each in found], "nothing was refused")
    for remedy in dict.fromkeys(each["remedy"] for each in found if each["remedy"]):
        click.echo(f"- {remedy}")

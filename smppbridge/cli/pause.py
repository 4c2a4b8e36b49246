"""``smppbridge pause`` and ``resume``: a provider's lane, stopped by hand and let go."""

from __future__ import annotations

import json
from collections.abc import Sequence

import click

from smppbridge.cli.bridge_client import OperationRefused
from smppbridge.cli.chosen_bridge import BridgeApi, BridgeOptions, bridge_options, chosen_bridge
from smppbridge.cli.decisions import name_silent, place
from smppbridge.cli.store_option import give_up
from smppbridge.observe.shown import escaped

_SAYS = {
    "pause": "paused: its messages wait, or go to the next provider on their route, until it is"
    " resumed; a restart does not end the pause",
    "resume": "goes on",
    "probe": "is tried now",
}


@click.command()
@bridge_options()
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.argument("providers", nargs=-1, required=True, metavar="PROVIDER...")
def pause(where: BridgeOptions, providers: Sequence[str], as_json: bool) -> None:
    """Let nothing leave to a provider; its messages wait, or go to the next on their route.

    The pause lasts over restarts, until `smppbridge resume`.  Requests that have left are answered.
    """
    switch(chosen_bridge(where), "pause", providers, as_json=as_json)


@click.command()
@bridge_options()
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.argument("providers", nargs=-1, required=True, metavar="PROVIDER...")
def resume(where: BridgeOptions, providers: Sequence[str], as_json: bool) -> None:
    """Let messages leave to a paused provider again."""
    switch(chosen_bridge(where), "resume", providers, as_json=as_json)


def switch(asked: BridgeApi, verb: str, providers: Sequence[str], *, as_json: bool) -> None:
    """Pause, resume or probe providers; exit 1, after all the others, for an unknown one."""
    done, unknown, silent = list[str](), list[str](), dict[str, None]()
    for name in dict.fromkeys(providers):
        try:
            found = asked.ask("POST", f"/providers/{place(name)}/{verb}")
        except OperationRefused as refused:
            if refused.status != 404:
                raise
            unknown.append(name)
            continue
        done.append(name)
        silent |= dict.fromkeys(found.get("silent", ()))
        if not as_json:
            nodes = ", ".join(found.get("nodes", ()))
            at = f" (nodes {escaped(nodes)})" if nodes else ""
            click.echo(f"{escaped(name)} {_SAYS[verb]}{at}")
    if as_json:
        told = {"verb": verb, "done": done, "unknown": unknown, "silent": [*silent]}
        click.echo(json.dumps(told))
    name_silent(silent, "it does it as soon as it can")
    if unknown:
        known = ", ".join(each["name"] for each in asked.ask("GET", "/providers")["items"])
        give_up(escaped(f"there is no provider {', '.join(unknown)}, but {known}"))

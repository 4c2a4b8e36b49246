"""``smppbridge restart``: the next version takes over the sessions of the running bridge."""

from __future__ import annotations

import json
import time
from typing import Any

import click

from smppbridge.cli.bridge_client import BridgeSilent, NoBridge
from smppbridge.cli.chosen_bridge import BridgeApi, BridgeOptions, bridge_options, chosen_bridge
from smppbridge.cli.store_option import give_up
from smppbridge.observe.shown import escaped

_LOOKED_AT = 0.2  # seconds between two looks at a bridge that is restarting
_PLACE = "/restart"


@click.command()
@bridge_options()
@click.option(
    "--wait",
    type=click.FloatRange(min=1, max=3_600),
    default=180.0,
    show_default=True,
    metavar="SECONDS",
    help="How long the new version is waited for.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def restart(where: BridgeOptions, wait: float, as_json: bool) -> None:
    """Let the version that is installed take over from the one that runs; sessions stay bound.

    The new version checks the configuration first.  Sessions over TLS, and those with upstream
    SMSCs, are unbound and bind again. Exits with 1 and the reason if the restart does not come
    about, and the bridge serves on; with 75 if the new version does not answer in time.
    """
    bridge = chosen_bridge(where)
    deadline = time.monotonic() + wait
    before = bridge.ask("GET", _PLACE)
    try:
        bridge.ask("POST", _PLACE)
    except NoBridge as error:  # it may be on its way: the answer was cut off
        click.echo(f"{error.message}; waiting", err=True)
    after = _awaited(bridge, before, deadline)
    if after["instance"] == before["instance"]:
        give_up(escaped(f"not restarted: {after['refused']}"))
    click.echo(json.dumps(after) if as_json else "\n".join(_words(before, after)))


def _awaited(bridge: BridgeApi, before: dict[str, Any], deadline: float) -> dict[str, Any]:
    """Return the state once another program answers, or once this one serves on."""
    while True:
        try:
            state = bridge.ask("GET", _PLACE)
        except NoBridge:
            state = before | {"under_way": True}
        if state["instance"] != before["instance"] or _is_refused(state, before):
            return state
        if time.monotonic() >= deadline:
            raise BridgeSilent("no new version answers yet; see the log")
        time.sleep(_LOOKED_AT)


def _is_refused(state: dict[str, Any], before: dict[str, Any]) -> bool:
    return not state["under_way"] and state["refused_at"] != before["refused_at"]


def _words(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    old, new = before["version"], after["version"]
    runs = f"version {new} runs" if old == new else f"version {new} runs; it was {old}"
    taken_up = after["taken_up"]
    if taken_up is None:
        return [escaped(runs), "it took nothing over: all sessions have to bind again"]
    count, lost = taken_up["sessions"], taken_up["lost"]
    passed = f"{count:,} session{'' if count == 1 else 's'} passed, {lost:,} lost"
    return [escaped(runs), f"{passed}; they stood still for {taken_up['gap_seconds']:.1f} s"]

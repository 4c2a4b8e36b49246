"""The command ``smppbridge``: each subcommand is a module of its own, loaded when it is used."""

from __future__ import annotations

from importlib import import_module

import click

from smppbridge import __version__
from smppbridge.cli.signals import hold_hangup

COMMANDS = {
    "demo": "The bridge and all providers' simulators on this machine; needs no file.",
    "run": "The daemon.",
    "check": "Check a configuration as start-up would.",
    "send": "Submit a message and show its receipt.",
    "listen": "Show what is delivered to an account.",
    "simulate": "Play a provider, or a phone that dials a service code.",
    "account": "Ask a provider about its account: credit, sub-users, top-ups, ...",
    "doctor": "Examine the machine, the bridge, its providers and its callbacks.",
    "status": "Show whether the bridge is ready, its sessions and its lanes.",
    "messages": "Look messages up; decide about Uncertain ones.",
    "reasons": "What was said no to today, and why.",
    "pause": "Let nothing leave to a provider.",
    "resume": "Let messages leave to a paused provider again.",
    "retry": "Send Uncertain messages once more, or try a provider that is down.",
    "fail": "Give messages up that wait or are Uncertain.",
    "move": "Let messages that wait for a provider wait for another one.",
    "trace": "Show what passes between the bridge and one of its peers, for a while.",
    "reload": "Let the running bridge apply its configuration, or say why it may not.",
    "restart": "Let the version that is installed take over; sessions stay bound.",
    "optouts": "Show who wants no more messages; let a number have some again.",
    "export": "Write the CDR files that are due; reconcile them with the store.",
    "nodes": "The bridges that share a store on PostgreSQL; take one out, or have it end.",
    "migrate": "Make the tables of a store on PostgreSQL, or bring them up to date.",
    "store": "Move a store from SQLite to PostgreSQL.",
    "backup": "Copy the store, also while the bridge runs.",
    "restore": "Put a backup in the store's place; nothing is sent again unasked.",
    "text": "Show what a text becomes: alphabet, segments, what a provider gets, what it costs.",
    "conformance": "Show what of SMPP 3.4 is supported.",
    "receipt": "Show the receipts that an account gets: text, fields and octets.",
    "profiles": "Show which settings suit a client's stack, and why.",
    "convert": "Another system's configuration (Kannel, opensmppbox, Jasmin) as a bridge.yaml.",
    "hash": "Hash an account's password for the configuration.",
    "login": "Print a link to the console of the running bridge; it works once.",
    "token": "Make a token for programs that call the API.",
    "bench": "Measure this machine.",
    "help": "Explain a topic, a key, a metric, a status or a command.",
}

_BESIDE = {"resume": "pause", "fail": "retry", "move": "retry"}
"""The modules of commands that have none of their own."""


class Commands(click.Group):
    """Finds subcommands by name in this package."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load a command."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"smppbridge.cli.{_BESIDE.get(cmd_name, cmd_name)}")
        command: click.Command = getattr(module, cmd_name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Load the command that is to run."""
        if args[0] == "run":  # before its modules are loaded, which takes a moment
            ctx.call_on_close(hold_hangup())
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without loading them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=Commands)
@click.version_option(__version__)
def main() -> None:
    """SMPP 3.4 in, HTTP out, receipts back."""

"""``smppbridge account``: the operations of a provider on our account there, besides sending."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import click

from smppbridge.cli.configured_provider import (
    ConfiguredProvider,
    concluded,
    give_up,
    on_terminal,
    permitted,
)
from smppbridge.cli.faults import EX_CONFIG, print_faults
from smppbridge.cli.rows import as_grid, as_it_came, as_lines, as_table
from smppbridge.observe.shown import escaped
from smppbridge.settings.configuration import load
from smppbridge.settings.document import BadSettings
from smppbridge.settings.values import suggestion

DEFAULT_CONFIG = Path("/etc/smppbridge/bridge.yaml")
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
CALL = "call"
LISTING = ""  # the name that no operation has


class Operations(click.Group):
    """Finds an operation by name among the operations of the provider in the arguments."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read --config at any place, and the provider: its operations are the subcommands."""
        front, rest = _config_first(args)
        helps = rest[1:2] == ["--help"]
        if len(rest) == 1 or (rest[1:] and rest[1].startswith("-") and not helps):
            rest.insert(1, LISTING)
        parsed = super().parse_args(ctx, front + rest)
        if not ctx.resilient_parsing:
            ctx.obj = opened(ctx.params["config"], ctx.params["provider"], ctx)
        if helps:
            click.echo(ctx.get_help())
            ctx.exit()
        return parsed

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the operations, `call` last."""
        asked: ConfiguredProvider | None = ctx.obj
        return [] if asked is None else [*asked.operations, *([CALL] if asked.calls else [])]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command for an operation, None if the provider has no such operation."""
        if cmd_name == LISTING:
            return _listing(ctx.obj)
        if cmd_name not in self.list_commands(ctx):
            return None
        if cmd_name == CALL:
            return _call(ctx.obj)
        return _operation(ctx.obj, cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the operation, or fail with the names of all operations."""
        name, *rest = args
        command = self.get_command(ctx, name)
        if command is None:
            known = self.list_commands(ctx)
            ctx.fail(
                f"{ctx.obj.name} has no operation {escaped(name)}{suggestion(name, known)}; "
                f"there are {', '.join(known)}"
            )
        return name, command, rest

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the operations, if the provider is known."""
        if ctx.obj is not None:
            with formatter.section(f"Operations of {ctx.obj.name}"):
                formatter.write_dl(
                    [
                        (f"{r['operation']} {r['arguments']}", r["description"])
                        for r in _rows(ctx.obj)
                    ]
                )


@click.command(cls=Operations, subcommand_metavar="[OPERATION [ARGUMENTS]...] [--json] [--yes]")
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    default=DEFAULT_CONFIG,
    show_default=True,
    metavar="FILE",
    help="The bridge's configuration.",
)
@click.argument("provider")
def account(config: Path, provider: str) -> None:
    """Ask about the account at a provider: credit, and all other operations of its API.

    PROVIDER is a name in the configuration.  Without an OPERATION, lists the provider's operations;
    OPERATION --help shows its arguments.  An operation that moves money asks first, unless there is
    --yes.

    call METHOD PATH makes any request of the provider's API, with the credentials added.
    """


def opened(config: Path, name: str, ctx: click.Context) -> ConfiguredProvider:
    """Return the provider *name* of a configuration; exit with 78 if the configuration is bad."""
    try:
        settings = load(config)
    except BadSettings as error:
        print_faults(error.faults, err=True)
        raise SystemExit(EX_CONFIG) from None
    known = list(settings.providers)
    if name not in known:
        there = f"there are {', '.join(known)}" if known else "there are none"
        ctx.fail(f"no provider is named {escaped(name)}{suggestion(name, known)}; {there}")
    asked = ConfiguredProvider(name, settings.providers[name], settings.built_providers()[name])
    if not (asked.operations or asked.calls):
        over = "SMPP, which has none" if asked.provider.abilities.bound else "HTTP, but has none"
        ctx.fail(
            f"{name} has no operations: its type, {asked.section.type}, is reached over {over}"
        )
    return asked


def _config_first(args: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return --config with its file, and the other arguments."""
    front: list[str] = []
    rest: list[str] = []
    words = iter(args)
    for word in words:
        if word == "--":
            rest += [word, *words]
        elif word == "--config":
            front += [word, *islice(words, 1)]
        else:
            (front if word.startswith("--config=") else rest).append(word)
    return front, rest


# -- the operations as commands ------------------------------------------------------------------


def _rows(asked: ConfiguredProvider) -> list[dict[str, Any]]:
    rows = [
        {
            "operation": name,
            "arguments": " ".join(map(_metavar, operation.arguments)),
            "description": operation.description,
            "moves_money": operation.moves_money,
        }
        for name, operation in asked.operations.items()
    ]
    if asked.calls:
        rows.append(
            {
                "operation": CALL,
                "arguments": "METHOD PATH [--json FILE]",
                "description": "Any request of its API",
                "moves_money": None,
            }
        )
    return rows


def _metavar(argument: str) -> str:
    word = argument.rstrip(".?").upper()
    if argument.endswith("..."):
        word += "..."
    return f"[{word}]" if _optional(argument) else word


def _optional(argument: str) -> bool:
    return argument.removesuffix("...").endswith("?")


def _json_flag() -> click.Option:
    return click.Option(["--json", "as_json"], is_flag=True, help="One JSON object a line.")


def _yes_flag(*, hidden: bool) -> click.Option:
    return click.Option(["--yes"], is_flag=True, hidden=hidden, help="Do not ask.")


def _listing(asked: ConfiguredProvider) -> click.Command:
    def show(as_json: bool) -> None:
        rows = _rows(asked)
        if as_json:
            as_lines(rows)
        else:
            as_table(rows, "")

    return click.Command(LISTING, callback=show, params=[_json_flag()])


def _operation(asked: ConfiguredProvider, name: str) -> click.Command:
    operation = asked.operations[name]
    arguments = {f"a{index}": each for index, each in enumerate(operation.arguments)}
    params: list[click.Parameter] = [
        click.Argument(
            [key],
            metavar=_metavar(each),
            nargs=-1 if each.endswith("...") else 1,
            required=not _optional(each),
        )
        for key, each in arguments.items()
    ]

    def run(as_json: bool, yes: bool, **values: Any) -> None:
        given = {key: values[key] for key in arguments if values[key] is not None}
        if operation.moves_money:
            words = (f"{_metavar(arguments[key])} {value}" for key, value in given.items())
            permitted(asked, ", ".join((f"{name}: {operation.description}", *words)), yes=yes)
        texts = [list(value) if isinstance(value, tuple) else value for value in given.values()]
        found = concluded(asked, partial(operation.run, *texts), changes=operation.moves_money)
        _show(found, as_json=as_json)

    return click.Command(
        name,
        callback=run,
        params=[*params, _json_flag(), _yes_flag(hidden=not operation.moves_money)],
        help=operation.description,
    )


def _show(found: Any, *, as_json: bool) -> None:
    single = isinstance(found, Mapping)
    if as_json:
        as_lines([found] if single else found)
    elif single:
        as_grid(found)
    else:
        as_table(found, "none")


def _call(asked: ConfiguredProvider) -> click.Command:
    @click.command(CALL)
    @click.argument("method", type=click.Choice(METHODS, case_sensitive=False), metavar="METHOD")
    @click.argument("path")
    @click.option(
        "--json",
        "file",
        type=click.File("rb"),
        metavar="FILE",
        help="The body; - is standard input.",
    )
    @click.option("--yes", is_flag=True, hidden=True)
    def call(method: str, path: str, file: Any, yes: bool) -> None:
        """Make any request of the provider's API; the credentials are added.

        PATH follows the configured address.  Prints the body of the answer, on a terminal safe to
        show, else octet for octet; exits with 1 if the status is not 2xx.
        """
        method = method.upper()
        if not path.startswith("/") or not path.isprintable() or " " in path:
            raise click.UsageError("PATH must begin with / and be written as in a URL")
        body = _json_of(file) if file else b""
        start = partial(asked.provider.call, method, path, body)
        answer = concluded(asked, start, changes=method != "GET")
        as_it_came(answer.body, pretty=on_terminal(sys.stdout))
        if not 200 <= answer.status < 300:
            give_up(asked, f"HTTP {answer.status}")

    return call


def _json_of(file: Any) -> bytes:
    body: bytes = file.read()
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        raise click.UsageError("what --json names is no JSON") from None
    return body

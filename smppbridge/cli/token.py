"""``smppbridge token``: a token for programs that call the API, and its digest."""

from __future__ import annotations

import re
import secrets

import click

from smppbridge.web.keyring import ANYBODY, digest_of

PREFIX = "sbt_"
_NAME = re.compile(r"[!#-\[\]-~]{1,64}")


@click.command()
@click.argument("name")
@click.option("--role", type=click.Choice(sorted(ANYBODY)), default="viewer", show_default=True)
def token(name: str, role: str) -> None:
    """Print a new token on standard output, and the entry for web.tokens on standard error.

    The token is shown this once: the configuration has its digest alone.
    """
    if not _NAME.fullmatch(name):
        raise click.ClickException(
            "a name has 1 to 64 printable ASCII characters, and no blank, quote or backslash"
        )
    made = PREFIX + secrets.token_urlsafe(32)
    click.echo(made)
    click.echo("For web.tokens in the configuration; then send SIGHUP:", err=True)
    click.echo(f'  - {{name: "{name}", role: {role}, sha256: "{digest_of(made)}"}}', err=True)

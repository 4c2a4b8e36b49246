"""``smppbridge profiles``: the settings that suit a stack, and why."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import click

from smppbridge.settings.profiles import NEED_NONE, PROFILES, Profile, known_profile


def _name(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    try:
        return None if value is None else known_profile(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@click.command()
@click.argument("name", required=False, callback=_name)
@click.option("--json", "as_json", is_flag=True, help="Print the profiles as JSON.")
def profiles(name: str | None, as_json: bool) -> None:
    """Show what `profile: NAME` on an account sets, and why.

    Without a name, lists the profiles. A key that the account has itself wins over its profile. An
    unknown name exits with 2.
    """
    shown = PROFILES if name is None else {name: PROFILES[name]}
    if as_json:
        click.echo(json.dumps({key: _facts(each) for key, each in shown.items()}, indent=2))
    elif name is None:
        _list()
    else:
        click.echo("\n".join(_explained(name, PROFILES[name])))


def written(value: Any) -> str:
    """Return a value as it stands in a file."""
    if isinstance(value, list):
        return f"[{', '.join(map(written, value))}]"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _facts(profile: Profile) -> Mapping[str, Any]:
    chosen = [
        {"key": each.key, "value": each.value, "why": each.why, "source": each.source}
        for each in profile.choices
    ]
    return {"suits": profile.suits, "values": profile.values(), "choices": chosen}


def _list() -> None:
    width = max(map(len, (*PROFILES, *NEED_NONE)))
    for name, profile in PROFILES.items():
        click.echo(f"{name:<{width}}  {profile.suits}")
        for each in profile.choices:
            click.echo(f"{'':<{width}}    {each.key}: {written(each.value)}")
    click.echo("\nThese need none:")
    for name, why in NEED_NONE.items():
        click.echo(f"{name:<{width}}  {why}")


def _explained(name: str, profile: Profile) -> Iterator[str]:
    yield f"{name}: {profile.suits}"
    for each in profile.choices:
        yield ""
        yield f"  {each.key}: {written(each.value)}"
        yield f"    {each.why}"
        yield f"    source: {each.source}"

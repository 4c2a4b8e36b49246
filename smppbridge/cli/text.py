"""``smppbridge text``: the alphabet and segments of a text, and what a provider would be sent."""

from __future__ import annotations

import sys
import unicodedata
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from smppbridge.cli.faults import EX_CONFIG, print_faults
from smppbridge.cli.rows import as_grid, as_it_came, as_lines, as_table, as_text
from smppbridge.observe.shown import escaped
from smppbridge.settings.configuration import load
from smppbridge.settings.document import BadSettings
from smppbridge.settings.schema import Settings
from smppbridge.settings.values import suggestion
from smppbridge.text.coding import Alphabet
from smppbridge.text.errors import Unencodable
from smppbridge.text.measured import culprits, measured
from smppbridge.text.transliteration import obstacles, transliterated

_ALPHABETS = {Alphabet.GSM7: "GSM 03.38", Alphabet.UCS2: "UCS-2"}
_MOST_POSITIONS = 8  # in a table
Facts = dict[str, Any]


@click.command("text")
@click.argument("text")
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The bridge's configuration: shows also what the provider of the route would be sent.",
)
@click.option("--account", "system_id", help="The account that sends; default: the first one.")
@click.option("--from", "source", help="Source address; default: DEMO.")
@click.option("--to", "number", help="Destination, as 243810000001; default: one is made up.")
@click.option("--offline", is_flag=True, help="Do not ask the provider for the price.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def text(
    text: str,
    config: Path | None,
    system_id: str | None,
    source: str | None,
    number: str | None,
    offline: bool,
    as_json: bool,
) -> None:
    """Show the alphabet, octets and segments of TEXT, and what transliteration would make of it.

    If TEXT is -, it is read from standard input. With --config, the request of the provider is
    shown without its secrets, and not sent; where the provider knows a price, it is asked for the
    price of the message.

    Exits with 1 if the message would be refused, 78 if the configuration is bad.
    """
    given = _from_stdin() if text == "-" else text
    facts = _facts(given)
    refused = ""
    if config is not None:
        settings = _loaded(config)
        facts["sent"] = sent = _sent(settings, system_id, source, number, given, offline=offline)
        refused = sent.get("refused", "")
    elif offline or any(each is not None for each in (system_id, source, number)):
        raise click.UsageError("--account, --from, --to and --offline go with --config")
    if as_json:
        as_lines([facts])
    else:
        _print(facts)
    if refused:
        raise click.ClickException(f"it would be refused: {escaped(refused)}")


def _from_stdin() -> str:
    octets = sys.stdin.buffer.read()
    try:
        given = octets.decode("utf-8")
    except UnicodeDecodeError as error:
        raise click.UsageError(f"octet {error.start} of the text is not UTF-8") from None
    return given.removesuffix("\n").removesuffix("\r")


# -- the text alone -------------------------------------------------------------------------------


def _facts(given: str) -> Facts:
    if not given:
        raise click.UsageError("the text is empty")
    try:
        facts = _measured(given)
    except Unencodable as error:
        raise click.UsageError(f"character {error.position + 1} is none") from None
    facts["ucs2_because"] = _foreign(given)
    after = transliterated(given)
    if after != given:
        made = _measured(after)
        saved = facts["segments"] - made["segments"]
        facts["transliterated"] = {"text": after, **made, "saves": saved}
    else:
        facts["transliterated"] = None
        facts["obstacles"] = list(obstacles(given))
    return facts


def _measured(given: str) -> Facts:
    found = measured(given)
    return asdict(found) | {"alphabet": _ALPHABETS[found.alphabet]}


def _foreign(given: str) -> list[Facts]:
    """Return the characters that GSM 03.38 lacks, with their positions from 1."""
    return [
        {
            "character": character,
            "code": f"U+{ord(character):04X}",
            "name": unicodedata.name(character, "without a name"),
            "positions": found,
        }
        for character, found in culprits(given).items()
    ]


# -- at a provider --------------------------------------------------------------------------------


def _loaded(config: Path) -> Settings:
    try:
        return load(config)
    except BadSettings as error:
        print_faults(error.faults, err=True)
        raise SystemExit(EX_CONFIG) from None


def _account_of(settings: Settings, system_id: str | None) -> str:
    known = [account.system_id for account in settings.accounts]
    if not known:
        raise click.UsageError("the configuration has no account")
    account = known[0] if system_id is None else system_id
    if account not in known:
        hint = suggestion(account, known)
        raise click.UsageError(f"no account is called {escaped(account)}{hint}")
    return account


def _sent(
    settings: Settings,
    system_id: str | None,
    source: str | None,
    number: str | None,
    given: str,
    *,
    offline: bool,
) -> Facts:
    # Only this needs the whole of the bridge: a text alone is measured at once.
    from smppbridge.cli.preview import PreviewRefused, preview_of, some_number

    account = _account_of(settings, system_id)
    ends = {
        "account": account,
        "from": "DEMO" if source is None else source,
        "to": some_number(settings) if number is None else number,
    }
    try:
        found = preview_of(settings, account, ends["from"], ends["to"], given)
        requests = found.requests()
    except PreviewRefused as refusal:
        return {**ends, "refused": str(refusal)}
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    unasked = "not asked for: " if offline or number is None else ""
    price = found.price(unasked and unasked + ("--offline" if offline else "the number is made up"))
    return {
        **ends,
        "provider": found.asked.name,
        "then": list(found.then),
        "text": found.message.text,
        "requests": requests,
        "price": None if isinstance(price, str) else price.amount,
        "unit": None if isinstance(price, str) else price.unit,
        "priced_segments": None if isinstance(price, str) else price.parts,
        "no_price": price if isinstance(price, str) else None,
    }


# -- for people -----------------------------------------------------------------------------------


def _print(facts: Facts) -> None:
    as_grid(_shown(facts) | {"in GSM 03.38": _transliteration(facts)})
    if facts["transliterated"]:
        click.echo()
        as_text(facts["transliterated"]["text"])
    if facts["ucs2_because"]:
        click.echo("\nThese characters make it UCS-2:")
        as_table([_row(each) for each in facts["ucs2_because"]], "")
    if "sent" in facts:
        click.echo()
        _print_sent(facts["sent"])


def _shown(facts: Facts) -> Facts:
    left, count = facts["left"], facts["segments"]
    last = "in the last one" if count > 1 else "in it"
    names = ("alphabet", "characters", "octets")
    return {
        **{name: facts[name] for name in names},
        "segments": f"{count}, {left} character{'' if left == 1 else 's'} left {last}",
    }


def _transliteration(facts: Facts) -> str:
    """Return the gain of transliteration in words."""
    made, before = facts["transliterated"], facts["segments"]
    if made is not None:
        saved = f"saves {made['saves']} of {before}" if made["saves"] else "saves none"
        return f"{made['segments']} segment{'' if made['segments'] == 1 else 's'}, {saved}"
    if facts["obstacles"]:
        return f"cannot be, because of {' '.join(facts['obstacles'])}"
    return "would be no gain" if facts["ucs2_because"] else "it is there already"


def _row(foreign: Facts) -> Facts:
    places = foreign["positions"]
    shown = ", ".join(map(str, places[:_MOST_POSITIONS]))
    more = f" and {len(places) - _MOST_POSITIONS} more" if len(places) > _MOST_POSITIONS else ""
    return {**foreign, "positions": shown + more}


def _print_sent(sent: Facts) -> None:
    ends = {name: sent[name] for name in ("account", "from", "to")}
    if "refused" in sent:
        as_grid(ends)
        return
    price = sent["no_price"] or _priced(sent)
    shown = {"provider": sent["provider"], "if it fails": ", ".join(sent["then"])}
    as_grid({**ends, **shown, "price": price})
    for request in sent["requests"]:
        click.echo()
        if "pdu" in request:
            as_grid(request)
            continue
        click.echo(f"{request['method']} {request['url']}")
        if request["body"]:
            as_it_came(f"{request['body']}\n".encode(), pretty=True)


def _priced(sent: Facts) -> str:
    count = sent["priced_segments"]
    unit = sent["unit"] or "in the account's currency"
    return f"{sent['price']:g} {unit}, for {count} segment{'s' if count > 1 else ''}"

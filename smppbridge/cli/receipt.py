"""``smppbridge receipt``: the receipts that an account gets, as text, fields and octets."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, get_args

import click

from smppbridge.cli.default_paths import configured
from smppbridge.cli.faults import EX_CONFIG, print_faults
from smppbridge.cli.rows import as_grid, as_lines
from smppbridge.model.account import Account, Secret
from smppbridge.model.receipts import Form
from smppbridge.observe.shown import escaped
from smppbridge.relay.receipt_example import STATES, VERSIONS, ExampleReceipt, examples
from smppbridge.settings.configuration import load
from smppbridge.settings.document import BadSettings
from smppbridge.settings.receipts import AccountReceiptsSection
from smppbridge.settings.values import suggestion
from smppbridge.smpp.constants import MessageState
from smppbridge.smpp.receipt import STAT, read_stat

Facts = dict[str, Any]


@click.command("receipt")
@click.option("--account", "system_id", help="The account; default: the first one.")
@click.option("--state", help="DELIVERED, EXPIRED, ... or DELIVRD, ...; default: all of them.")
@click.option(
    "--form",
    type=click.Choice(get_args(Form)),
    help="A form of receipts.form instead of an account's own; reads no configuration.",
)
@click.option(
    "--version",
    type=click.Choice(tuple(VERSIONS)),
    default="3.4",
    show_default=True,
    help="The SMPP that the ESME says it speaks; one of 3.3 gets no TLVs.",
)
@configured("The bridge's configuration.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, a state a line.")
def receipt(
    system_id: str | None,
    state: str | None,
    form: Form | None,
    version: str,
    config: Path,
    as_json: bool,
) -> None:
    """Show the receipts that an account gets: the text, the PDU's fields and its octets.

    The message is an example: of now, from BANK to 243810000001.  Nothing is sent.

    Exits with 78 if the configuration is bad.
    """
    states = STATES if state is None else (_state(state),)
    if form is not None:
        if system_id is not None:
            raise click.UsageError("--form and --account do not go together")
        terms = AccountReceiptsSection(form=form).terms()
        account = Account(system_id="any", password=Secret(), receipts=terms)
    else:
        account = _account(config, system_id)
    found = [_facts(each) for each in examples(account, states, VERSIONS[version], time.time())]
    if as_json:
        as_lines(found)
        return
    for number, facts in enumerate(found):
        if number:
            click.echo()
        as_grid(facts)


def _state(word: str) -> MessageState:
    names = {each.name for each in map(MessageState, STAT)} | {w.decode() for w in STAT.values()}
    if word.upper() not in names:
        hint = suggestion(word.upper(), sorted(names))
        raise click.UsageError(f"no receipt has the state {escaped(word)}{hint}")
    state = MessageState.__members__.get(word.upper()) or read_stat(word)
    assert state is not None
    return state


def _account(config: Path, system_id: str | None) -> Account:
    try:
        accounts = load(config).records()
    except BadSettings as error:
        print_faults(error.faults, err=True)
        raise SystemExit(EX_CONFIG) from None
    if not accounts:
        raise click.UsageError("the configuration has no account")
    name = next(iter(accounts)) if system_id is None else system_id
    if name not in accounts:
        hint = suggestion(name, accounts)
        raise click.UsageError(f"no account is called {escaped(name)}{hint}")
    return accounts[name]


def _facts(receipt: ExampleReceipt) -> Facts:
    """Return a receipt as it is printed: fields that are 0 or empty are left out."""
    return {
        "state": receipt.state.name,
        "text": receipt.text,
        "length": len(receipt.text),
        "pdu": receipt.pdu,
        **receipt.fields,
        "octets": receipt.octets.hex(),
    }

"""The tables of the pages, made from the code: a maker for each mark that a page can hold."""

from __future__ import annotations

import io
import runpy
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from functools import partial
from inspect import cleandoc

import click

from smppbridge.cli.main import COMMANDS, main
from smppbridge.cli.profiles import written
from smppbridge.cli.simulate import SERVED
from smppbridge.docs import conformance
from smppbridge.docs.files import DECISIONS, title_of
from smppbridge.docs.files import read as page
from smppbridge.docs.glossary import ANSWERED, EVENTS, ODDITIES, STAGES, STATES, STATUSES
from smppbridge.docs.markdown import chapters, table
from smppbridge.docs.night import CAUSES
from smppbridge.model.reasons import MEANINGS as REASONS
from smppbridge.model.treatments import TREATMENTS, UNKNOWN, USES
from smppbridge.net.oddities import REMEDIES
from smppbridge.observe.log import LEVELS
from smppbridge.observe.names import NAMES
from smppbridge.providers.d7 import D7
from smppbridge.providers.exchange import Abilities, Provider
from smppbridge.providers.keccel import Keccel
from smppbridge.providers.mspace import MSpaceLegacy, MSpaceV2
from smppbridge.providers.smpp import Smpp
from smppbridge.providers.smscx import SmsCx
from smppbridge.providers.template.placeholders import (
    ALLOWED,
    MEANINGS,
    TLV,
    TLV_MEANING,
    WITH_TLVS,
)
from smppbridge.settings.example import tables as settings
from smppbridge.settings.profiles import PROFILES
from smppbridge.simulators.magic import BEHAVIOURS, DELIVERED, THROTTLED_TIMES, Behaviour
from smppbridge.smpp.receipt import STAT

# Each provider with everything configured that adds an ability; a template has its page's.
_RICHEST: Mapping[str, Provider] = {
    "keccel": Keccel(token="t"),
    "mspace_legacy": MSpaceLegacy(username="u", password="p"),
    "mspace_v2": MSpaceV2(username="u", apikey="k", batch=100),
    "smscx": SmsCx(api_key="k", schedule="provider", pull_reports=True),
    "d7": D7(username="u", password="p", batch=100, callback_url="https://sms.example.org/x"),
    "smpp": Smpp(host="h", system_id="s", password="p", tlvs="pass"),
}
_ABLE: Mapping[str, Callable[[Abilities], bool]] = {
    "messages of octets": lambda able: able.binary,
    "many messages in a request": lambda able: able.batch > 1,
    "a request repeated safely": lambda able: able.idempotent > 0,
    "keeps scheduled messages": lambda able: able.schedules,
    "drops scheduled messages": lambda able: able.cancels,
    "reports by itself": lambda able: able.callbacks,
    "reports when asked": lambda able: able.polling,
    "asked for whatever is new": lambda able: able.pulling,
    "messages from phones": lambda able: able.phones,
    "credit": lambda able: able.balance,
    "price of a message": lambda able: able.prices,
    "message class (flash)": lambda able: able.classes,
    "message waiting indication": lambda able: able.indications,
    "TLVs": lambda able: bool(able.tags),
}
_ANSWERS: Mapping[str, str] = {
    "reject": "is refused",
    "error": "gets a server error (HTTP 500, ESME_RSYSERR)",
    "throttle": f"is throttled {THROTTLED_TIMES} times (HTTP 429, ESME_RTHROTTLED), then accepted",
    "silence": "is never answered",
}


def text_of(mark: str) -> str:
    """Return the text that belongs at *mark* in a page; raises KeyError."""
    return _MAKERS[mark]()


def behaviour_words(behaviour: Behaviour) -> str:
    """Return in words how a simulator treats a message."""
    if behaviour.answer in ("reject", "error", "silence"):
        return _ANSWERS[behaviour.answer]
    words = [_ANSWERS[behaviour.answer]] if behaviour.answer in _ANSWERS else []
    if behaviour.answer_after:
        words.append(f"is answered after {behaviour.answer_after:g} s")
    if behaviour.state is None:
        return " and ".join([*words, "is never reported"])
    times = "" if behaviour.reports == 1 else f" {behaviour.reports} times"
    when = " before it is answered" if behaviour.early else ""
    return " and ".join([*words, f"is reported {behaviour.state.name}{times}{when}"])


def options_of(command: click.Command) -> list[tuple[str, str, str]]:
    """Return the options of a command: how each is written, its default, its meaning."""
    found = []
    for each in command.params:
        if isinstance(each, click.Option) and not each.hidden:
            shown = each.metavar or ("" if each.is_flag else each.type.name.upper().split()[0])
            default = str(each.default) if each.show_default is True else ""
            usage = " ".join(filter(None, [f"`{each.opts[0]}`", shown]))
            meaning = each.help or ""
            if isinstance(each.type, click.Choice) and not each.metavar:
                meaning = f"{meaning} One of {', '.join(map(str, each.type.choices))}.".strip()
            found.append((usage, "required" if each.required else default, meaning))
    return found


def command_named(name: str) -> click.Command:
    """Return the command called *name*; raises KeyError."""
    if name not in COMMANDS:
        raise KeyError(name)
    command = main.get_command(click.Context(main), name)
    assert command is not None
    return command


def usage_of(name: str, command: click.Command) -> str:
    """Return the usage line of a command."""
    context = click.Context(command, info_name=name, parent=click.Context(main))
    words = " ".join(command.collect_usage_pieces(context))
    return f"smppbridge {name} {words}".strip()


def _section(name: str) -> str:
    rows = [(f"`{r.key}`", r.default and f"`{r.default}`", r.meaning) for r in settings()[name]]
    return table(("key", "default", "meaning"), rows)


def _abilities() -> str:
    names = [*(f"`{name}`" for name in _RICHEST), "`template`"]
    rows = [
        [can, *("yes" if able(one.abilities) else "" for one in _RICHEST.values()), "as described"]
        for can, able in _ABLE.items()
    ]
    account = [", ".join(one.operations) for one in _RICHEST.values()]
    return table(["", *names], [*rows, ["`account`", *account, "call"]])


def _metrics() -> str:
    rows = [(f"`{n}`", of.kind, " ".join(of.labels), of.help) for n, of in NAMES.items()]
    return table(("metric", "kind", "labels", "meaning"), rows)


def _statuses() -> str:
    rows = [
        (f"0x{int(status):08X}", f"`{status.name}`", says, ANSWERED.get(status, ""))
        for status, says in STATUSES.items()
    ]
    return table(("number", "name", "what it says", "when the bridge answers it"), rows)


def _states() -> str:
    rows = [
        (str(int(state)), state.name, STAT.get(state, b"").decode(), says)
        for state, says in STATES.items()
    ]
    return table(("number", "message_state", "stat", "meaning"), rows)


def _stages() -> str:
    return table(("stage", "meaning"), [(stage.name, says) for stage, says in STAGES.items()])


def _events() -> str:
    rows = [(f"`{name}`", LEVELS.get(name, "info"), says) for name, says in EVENTS.items()]
    return table(("event", "level", "meaning"), rows)


def _conformance() -> str:
    return chapters(conformance.statement())


def _profiles() -> str:
    rows = [
        (f"`{name}`", each.suits, ", ".join(f"`{c.key}: {written(c.value)}`" for c in each.choices))
        for name, each in PROFILES.items()
    ]
    return table(("profile", "suits", "sets"), rows)


def _reasons() -> str:
    rows = [(f"`{r}`", each.act, each.says, each.remedy) for r, each in REASONS.items()]
    return table(("word", "of", "meaning", "what to do"), rows)


def _night() -> str:
    rows = [(c.bank_says, c.name, f"`smppbridge {c.command}`", c.shows) for c in CAUSES]
    return table(("the bank says", "cause", "command", "what it shows"), rows)


def _oddities() -> str:
    rows = [(f"`{o}`", says, REMEDIES[o] and f"`{REMEDIES[o]}`") for o, says in ODDITIES.items()]
    return table(("kind", "what a client does", "setting that helps"), rows)


def _digits() -> str:
    rows = [(digits, behaviour_words(BEHAVIOURS[digits])) for digits in sorted(BEHAVIOURS)]
    rows.append(("any others", behaviour_words(DELIVERED)))
    return table(("last two digits", "the message"), rows)


def _simulators() -> str:
    rows = [(f"`{name}`", one.name, one.serves, one.reports) for name, one in SERVED.items()]
    return table(("name", "plays", "serves", "reports"), rows)


def _commands() -> str:
    rows = [(f"`smppbridge {name}`", says) for name, says in COMMANDS.items()]
    return table(("command", "what it does"), rows)


def _options() -> str:
    parts = []
    for name in COMMANDS:
        command = command_named(name)
        parts += [f"## {name}", f"    {usage_of(name, command)}", cleandoc(command.help or "")]
        if isinstance(command, click.Group) and command.commands:
            rows = [(f"`{sub}`", each.get_short_help_str(200)) for sub, each in _within(command)]
            parts.append(table(("subcommand", "what it does"), rows))
        if options := options_of(command):
            parts.append(table(("option", "default", "meaning"), options))
    return "\n\n".join(parts)


def _within(group: click.Group) -> list[tuple[str, click.Command]]:
    return sorted(group.commands.items())


def _placeholders() -> str:
    rows = [
        (f"`{{{name}}}`", says, ", ".join(place for place in ALLOWED if name in ALLOWED[place]))
        for name, says in MEANINGS.items()
    ]
    rows.append((f"`{{{TLV}NAME}}`", TLV_MEANING, ", ".join(sorted(WITH_TLVS))))
    return table(("placeholder", "what stands in its place", "where it may stand"), rows)


def _tlvs() -> str:
    rows = [
        (f"0x{int(tag):04X}", f"`{tag.name.lower()}`", str(each.use), each.words)
        for tag, each in TREATMENTS.items()
    ]
    rows.append(("all others from 0x0100 on", "", str(UNKNOWN.use), UNKNOWN.words))
    return table(("tag", "name", "use", "more"), rows)


def _uses() -> str:
    return table(("use", "meaning"), [(str(use), words) for use, words in USES.items()])


def _decisions() -> str:
    return "\n".join(f"- [{title_of(page(name))}]({name}.md)" for name in DECISIONS)


def _source(name: str) -> str:
    return f"```python\n{page(f'examples/{name}', '.py').rstrip()}\n```"


def _output(name: str) -> str:
    printed = io.StringIO()
    with redirect_stdout(printed):
        runpy.run_module(f"smppbridge.docs.examples.{name}")
    return f"```\n{printed.getvalue().rstrip()}\n```"


_MAKERS: Mapping[str, Callable[[], str]] = {
    **{f"settings {name or 'top'}": partial(_section, name) for name in settings()},
    "providers": _abilities,
    "placeholders": _placeholders,
    "tlvs": _tlvs,
    "uses of tlvs": _uses,
    "metrics": _metrics,
    "statuses": _statuses,
    "states": _states,
    "stages": _stages,
    "events": _events,
    "conformance": _conformance,
    "profiles": _profiles,
    "oddities": _oddities,
    "reasons": _reasons,
    "night": _night,
    "digits": _digits,
    "simulators": _simulators,
    "commands": _commands,
    "options": _options,
    "decisions": _decisions,
    "source smpp_session": partial(_source, "smpp_session"),
    "output smpp_session": partial(_output, "smpp_session"),
}
MARKS = frozenset(_MAKERS)
"""The marks for which a text can be made; each stands in at least one page."""

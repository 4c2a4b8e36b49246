"""Names and their meanings: of keys, metrics, statuses, states, events, oddities, commands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches

from smppbridge.cli.main import COMMANDS
from smppbridge.cli.profiles import written
from smppbridge.docs.files import TOPICS
from smppbridge.docs.glossary import ANSWERED, EVENTS, ODDITIES, STAGES, STATES, STATUSES
from smppbridge.docs.tables import behaviour_words, command_named, options_of, usage_of
from smppbridge.model.reasons import MEANINGS as REASONS
from smppbridge.net.oddities import REMEDIES
from smppbridge.observe.log import LEVELS
from smppbridge.observe.names import NAMES
from smppbridge.providers.template.placeholders import MEANINGS
from smppbridge.settings.example import tables as settings
from smppbridge.settings.profiles import PROFILES
from smppbridge.simulators.magic import BEHAVIOURS
from smppbridge.smpp.receipt import STAT

_PREFIX = "smppbridge_"
_SUFFIXES = ("_bucket", "_sum", "_count")
_MOST_NEAR = 5


@dataclass(frozen=True, slots=True)
class HelpEntry:
    """A name with its kind, the *facts* about it, and the topic with more.

    *others* are further names of the entry. A key is found by any run of its parts:
    ``accounts.binds.total`` also by ``binds`` and ``binds.total``.
    """

    name: str
    kind: str
    facts: tuple[tuple[str, str], ...]
    topic: str
    others: tuple[str, ...] = ()

    @property
    def is_key(self) -> bool:
        """Return whether the entry is a key of the configuration file."""
        return self.kind.startswith("key")

    @property
    def summary(self) -> tuple[str, str]:
        """Return the default, or nothing, and the meaning."""
        facts = dict(self.facts)
        return facts.get("default", ""), facts.get("meaning", "")

    def is_called(self, name: str) -> bool:
        """Return whether *name*, in lower case, is a name of the entry."""
        if name in (self.name.lower(), *map(str.lower, self.others)):
            return True
        return self.is_key and f".{name}." in f".{self.name.lower()}."


def found(name: str) -> list[HelpEntry]:
    """Return the entries called *name*, in capitals or not; one of exactly that name is first."""
    name = name.lower()
    for suffix in _SUFFIXES:
        if name.startswith(_PREFIX) and name.removesuffix(suffix) in NAMES:
            name = name.removesuffix(suffix)
    called = [entry for entry in entries() if entry.is_called(name)]
    return sorted(called, key=lambda entry: entry.name.lower() != name)


def near(name: str) -> list[str]:
    """Return a few names that *name* may have been meant for: alike, or with *name* in them."""
    name = name.lower()
    known = {each: each for each in TOPICS}
    for entry in entries():
        known |= {each.lower(): shown for each, shown in _words(entry, "." in name)}
    alike = get_close_matches(name, known, _MOST_NEAR)
    holding = [each for each in known if len(name) > 2 and name in each]
    return list(dict.fromkeys(known[each] for each in (*alike[:2], *holding, *alike)))[:_MOST_NEAR]


def _words(entry: HelpEntry, whole: bool) -> Iterator[tuple[str, str]]:
    """Yield the words by which an entry can be meant, each with the name to suggest."""
    if entry.is_key and not whole:
        last = entry.name.rpartition(".")[2]
        yield last, last
        return
    for word in (entry.name, *entry.others):
        if not word[0].isdigit():
            yield word, entry.name


def entries() -> Iterator[HelpEntry]:
    """Yield the entries of all names."""
    yield from _keys()
    yield from _metrics()
    yield from _statuses()
    yield from _states()
    yield from _events()
    yield from _oddities()
    yield from _reasons()
    yield from _commands()
    yield from _digits()
    for name, says in MEANINGS.items():
        facts = (("meaning", says),)
        yield HelpEntry(f"{{{name}}}", "placeholder of a template", facts, "template", (name,))


def _keys() -> Iterator[HelpEntry]:
    for section, rows in settings().items():
        type_ = section.removeprefix("type ") if section.startswith("type ") else ""
        kind = f"key of a provider with type: {type_}" if type_ else "key of the configuration"
        topic = "template" if type_ == "template" else "providers" if type_ else section
        for row in rows:
            name = f"{type_ or section}.{row.key}".removeprefix(".")
            facts = (("default", row.default or "none"), ("meaning", row.meaning))
            yield HelpEntry(name, kind, facts, topic if topic in TOPICS else "settings")


def _metrics() -> Iterator[HelpEntry]:
    for name, of in NAMES.items():
        facts = [("labels", " ".join(of.labels) or "none"), ("meaning", of.help)]
        if of.bounds:
            facts.append(("buckets", " ".join(f"{bound:g}" for bound in of.bounds)))
        yield HelpEntry(name, of.kind, tuple(facts), "metrics", (name.removeprefix(_PREFIX),))


def _statuses() -> Iterator[HelpEntry]:
    for status, says in STATUSES.items():
        facts = [("number", f"0x{int(status):08X} ({int(status)})"), ("meaning", says)]
        if status in ANSWERED:
            facts.append(("answered", ANSWERED[status]))
        name = status.name
        others = (name.removeprefix("ESME_"), f"0x{int(status):x}", f"0x{int(status):08x}")
        yield HelpEntry(
            name, "command_status", tuple(facts), "statuses", (*others, str(int(status)))
        )


def _states() -> Iterator[HelpEntry]:
    for state, says in STATES.items():
        stat = STAT.get(state, b"").decode()
        facts = [("number", str(int(state))), ("meaning", says)]
        if stat:
            facts.append(("stat", stat))
        yield HelpEntry(
            state.name, "message_state", tuple(facts), "statuses", (stat,) if stat else ()
        )
    for stage, says in STAGES.items():
        yield HelpEntry(stage.name, "stage of a message", (("meaning", says),), "statuses")


def _events() -> Iterator[HelpEntry]:
    for name, says in EVENTS.items():
        facts = (("level", LEVELS.get(name, "info")), ("meaning", says))
        yield HelpEntry(name, "event of the log", facts, "log")


def _oddities() -> Iterator[HelpEntry]:
    for oddity, says in ODDITIES.items():
        facts = [("meaning", says), ("setting that helps", REMEDIES[oddity] or "none is needed")]
        yield HelpEntry(oddity.value, "oddity of a session", tuple(facts), "profiles")
    for name, profile in PROFILES.items():
        sets = [("sets", f"{each.key}: {written(each.value)}") for each in profile.choices]
        facts = [("meaning", profile.suits), *sets]
        yield HelpEntry(name, "profile of an account", tuple(facts), "profiles")


def _reasons() -> Iterator[HelpEntry]:
    for reason, each in REASONS.items():
        facts = (("meaning", each.says), ("what to do", each.remedy))
        yield HelpEntry(reason.value, f"reason of a {each.act}", facts, "reasons")


def _commands() -> Iterator[HelpEntry]:
    for name, says in COMMANDS.items():
        command = command_named(name)
        options = [(f"  {usage.replace('`', '')}", text) for usage, _, text in options_of(command)]
        facts = (("meaning", says), ("usage", usage_of(name, command)), *options)
        yield HelpEntry(name, "command", facts, "commands")


def _digits() -> Iterator[HelpEntry]:
    for digits, behaviour in BEHAVIOURS.items():
        facts = (("meaning", f"A message to it {behaviour_words(behaviour)}"),)
        yield HelpEntry(digits, "last digits of a number, to a simulator", facts, "simulators")

"""The pages as files: their topics, their texts, and the places of their tables."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from importlib.resources import files
from types import MappingProxyType

_HERE = files("smppbridge.docs")
_MADE = re.compile(r"(?ms)^<!-- (?P<mark>.+?) -->\n(?P<text>.*?)^<!-- end -->\n")
_MARK = re.compile(r"(?m)^<!-- .+? -->\n")

TOPICS: Mapping[str, str] = MappingProxyType(
    {
        "settings": "Every key of the configuration file, but for those of providers",
        "providers": "The types of providers: what each can do, and its keys",
        "template": "A provider as a page of YAML: how to write it, and its keys",
        "routes": "Which provider gets a message, failover, source addresses",
        "tlvs": "What becomes of TLVs: names, India's DLT, message classes (flash)",
        "mo": "Messages from phones, and numbers that opted out",
        "ussd": "USSD dialogues with an ESME",
        "operation": "Install, signals, health, the Uncertain desk, backups, CDR",
        "nodes": "Several bridges on one PostgreSQL: when, how, and what happens when one dies",
        "metrics": "What Prometheus gets, and what is worth an alert",
        "log": "Every event of the log",
        "esme": "What an ESME can do, and what it is answered and sent",
        "conformance": "What of SMPP 3.4 is served, passed on, ignored and refused",
        "profiles": "What clients do otherwise than SMPP 3.4 says, and the settings that help",
        "statuses": "command_status, message_state and stage by name and number",
        "reasons": "Why a no was said: the words in log, metrics and timelines, and what to do",
        "commands": "Every command with its options",
        "simulators": "Programs that play providers, and what their digits mean",
        "smpp": "SMPP 3.4 as a Python library, with an example",
        "measured": "How fast the bridge is, and how that was measured",
        "decisions": "Why it is built as it is, with figures",
        "changes": "What changed for an operator, by version",
        "license": "The licence",
    }
)
"""The topics with a line about each, in the order in which a newcomer would read them."""

_ELSEWHERE = {"changes": "CHANGES.md", "license": "LICENSE"}
_FOLDER = "decisions"
DECISIONS = tuple(
    sorted(
        f"{_FOLDER}/{each.name.removesuffix('.md')}"
        for each in (_HERE / _FOLDER).iterdir()
        if each.name.endswith(".md")
    )
)
"""The pages of decisions, by their paths without ending."""
PAGES = tuple(name for name in TOPICS if name not in _ELSEWHERE)


def read(name: str, ending: str = ".md") -> str:
    """Return a file of this package."""
    return (_HERE / f"{name}{ending}").read_text("utf-8")


def topic(name: str) -> str:
    """Return the page of a topic, a decision or a type of provider; raises KeyError.

    A decision can be named by its number, or without its number. Marks are left out.
    """
    if name in _ELSEWHERE:
        return read(_ELSEWHERE[name], "")
    if name in TOPICS:
        return _MARK.sub("", read(name))
    for path in DECISIONS:
        stem = path.removeprefix(f"{_FOLDER}/")
        number, _, words = stem.partition("-")
        if name in (path, stem, number, words):
            return read(path)
    return _MARK.sub("", _type_of_provider(name))


def _type_of_provider(name: str) -> str:
    """Return the chapter about a type of provider; raises KeyError."""
    for chapter in read("providers").split("\n## ")[1:]:
        title, _, text = chapter.partition("\n")
        if title == f"type: {name}":
            more = "The keys of every provider: `smppbridge help providers`."
            return f"# {title}\n{text.rstrip()}\n\n{more}\n"
    raise KeyError(name)


def title_of(text: str) -> str:
    """Return the title of a page."""
    return text.partition("\n")[0].removeprefix("# ")


def marks_in(text: str) -> tuple[str, ...]:
    """Return the marks of a page, in their order."""
    return tuple(found["mark"] for found in _MADE.finditer(text))


def renewed(text: str, made: Callable[[str], str]) -> str:
    """Return a page with everything between its marks made anew."""

    def whole(found: re.Match[str]) -> str:
        return f"<!-- {found['mark']} -->\n{made(found['mark'])}\n<!-- end -->\n"

    return _MADE.sub(whole, text)

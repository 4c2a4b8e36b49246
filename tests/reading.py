"""Pages as tests read them: code blocks, tables, links, and the commands that they tell to type."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence

import click

from smppbridge.cli.main import COMMANDS, main
from smppbridge.docs import files
from smppbridge.docs.entries import found

_SPAN = re.compile(r"(?s)`(smppbridge [^`]*)`")
_LINE = re.compile(r"(?m)^    (?:\.venv/bin/)?(smppbridge .*?)(?:\s+#.*)?$")
_DYNAMIC = ("account",)  # whose operations are those of a provider


def blocks(text: str, language: str) -> list[str]:
    """Return the fenced blocks of a language."""
    return re.findall(rf"(?ms)^```{language}\n(.*?)^```$", text)


def rows_of(text: str) -> list[list[str]]:
    """Return the cells of the first table, without its head."""
    lines = text[text.index("\n|") + 1 :].partition("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line[1:-1].split(" | ")] for line in lines]


def links_in(text: str) -> list[str]:
    """Return the targets of links to files."""
    return [link for link in re.findall(r"\]\(([^)]+)\)", text) if "://" not in link]


def commands_in(text: str) -> list[list[str]]:
    """Return the commands that stand in a page, in words."""
    prose = re.sub(r"(?ms)^```.*?^```$", "", text)
    spans = [" ".join(span.split()) for span in _SPAN.findall(prose)]
    return [shlex.split(line) for line in [*spans, *_LINE.findall(prose)]]


def mistakes_of(words: Sequence[str]) -> list[str]:
    """Return what a command says that the command line does not know."""
    name, *rest = words[1:] or [""]
    if name not in COMMANDS:
        return [f"no command {name}"]
    if name == "help":
        return [f"no help {word}" for word in rest if not _explained(word)]
    command = main.get_command(click.Context(main), name)
    assert command is not None
    return list(_unknown(command, rest)) if name not in _DYNAMIC else []


def _explained(word: str) -> bool:
    if word.isupper() or word.startswith("["):
        return True  # it stands for a word
    try:
        return bool(files.topic(word))
    except KeyError:
        return bool(found(word))


def _unknown(command: click.Command, words: Sequence[str]) -> Iterator[str]:
    known = {opt: each for each in command.params for opt in each.opts if opt.startswith("--")}
    takes = False
    for word in words:
        if takes:
            takes = False
        elif word == "--help":
            return
        elif word.startswith("--"):
            option = known.get(word.partition("=")[0])
            if option is None:
                yield f"no option {word}"
                return
            takes = isinstance(option, click.Option) and not option.is_flag and "=" not in word
        elif isinstance(command, click.Group):
            if word not in command.commands and not word.isupper():
                yield f"no {word}"
            return

"""No word of the list without a place that gives it and a test; no place without a word."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import smppbridge
from smppbridge.docs.night import CAUSES
from smppbridge.model.reason_words import Reason
from smppbridge.net import binds, proxied, room, tls_listener
from smppbridge.smpp.constants import CommandStatus
from tests.model.test_verdicts import TABLE

PACKAGE, TESTS = Path(smppbridge.__file__).parent, Path(__file__).parents[1]
OF_OTHERS = ("docs", "model", "web", "cli")  # they show words, and give none
SOURCES = {
    path: path.read_text("utf-8")
    for path in PACKAGE.rglob("*.py")
    if path.relative_to(PACKAGE).parts[0] not in OF_OTHERS
    or path.name in ("channel.py", "callbacks.py")
}
TESTED = {path: path.read_text("utf-8") for path in TESTS.rglob("test_*.py")}
OWN = Path(__file__).parent


def named(reason: Reason) -> re.Pattern[str]:
    return re.compile(rf"""Reason\.{reason.name}\b|["']{reason.value}["']""")


@pytest.mark.parametrize("reason", list(Reason))
def test_every_word_is_given_somewhere(reason: Reason) -> None:
    assert any(named(reason).search(text) for text in SOURCES.values())


@pytest.mark.parametrize("reason", list(Reason))
def test_every_word_has_a_test(reason: Reason) -> None:
    found = [path for path, text in TESTED.items() if path.parent != OWN]
    assert any(named(reason).search(TESTED[path]) for path in found)


def test_every_word_of_a_listener_is_of_the_list() -> None:
    words = {
        room.NO_ROOM, room.GAVE_WAY, room.STOPPING, room.NEVER_BOUND,
        tls_listener.SLOW, tls_listener.CLOSED, tls_listener.NOT_TLS, tls_listener.NOT_COMMON,
        tls_listener.NOT_TRUSTED, tls_listener.FAILED, tls_listener.CLIENT,
        proxied.NO_HEADER, proxied.BAD_HEADER, binds.NOT_FORGIVEN, binds.UNKNOWN,
    }  # fmt: skip
    assert words <= set(Reason)


def calls(name: str, within: str = "") -> Iterator[ast.Call]:
    for path, text in SOURCES.items():
        if within not in path.parts and within:
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == name:
                yield node


def test_every_place_gives_a_word() -> None:
    found = [*calls("reason"), *calls("_reason")]
    counted = [ast.unparse(call.args[0]) for call in found if call.args]
    assert len(counted) >= 15
    word = re.compile(r"(Reason\.[A-Z_]+|why|reason|refusal\.reason)(\.value)?")
    others = {each for each in counted if not word.fullmatch(each)}
    assert others == {"judged.reason"}
    refusals = [ast.unparse(call) for call in calls("Refusal", "relay")]
    assert len(refusals) >= 40
    starred = re.compile(r"\*(fault|_SCHEDULE|_VALIDITY)|\breason\b|each|status")
    bare = [each for each in refusals if "Reason." not in each and not starred.search(each)]
    assert bare == []


def test_every_refused_callback_has_a_word() -> None:
    words = set()
    for call in calls("_note_refused"):
        literals = [node for node in ast.walk(call) if isinstance(node, ast.Constant)]
        words |= {node.value for node in literals if isinstance(node.value, str)}
    assert words
    assert words <= set(Reason)


@pytest.mark.parametrize("cause", CAUSES, ids=[cause.name for cause in CAUSES])
def test_a_cause_of_the_night_shows_words_that_there_are(cause: tuple[str, ...]) -> None:
    shown = set(re.findall(r"[a-z0-9]+(?:_[a-z0-9]+)+", cause[3]))
    known = set(Reason) | {row[0] for row in TABLE} | {"ucs2_as_default", "registered_delivery"}
    assert shown <= known
    for number in re.findall(r"0x[0-9A-F]{8}", cause[1]):
        assert int(number, 16) in set(CommandStatus)

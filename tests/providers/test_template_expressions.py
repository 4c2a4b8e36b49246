"""Regular expressions of a template: linear, refused in words, and otherwise what Python's are."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
import re2
from hypothesis import given
from hypothesis import strategies as st

from smppbridge.providers.template.expressions import MAX_STEPS, expression
from smppbridge.providers.template.places import find
from tests.providers.described import faults

UNLUCKY = [r"(\w*\w*\w?\w?\w?\w?x)", r"(.*?.*?.{1,20}?x)"]  # 12 and 17 s with Python's own
LINEAR = [*UNLUCKY, r"(?:a+)+x", r"(?:a|a)*x", r"(?:(?:a?){9}){9}x", r".*.*.*.*x", r"(\pL*x)"]
SEARCH = """
import sys
from smppbridge.providers.template.places import find
for place in sys.argv[1:]:
    assert find(place, "text")("a" * 500) is None
"""


@pytest.mark.parametrize("place", LINEAR)
def test_an_expression_that_check_accepts_takes_bounded_steps_on_any_answer(place: str) -> None:
    compiled = expression(place)
    assert type(compiled) is type(re2.compile("x"))
    assert compiled.programsize <= MAX_STEPS
    assert compiled.options.max_mem <= 1 << 20


def test_an_answer_of_500_octets_does_not_stop_the_reactor() -> None:
    subprocess.run([sys.executable, "-c", SEARCH, *UNLUCKY], check=True, timeout=20)


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("(", "is not a regular expression: missing ): ("),
        (r"[\Z]", r"is not a regular expression: invalid escape sequence: \Z"),
        (r"\C", r"is not a regular expression: invalid escape sequence: \C"),
        (r"\Qa\E", r"is not a regular expression: invalid escape sequence: \Q"),
        ("(?x) a", "is not a regular expression: invalid perl operator: (?x"),
        ("a{2000}", "is not a regular expression: invalid repetition size: {2000}"),
        ("\\", "is not a regular expression: trailing \\"),
        ('"\\ud800"', "is not a regular expression: half a character"),
        ("(a)(b)", "has more than one group: write (?:...) for those that are not meant"),
        (r"(a)\1", r"refers back to a group, \1: write out the characters that stand there"),
        ("(?P<n>a)(?P=n)", "refers back to a group, (?P: write out"),
        *((f"a{look}b)", f"looks ahead or behind, {look}...)") for look in ("(?=", "(?!")),
        *((f"a{look}b)", f"looks ahead or behind, {look}...)") for look in ("(?<=", "(?<!")),
        ("(?:(?:.?){30}){30}x", "is too large, more than 2500 steps: write * or +"),
        (r"(?:\pL{1,30}){1,30}x", "is too large, more than 2500 steps: write * or +"),
    ],
)
def test_check_says_in_words_at_line_and_key_what_cannot_be(place: str, words: str) -> None:
    quoted = place if place.startswith('"') else f"'{place}'"
    text = f"""
        submit:
          url: https://acme.test/send?to={{number}}&text={{text}}
          read: text
          id: {quoted}
    """
    ((line, key, message),) = faults(text)
    assert (line, key) == (5, "submit.id")
    assert message.startswith(words)


@pytest.mark.parametrize(
    ("place", "text", "found"),
    [
        (r"id=(\w+)", "OK id=a_1-2", "a_1"),
        (r"OK \d+", "OK 12 OK 13", "OK 12"),
        (r"(?P<id>\d+)$", "OK 12\n", "12"),
        (r"(\d+)\Z", "OK 12", "12"),
        (r"(\d+)\z", "OK 12\n", "12"),
        (r"x{,2}y", "xxxy", "xxy"),
        (r"[{,3}]+\{,3", "{,{,3", "{,{,3"),
        (r"(?i)ok: (.*)", "OK: é\nno", "é"),
        (r"(?ms)^b.(c)$", "a\nb\nc\nd", "c"),
        (r"(?:a|ab)(c|bcd)", "abcd", "bcd"),
        (r"a(b)?c", "ac", None),
        (r"(\w+)", "Envoyé", "Envoy"),
        (r"(\pL+)", "1 Envoyé!", "Envoyé"),
        (r"(\p{Nd}+)", "id ١٢", "١٢"),
        (r"(\d+)", "id ١٢", None),
        ("é(.)", "éé€", "é"),
        (r"[^\]]+", "]a]", "a"),
        ("no", "yes", None),
    ],
)
def test_what_stands_there_is_found(place: str, text: str, found: str | None) -> None:
    assert find(place, "text")(text) == found


ATOMS = st.sampled_from(
    ["a", "b", "é", ".", r"\d", r"\w", r"\W", r"\s", "[ab]", "[^a]", r"[\d-]", r"\.", r"\b", " "]
)
REPEATS = st.sampled_from(["", "", "", "*", "+", "?", "*?", "+?", "{2}", "{1,2}", "{,2}", "{2,}?"])
PIECES = st.lists(st.tuples(ATOMS, REPEATS).map("".join), min_size=1, max_size=4).map("".join)
SIMPLE = st.builds(
    "{}{}({}|{}){}{}".format,
    st.sampled_from(["", "^", "(?i)", r"\A"]),
    PIECES,
    PIECES,
    PIECES,
    PIECES,
    st.sampled_from(["", "$", r"\Z"]),
).filter(lambda place: not re.search(r"\\b[*+?{]", place))


@given(SIMPLE, st.text("abAB12 -.\n", max_size=12) | st.text("aé1 ", max_size=12))
def test_simple_expressions_find_what_pythons_find(place: str, text: str) -> None:
    theirs = re.compile(place, re.ASCII).search(text)
    assert find(place, "text")(text) == (theirs[1] if theirs else None)

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smppbridge.routing.mo import MoRule, MoTable, keyword_of

RULES = [
    MoRule("bank", "243810000001"),
    MoRule("world", "2438*"),
    MoRule("congo", "243*"),
    MoRule("shop", "12345"),
    MoRule("bank", "12345", "bal"),
    MoRule("polls", "12345", "vote", "d7"),
    MoRule("marketing", "*", "", "smscx"),
    MoRule("stops", "*", "stop"),
    MoRule("too late", "12345"),
]


@pytest.mark.parametrize(
    ("provider", "destination", "text", "account"),
    [
        ("d7", "243810000001", "hello", "bank"),
        ("d7", "243810000002", "hello", "world"),
        ("d7", "243990000002", "hello", "congo"),
        ("d7", "2438", "hello", "world"),
        ("d7", "243", "hello", "congo"),
        ("d7", "24", "hello", None),
        ("d7", "", "", None),
        ("d7", "12345", "", "shop"),
        ("d7", "12345", "hello", "shop"),
        ("d7", "12345", " bAl 77", "bank"),
        ("d7", "12345", "balance", "shop"),
        ("d7", "12345", "my bal", "shop"),
        ("d7", "123456", "bal", None),
        ("d7", "12345", "VOTE 1", "polls"),
        ("other", "12345", "VOTE 1", "shop"),
        ("smscx", "99", "hello", "marketing"),
        ("smscx", "243990000002", "hello", "congo"),
        ("smscx", "243810000001", "Stop!", "stops"),
        ("d7", "99", "STOP", "stops"),
    ],
)
def test_an_mo_message_goes_where_the_rules_say(
    provider: str, destination: str, text: str, account: str | None
) -> None:
    assert MoTable(RULES).account(provider, destination, keyword_of(text)) == account


def test_the_provider_counts_last() -> None:
    table = MoTable([MoRule("any", "2438*"), MoRule("its", "2438*", "", "d7")])
    assert table.account("d7", "243810000001", "") == "its"
    assert table.account("keccel", "243810000001", "") == "any"
    assert MoTable().account("d7", "243810000001", "") is None


@pytest.mark.parametrize(
    ("text", "keyword"),
    [
        ("", ""),
        (" \n\t", ""),
        ("BAL", "bal"),
        ("\n STOP. please", "stop"),
        ('"Bal"', "bal"),
        ("...", ""),
        ("*100#", "*100#"),
        ("STRASSE ß", "strasse"),
        ("Straße", "strasse"),
        ("رصيد 1", "رصيد"),
    ],
)
def test_a_keyword_is_the_first_word(text: str, keyword: str) -> None:
    assert keyword_of(text) == keyword


@given(st.text(max_size=20))
def test_a_keyword_is_read_as_itself(text: str) -> None:
    keyword = keyword_of(text)
    assert keyword_of(f"{keyword} more") == (keyword or "more")


numbers = st.text("123", max_size=4)
rules = st.builds(
    MoRule,
    st.text("ab", min_size=1, max_size=2),
    st.builds(str.__add__, numbers, st.sampled_from(["", "*"])),
    st.sampled_from(["", "bal"]),
    st.sampled_from(["", "d7"]),
)


@given(st.lists(rules, max_size=8), st.sampled_from(["d7", "x"]), numbers, st.sampled_from("xy"))
def test_it_is_the_best_rule_that_matches(
    listed: list[MoRule], provider: str, destination: str, word: str
) -> None:
    keyword = {"x": "bal", "y": ""}[word]

    def takes(rule: MoRule) -> bool:
        beginning = rule.to.endswith("*") and destination.startswith(rule.to[:-1])
        of_it = rule.provider in ("", provider) and rule.keyword in ("", keyword)
        return of_it and (beginning or rule.to == destination)

    def merit(rule: MoRule) -> tuple[bool, bool, int, bool]:
        return bool(rule.keyword), not rule.to.endswith("*"), len(rule.to), bool(rule.provider)

    best = max(filter(takes, listed), key=merit, default=None)
    found = MoTable(listed).account(provider, destination, keyword)
    assert found == (best.account if best else None)

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smppbridge.routing.explain import Miss, NumberedRule, explained
from smppbridge.routing.rules import Rule
from smppbridge.routing.table import Table

BANK = frozenset(("bank",))
RULES = [
    NumberedRule(place, rule)
    for place, rule in enumerate(
        [
            Rule("", ("a",)),
            Rule("243", ("b",)),
            Rule("243", ("c",), accounts=BANK),
            Rule("243", ("d",), accounts=BANK, senders=("BANK*",)),
            Rule("243", ("e",)),
            Rule("2439", ("f",), senders=("SHOP",)),
            Rule("44", ("g",)),
        ]
    )
]


@pytest.mark.parametrize(
    ("way", "hit"),
    [
        (("bank", "BANK24", "243810000001"), 3),
        (("bank", "X", "243810000001"), 2),
        (("shop", "BANK24", "243810000001"), 1),
        (("shop", "SHOP", "243910000001"), 5),
        (("shop", "SHOP", "33123456789"), 0),
        (("shop", "", "4420"), 6),
    ],
)
def test_the_rule_that_has_a_message(way: tuple[str, str, str], hit: int) -> None:
    found = explained(RULES, *way)
    assert found.hit is not None
    assert found.hit.place == hit
    assert len(found.missed) == len(RULES) - 1


def test_each_other_rule_has_its_reason_and_the_nearest_are_first() -> None:
    found = explained(RULES, "bank", "X", "243810000001")
    assert [(each.numbered.place, each.why) for each in found.missed] == [
        (0, Miss.SHORTER),
        (1, Miss.LESS_EXACT),
        (4, Miss.LESS_EXACT),
        (3, Miss.SENDER),
        (5, Miss.PREFIX),
        (6, Miss.PREFIX),
    ]
    others = explained(RULES, "shop", "X", "243810000001").missed
    whys = {each.numbered.place: each.why for each in others}
    assert (whys[4], whys[2], whys[3]) == (Miss.LATER, Miss.ACCOUNT, Miss.ACCOUNT)


def test_without_a_rule() -> None:
    found = explained(RULES[1:], "shop", "X", "33123456789")
    assert found.hit is None
    assert {each.why for each in found.missed} == {Miss.PREFIX}
    assert explained([], "shop", "X", "33123456789").missed == ()


rules = st.builds(
    Rule,
    st.sampled_from(["", "2", "24", "243", "4"]),
    st.just(("x",)),
    st.sampled_from([frozenset(), BANK, frozenset(("shop",))]),
    st.sampled_from([(), ("A*",), ("AB",), ("AB", "C*")]),
)


@settings(max_examples=60)
@given(
    st.lists(rules, max_size=6),
    st.sampled_from(["bank", "shop", "x"]),
    st.sampled_from(["", "A", "AB", "C"]),
    st.sampled_from(["243", "24", "2", "49"]),
)
def test_it_says_what_the_table_does(
    written: list[Rule], system_id: str, source: str, destination: str
) -> None:
    named = [Rule(r.to, (str(n),), r.accounts, r.senders) for n, r in enumerate(written)]
    numbered = [NumberedRule(n, rule) for n, rule in enumerate(named)]
    choice = Table(named).find(system_id, source, destination)
    found = explained(numbered, system_id, source, destination)
    assert (found.hit and found.hit.rule.via) == (choice and choice.via)
    assert len(found.missed) == len(named) - (found.hit is not None)

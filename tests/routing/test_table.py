from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smppbridge.routing.rules import Rule
from smppbridge.routing.table import Table

BANK = frozenset({"bank"})
RULES = [
    Rule("", ("world",)),
    Rule("243", ("congo", "spare")),
    Rule("243", ("congo again",)),
    Rule("24381", ("vodacom",)),
    Rule("24381", ("bank's",), accounts=BANK),
    Rule("44", ("alerts",), senders=("ALERT", "OTP*")),
    Rule("44", ("bank's britain",), accounts=BANK),
    Rule("44", ("both",), accounts=BANK, senders=("OTP1",)),
    Rule("7", ()),
    Rule("999", ("clinic's",), accounts=frozenset({"clinic", "lab"})),
]


@pytest.mark.parametrize(
    ("system_id", "source", "destination", "via"),
    [
        ("shop", "X", "33612345678", ("world",)),
        ("shop", "X", "", ("world",)),
        ("shop", "X", "24", ("world",)),
        ("shop", "X", "243", ("congo", "spare")),
        ("shop", "X", "243990000001", ("congo", "spare")),
        ("shop", "X", "243810000001", ("vodacom",)),
        ("bank", "X", "243810000001", ("bank's",)),
        ("bank", "X", "243990000001", ("congo", "spare")),
        ("shop", "ALERT", "447700900001", ("alerts",)),
        ("shop", "OTP", "447700900001", ("alerts",)),
        ("shop", "OTP-7", "447700900001", ("alerts",)),
        ("shop", "ALERTS", "447700900001", ("world",)),
        ("shop", "alert", "447700900001", ("world",)),
        ("bank", "X", "447700900001", ("bank's britain",)),
        ("bank", "OTP2", "447700900001", ("alerts",)),  # as many conditions: first written
        ("bank", "OTP1", "447700900001", ("both",)),
        ("shop", "X", "79990000001", ()),
        ("clinic", "X", "9991", ("clinic's",)),
        ("lab", "X", "9991", ("clinic's",)),
        ("shop", "X", "9991", ("world",)),
    ],
)
def test_routes(system_id: str, source: str, destination: str, via: tuple[str, ...]) -> None:
    assert route(Table(RULES), system_id, source, destination) == via


def route(table: Table, *about: str) -> tuple[str, ...]:
    """Return the providers that a message goes to."""
    choice = table.find(*about)
    return choice.via if choice else ()


def test_without_a_rule_there_is_no_route() -> None:
    assert route(Table([]), "bank", "X", "243") == ()
    assert route(Table([Rule("44", ("a",))]), "bank", "X", "243") == ()


def test_a_named_rule_beats_one_that_was_written_before_it() -> None:
    rules = [Rule("1", ("any",)), Rule("1", ("sender",), senders=("A*",))]
    assert route(Table(rules), "x", "AB", "1") == ("sender",)
    assert route(Table(rules), "x", "B", "1") == ("any",)


def test_a_longer_prefix_beats_a_named_rule() -> None:
    rules = [Rule("1", ("named",), accounts=BANK, senders=("A",)), Rule("12", ("longer",))]
    assert route(Table(rules), "bank", "A", "12") == ("longer",)


PREFIXES = st.text("12", max_size=3)
SENDERS = st.sampled_from([(), ("A",), ("A*",), ("B", "A*"), ("*",)])
ACCOUNTS = st.sampled_from([frozenset[str](), frozenset({"x"}), frozenset({"x", "y"})])


def by_definition(rules: list[Rule], system_id: str, source: str, destination: str) -> str:
    """The winner among all rules, asked one by one."""

    def takes(rule: Rule) -> bool:
        return (
            destination.startswith(rule.to)
            and (not rule.accounts or system_id in rule.accounts)
            and (
                not rule.senders
                or any(
                    source.startswith(s[:-1]) if s.endswith("*") else source == s
                    for s in rule.senders
                )
            )
        )

    best = max(
        filter(takes, rules),
        key=lambda r: (len(r.to), bool(r.accounts) + bool(r.senders)),
        default=None,
    )
    return best.via[0] if best else ""


@given(
    st.lists(st.tuples(PREFIXES, ACCOUNTS, SENDERS), max_size=8),
    st.sampled_from("xyz"),
    st.sampled_from(["A", "AB", "B", ""]),
    st.text("12", max_size=5),
)
def test_the_table_agrees_with_asking_every_rule(
    drawn: list[tuple[str, frozenset[str], tuple[str, ...]]],
    system_id: str,
    source: str,
    destination: str,
) -> None:
    rules = [Rule(to, (str(n),), accs, snds) for n, (to, accs, snds) in enumerate(drawn)]
    via = route(Table(rules), system_id, source, destination)
    assert "".join(via) == by_definition(rules, system_id, source, destination)

from __future__ import annotations

import pytest

from smppbridge.convert.routes import routes_of


def test_a_prefix_that_says_what_the_shorter_one_says_is_left_out() -> None:
    found = routes_of(["24", "243", "2439"], [], lambda to, _: ("a",) if to < "2439" else ("b",))
    assert found == [{"to": "2439", "via": ["b"]}, {"via": ["a"]}]


def test_an_account_is_named_only_where_it_goes_another_way() -> None:
    def choose(to: str, account: str | None) -> tuple[str, ...]:
        return ("own",) if account in ("x", "y") and to != "1" else ("all",)

    assert routes_of(["243", "1"], ["x", "y", "x"], choose) == [
        {"to": "1", "via": ["all"]},
        {"accounts": ["x", "y"], "via": ["own"]},
        {"via": ["all"]},
    ]


def test_who_has_no_provider_has_no_route() -> None:
    assert routes_of(["1"], ["x"], lambda to, account: ("p",) if account else ()) == [
        {"accounts": ["x"], "via": ["p"]}
    ]


def test_more_routes_than_anybody_reads() -> None:
    with pytest.raises(ValueError, match="more than 20,000"):
        routes_of(map(str, range(10_001)), ["x"], lambda *_: ())

"""Routes out of any rule that says which providers a prefix and an account have."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

Via = tuple[str, ...]
Choose = Callable[[str, str | None], Via]
"""Returns the providers, in order, of a prefix and an account; None is every other account."""

MOST = 20_000
"""Routes that are written at most; more of them raise ValueError."""


def routes_of(
    prefixes: Iterable[str], accounts: Iterable[str], choose: Choose
) -> list[dict[str, Any]]:
    """Return the routes that *choose* means, the shortest prefix last; raises ValueError.

    The bridge takes the longest prefix, and of two routes with one prefix the one that names the
    account: so each prefix says all, and one that says no more than a shorter one is left out.
    """
    named = list(dict.fromkeys(accounts))
    ordered = sorted({"", *prefixes}, key=lambda each: (len(each), each))
    if len(ordered) * (1 + len(named)) > MOST:
        raise ValueError(f"has more than {MOST:,} combinations of prefixes and accounts")
    chosen: dict[str, dict[str | None, Via]] = {}
    for prefix in ordered:
        here = {account: choose(prefix, account) for account in (None, *named)}
        if prefix == "" or here != chosen[_around(prefix, chosen)]:
            chosen[prefix] = here
    return [route for prefix in sorted(chosen, reverse=True) for route in _at(prefix, chosen)]


def _around(prefix: str, chosen: dict[str, dict[str | None, Via]]) -> str:
    """Return the longest prefix of *prefix* that has an entry."""
    shorter = prefix[:-1]
    while shorter not in chosen:
        shorter = shorter[:-1]
    return shorter


def _at(prefix: str, chosen: dict[str, dict[str | None, Via]]) -> Iterator[dict[str, Any]]:
    here = chosen[prefix]
    to = {"to": prefix} if prefix else {}
    groups: dict[Via, list[str]] = {}
    for account, via in here.items():
        if account is not None and via and via != here[None]:
            groups.setdefault(via, []).append(account)
    for via, accounts in groups.items():
        yield {**to, "accounts": accounts, "via": list(via)}
    if here[None]:
        yield {**to, "via": list(here[None])}

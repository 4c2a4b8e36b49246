"""MO message -> account: by its first word, its destination and its provider."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_AROUND_A_WORD = ".,;:!?\"'()"


@dataclass(frozen=True, slots=True)
class MoRule:
    """MO messages to `to`, a number or with a trailing `*` its beginning, go to `account`.

    An empty field means any. A keyword is written as `keyword_of` returns it.
    """

    account: str
    to: str = "*"
    keyword: str = ""
    provider: str = ""


def keyword_of(text: str) -> str:
    """Return the first word of a text in lower case, without the punctuation around it."""
    words = text.split(maxsplit=1)
    return words[0].strip(_AROUND_A_WORD).casefold() if words else ""


class MoTable:
    """The MO rules of a configuration; immutable, so that a reload makes a new table.

    Of two rules that differ only in the account the first counts.
    """

    def __init__(self, rules: Iterable[MoRule] = ()) -> None:
        self._accounts: dict[tuple[str, str], dict[str, str]] = {}
        for rule in rules:
            by_provider = self._accounts.setdefault((rule.keyword, rule.to), {})
            by_provider.setdefault(rule.provider, rule.account)
        beginnings = {len(to) - 1 for _, to in self._accounts if to.endswith("*")}
        self._lengths = tuple(sorted(beginnings, reverse=True))

    def account(self, provider: str, destination: str, keyword: str) -> str | None:
        """Return the system_id of the account for an MO message; None if no rule matches.

        A rule with the message's keyword wins, then the number itself, then the longest beginning,
        then the rule that names the provider.
        """
        for word in dict.fromkeys((keyword, "")):
            for to in self._patterns(destination):
                by_provider = self._accounts.get((word, to), {})
                found = by_provider.get(provider) or by_provider.get("")
                if found:
                    return found
        return None

    def _patterns(self, destination: str) -> Iterator[str]:
        yield destination
        for length in self._lengths:
            if length <= len(destination):
                yield f"{destination[:length]}*"

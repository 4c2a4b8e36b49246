"""All rules of a configuration, arranged by account and prefix."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from smppbridge.model.tlvs import TlvDemands, Tlvs, demands_of
from smppbridge.routing.rules import Rule
from smppbridge.routing.senders import SenderPolicy


@dataclass(frozen=True, slots=True)
class Choice:
    """One rule's providers and source addresses, for an account's messages under the rule's prefix.

    *via* are providers in order, *sender* is the policy for source addresses, *transliterates*
    is whether texts are brought into GSM 03.38, *demands* are about TLVs (None: no demands).
    """

    via: tuple[str, ...]
    sender: SenderPolicy
    transliterates: bool
    demands: TlvDemands | None
    any_sender: bool
    senders: frozenset[str]
    sender_prefixes: tuple[str, ...]

    def takes(self, source: str) -> bool:
        return self.any_sender or source in self.senders or source.startswith(self.sender_prefixes)


_ByPrefix = dict[str, list[Choice]]
_ByLength = tuple[tuple[int, _ByPrefix], ...]
NO_TLVS: Mapping[str, Tlvs] = MappingProxyType({})


class Table:
    """Routes of a configuration; immutable, so that a reload makes a new table.

    *given* are the TLVs that each account's messages get if they lack them, by system_id.
    """

    def __init__(self, rules: Iterable[Rule], given: Mapping[str, Tlvs] = NO_TLVS) -> None:
        # The sort keeps the order in which equals were written.
        ranked = sorted(rules, key=lambda rule: rule.conditions, reverse=True)
        named = frozenset[str]().union(given, *(rule.accounts for rule in ranked))
        self._of_account = {
            account: _arranged(
                [r for r in ranked if not r.accounts or account in r.accounts],
                given.get(account, ()),
            )
            for account in named
        }
        self._of_others = _arranged([rule for rule in ranked if not rule.accounts], ())

    def find(self, system_id: str, source: str, destination: str) -> Choice | None:
        """Return the choice for a message; None if no rule matches.

        The longest prefix wins, then the rule that names account or sender, then the first written.
        """
        for length, by_prefix in self._of_account.get(system_id, self._of_others):
            for choice in by_prefix.get(destination[:length], ()):
                if choice.takes(source):
                    return choice
        return None


def _arranged(rules: Sequence[Rule], given: Tlvs) -> _ByLength:
    """Return choices by prefix, the longest prefixes first."""
    by_length: dict[int, _ByPrefix] = {}
    for rule in rules:
        choices = by_length.setdefault(len(rule.to), {}).setdefault(rule.to, [])
        choices.append(_choice(rule, given))
    return tuple(sorted(by_length.items(), reverse=True))


def _choice(rule: Rule, given: Tlvs) -> Choice:
    return Choice(
        via=rule.via,
        sender=rule.sender,
        transliterates=rule.transliterates,
        demands=demands_of(rule.required, given, rule.tlvs),
        any_sender=not rule.senders,
        senders=frozenset(sender for sender in rule.senders if not sender.endswith("*")),
        sender_prefixes=tuple(sender[:-1] for sender in rule.senders if sender.endswith("*")),
    )

"""Why a message goes by one rule and not by another, for people who ask.  Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from smppbridge.routing.rules import Rule


class NumberedRule(NamedTuple):
    """A rule, and the place of its route in the configuration, from 0."""

    place: int
    rule: Rule


class Miss(StrEnum):
    """Why a rule does not have a message."""

    PREFIX = "other_prefix"
    ACCOUNT = "other_account"
    SENDER = "other_sender"
    SHORTER = "shorter_prefix"  # than that of the rule that has the message
    LESS_EXACT = "less_exact"  # an equal prefix, but it names neither account nor sender, or one
    LATER = "written_later"  # equal in all


class MissedRule(NamedTuple):
    """A rule that does not have a message, and why."""

    numbered: NumberedRule
    why: Miss


@dataclass(frozen=True, slots=True)
class Explanation:
    """The rule that has a message (None: no rule), and why the others have not: the nearest first.

    The nearest are those that would have the message if the rule were not there.
    """

    hit: NumberedRule | None
    missed: tuple[MissedRule, ...]


_NEARNESS = {Miss.PREFIX: 2, Miss.ACCOUNT: 1, Miss.SENDER: 1}


def explained(
    rules: Sequence[NumberedRule], system_id: str, source: str, destination: str
) -> Explanation:
    """Return which rule has a message, as `Table.find` chooses, and why no other has."""
    obstacles = [_obstacle(each.rule, system_id, source, destination) for each in rules]
    fitting = [each for each, why in zip(rules, obstacles, strict=True) if why is None]
    hit = min(fitting, key=_rank, default=None)  # of equals the first is taken
    missed = [
        MissedRule(each, why or _behind(each.rule, hit.rule if hit else each.rule))
        for each, why in zip(rules, obstacles, strict=True)
        if hit is None or each is not hit
    ]
    return Explanation(hit, tuple(sorted(missed, key=lambda each: _NEARNESS.get(each.why, 0))))


def _rank(each: NumberedRule) -> tuple[int, int]:
    return -len(each.rule.to), -each.rule.conditions


def _obstacle(rule: Rule, system_id: str, source: str, destination: str) -> Miss | None:
    """Return why a rule cannot have a message; None if the rule can."""
    if not destination.startswith(rule.to):
        return Miss.PREFIX
    if rule.accounts and system_id not in rule.accounts:
        return Miss.ACCOUNT
    if rule.senders and not any(_is_sender(source, pattern) for pattern in rule.senders):
        return Miss.SENDER
    return None


def _is_sender(source: str, pattern: str) -> bool:
    return source.startswith(pattern[:-1]) if pattern.endswith("*") else source == pattern


def _behind(rule: Rule, hit: Rule) -> Miss:
    """Return why a rule that can have a message comes after the rule that has it."""
    if len(rule.to) < len(hit.to):
        return Miss.SHORTER
    return Miss.LESS_EXACT if rule.conditions < hit.conditions else Miss.LATER

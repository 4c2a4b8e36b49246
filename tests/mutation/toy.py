"""Two lines to make mistakes in: toy_tests.py notices one of them."""

from __future__ import annotations

LEAST = 18


def is_grown_up(age: int) -> bool:
    """Say whether somebody is."""
    return age >= LEAST


def older(age: int) -> int:
    """Return the age after some birthdays."""
    while age < LEAST:
        age += 2
    return age

"""A function to make mistakes in."""

from __future__ import annotations


def is_grown_up(age: int) -> bool:
    """Say whether a person may vote."""
    return age >= 18

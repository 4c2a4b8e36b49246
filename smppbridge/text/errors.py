"""The errors of texts and headers; no error holds any of the text."""

from __future__ import annotations


class TextError(ValueError):
    """A text or its header does not have the form that the header or data_coding names."""


class Undecodable(TextError):
    """Octets that stand for no characters in their alphabet."""


class OddLength(Undecodable):
    """UCS2 takes two octets a character, and one is missing."""


class Unencodable(TextError):
    """A character that the alphabet does not have."""

    def __init__(self, alphabet: str, position: int) -> None:
        super().__init__(f"the character at position {position} is not in {alphabet}")
        self.alphabet = alphabet
        self.position = position


class BadUdh(TextError):
    """The user data header does not fit into its octets."""


class BadPosition(TextError):
    """A segment's number is above the total."""


class TooLong(TextError):
    """A text that 255 segments cannot hold, or a header that leaves no room for text."""

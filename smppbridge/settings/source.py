"""The policy for source addresses, at a provider and in a route."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from smppbridge.routing.senders import ANY_SENDER, SenderPolicy
from smppbridge.settings.section import Section, wrong
from smppbridge.settings.values import OneOrList, Patterns, Text


def _addr(value: str) -> str:
    if not (value.isascii() and value.isprintable() and 1 <= len(value) <= 20):
        raise ValueError("must be 1 to 20 printable ASCII characters")
    return value


Addr = Annotated[Text, AfterValidator(_addr)]


class Source(Section):
    """The change of source addresses; in a route and at a provider."""

    allowed: Patterns | None = Field(
        default=None,
        description="Source addresses that go as they are, as [ACME, 1234*]; absent: any",
    )
    replace: Addr | None = Field(
        default=None,
        description="What stands in for the others, and for none at all; absent: the next provider"
        " of the route is tried, and then they are refused",
    )
    numeric: Addr | None = Field(
        default=None, description="Number that stands in for letters where these are not possible"
    )
    numeric_to: Annotated[tuple[Text, ...], Field(min_length=1), OneOrList] | None = Field(
        default=None, description="First digits of the destinations where they are not: [1, 86]"
    )
    longest: Annotated[int, Field(ge=1, le=20)] = Field(
        default=11, description="Letters a source address may have"
    )
    too_long: Literal["refuse", "cut", "replace"] = Field(
        default="refuse", description="What becomes of longer ones: refuse, cut or replace"
    )

    @model_validator(mode="after")
    def _is_sound(self) -> Self:
        if faults := list(self._faults()):
            raise wrong(faults)
        return self

    def _faults(self) -> Iterator[tuple[str, str]]:
        if (self.numeric is None) != (self.numeric_to is None):
            yield "numeric", "and numeric_to go together"
        if self.numeric and not self.numeric.removeprefix("+").isdecimal():
            yield "numeric", "is not a number"
        if self.too_long == "replace" and not self.replace:
            yield "too_long", "replace needs the key replace"

    def policy(self) -> SenderPolicy:
        """Return the policy for routing."""
        policy = SenderPolicy(
            allowed=self.allowed,
            replace=self.replace or "",
            numeric=self.numeric or "",
            numeric_to=self.numeric_to or (),
            longest=self.longest,
            too_long=self.too_long,
        )
        return ANY_SENDER if policy == ANY_SENDER else policy

    @property
    def takes_long(self) -> bool:
        """Whether names of more letters than the usual limit can pass."""
        return self.too_long != "refuse" or self.longest > ANY_SENDER.longest

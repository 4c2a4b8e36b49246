"""The accounts of messages from phones, as the configuration names them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated

from pydantic import AfterValidator, Field

from smppbridge.routing.mo import MoRule, keyword_of
from smppbridge.settings.section import Section, wrong
from smppbridge.settings.values import KnownAccount, KnownProvider, OneOrList, Text

_NUMBERS = re.compile(r"[0-9]{1,20}\*?|\*")


def _numbers(value: str) -> str:
    if not _NUMBERS.fullmatch(value):
        raise ValueError("must be the digits of a number or short code, or its beginning and *")
    return value


def _keyword(value: str) -> str:
    word = keyword_of(value)
    if not word or len(value.split()) != 1:
        raise ValueError("must be one word")
    return word


class MoRoute(Section):
    """The MO messages of one account."""

    to: Annotated[
        tuple[Annotated[Text, AfterValidator(_numbers)], ...], Field(min_length=1), OneOrList
    ] = Field(
        default=("*",),
        description='The number or short code they were sent to, or its beginning as "2438*", one'
        " or a list; absent: any",
    )
    keyword: Annotated[Text, AfterValidator(_keyword)] | None = Field(
        default=None,
        description="Their first word, in capitals or not: such a rule wins over one without;"
        " absent: any",
    )
    provider: KnownProvider | None = Field(
        default=None, description="Only those that this provider brings; absent: of all"
    )
    account: KnownAccount = Field(description="The account that they are delivered to")

    def rules(self) -> Iterator[MoRule]:
        """Yield one rule for each number."""
        for to in self.to:
            yield MoRule(self.account, to, self.keyword or "", self.provider or "")


def distinct(routes: tuple[MoRoute, ...]) -> tuple[MoRoute, ...]:
    """Return *routes*; raises ValidationError if two of their rules match the same messages."""
    taken: dict[tuple[str, str, str], int] = {}
    faults: list[tuple[str | int, str]] = []
    for index, route in enumerate(routes):
        for rule in route.rules():
            first = taken.setdefault((rule.to, rule.keyword, rule.provider), index)
            if first != index:
                faults.append((index, f"mo[{first}] takes the same messages"))
    if faults:
        raise wrong(faults)
    return routes


MoRoutes = Annotated[tuple[MoRoute, ...], AfterValidator(distinct)]

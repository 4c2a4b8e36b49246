"""The habits of an account's stack, where it does otherwise than SMPP 3.4 says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

TwoTexts = Literal["refuse", "message_payload", "short_message"]
WantedReceipts = Literal["as_asked", "always", "never", "failure"]
Forgiven = Literal[
    "short_body",
    "no_nul",
    "long_field",
    "sm_length",
    "broken_tlvs",
    "half_ucs2",
    "sar_and_udh",
    "priority",
    "reserved_ton",
]
"""The words of smpp.oddities.Oddity that an account may be forgiven."""


@dataclass(frozen=True, slots=True)
class NumberingPlan:
    """The TON and NPI that stand for unknown ones, 0 (SMPP 3.4, 5.2.5 and 5.2.6)."""

    ton: int = 0
    npi: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """The oddities and the wishes of one account's stack.

    *interface_version* is the peer's whatever its bind says, 0 for the bind's own.  *forgives* are
    the oddities that are read over, *two_texts* is the text that counts of short_message and
    message_payload, *detect_udh* reads a header where esm_class says nothing of one.
    *registered_delivery* stands for the client's own; *source* and *destination* stand for unknown
    TON and NPI; *data_codings* are the meanings of data_coding that are others than its value says.
    *enquire_link*, *inactivity* and *response* are timers in seconds: None for those of all
    accounts, infinite for none.
    """

    interface_version: int = 0
    forgives: frozenset[Forgiven] = frozenset()
    two_texts: TwoTexts = "refuse"
    detect_udh: bool = False
    registered_delivery: WantedReceipts = "as_asked"
    source: NumberingPlan = NumberingPlan()
    destination: NumberingPlan = NumberingPlan()
    data_codings: Mapping[int, int] = field(
        default_factory=lambda: MappingProxyType({}), hash=False
    )
    enquire_link: float | None = None
    inactivity: float | None = None
    response: float | None = None


NO_HABITS = Habits()

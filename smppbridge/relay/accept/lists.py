"""lists: the destinations that a submit_multi names, its distribution lists expanded; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from smppbridge.model.lists import MOST_NUMBERS, NumberList
from smppbridge.model.reasons import Reason
from smppbridge.relay.accept.fields import Refusal
from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.smpp.fields import DistributionList, SmeAddress, UnsuccessSme

Lists = Mapping[bytes, NumberList]
"""Distribution lists by dl_name."""


class RefusedDestination(NamedTuple):
    """A destination as the response lists it, and the refusal."""

    sme: UnsuccessSme
    refusal: Refusal


def refused_destination(ton: int, npi: int, addr: bytes, refusal: Refusal) -> RefusedDestination:
    """Return a destination that is refused."""
    return RefusedDestination(UnsuccessSme(ton, npi, addr, refusal.status), refusal)


@dataclass(slots=True)
class Destinations:
    """The destinations of one submit_multi: SME addresses, and the numbers of its lists.

    *refused* are its lists that are not expanded.
    """

    addresses: list[SmeAddress] = field(default_factory=list)
    numbers: list[str] = field(default_factory=list)
    refused: list[RefusedDestination] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.addresses) + len(self.numbers)


def expanded(
    named: Iterable[SmeAddress | DistributionList], lists: Lists, system_id: str, room: int
) -> Destinations:
    """Return the destinations that an account names; *room* is the number that the backlog holds.

    Lists are refused with ESME_RINVDLNAME (unknown, or not this account's), ESME_RMSGQFUL (more
    numbers than the backlog holds) or ESME_RCNTSUBDL (more than one submit_multi may have).
    """
    found = Destinations()
    names: dict[bytes, None] = {}
    for each in named:
        if isinstance(each, SmeAddress):
            found.addresses.append(each)
        else:
            names[each.dl_name] = None
    for name in names:
        known = lists.get(name)
        if known is None or not known.serves(system_id):
            refusal = Refusal(Status.ESME_RINVDLNAME, Reason.BAD_LIST, "unknown")
        elif len(found) + len(known.numbers) > MOST_NUMBERS:
            refusal = Refusal(Status.ESME_RCNTSUBDL, Reason.BAD_LIST, "too long")
        elif len(found) + len(known.numbers) > room:
            refusal = Refusal(Status.ESME_RMSGQFUL, Reason.BACKLOG_FULL)
        else:
            found.numbers += known.numbers
            continue
        found.refused.append(refused_destination(0, 0, name, refusal))
    return found

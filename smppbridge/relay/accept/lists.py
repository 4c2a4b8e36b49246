"""lists: the destinations that a submit_multi names, its distribution lists expanded; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from smppbridge.model.lists import MOST_NUMBERS, NumberList
from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.smpp.fields import DistributionList, SmeAddress, UnsuccessSme

Lists = Mapping[bytes, NumberList]
"""Distribution lists by dl_name."""


@dataclass(slots=True)
class Destinations:
    """The destinations of one submit_multi: SME addresses, and the numbers of its lists.

    *refused* are its lists that are not expanded.
    """

    addresses: list[SmeAddress] = field(default_factory=list)
    numbers: list[str] = field(default_factory=list)
    refused: list[UnsuccessSme] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.addresses) + len(self.numbers)


def expanded(
    named: Iterable[SmeAddress | DistributionList], lists: Lists, system_id: str, room: int
) -> Destinations:
    """Return the destinations that an account names; *room* is what the backlog holds.

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
            status = Status.ESME_RINVDLNAME
        elif len(found) + len(known.numbers) > MOST_NUMBERS:
            status = Status.ESME_RCNTSUBDL
        elif len(found) + len(known.numbers) > room:
            status = Status.ESME_RMSGQFUL
        else:
            found.numbers += known.numbers
            continue
        found.refused.append(UnsuccessSme(0, 0, name, status))
    return found

"""One rule of the configuration for messages to phones."""

from __future__ import annotations

from dataclasses import dataclass

from smppbridge.model.tlvs import NamedTlv, Tlvs
from smppbridge.routing.senders import ANY_SENDER, SenderPolicy


@dataclass(frozen=True, slots=True)
class Rule:
    """Messages to destinations that begin with `to` go via these providers, in order.

    An empty field means any. A sender is a source address, or with a trailing `*` its beginning;
    *sender* is the policy for source addresses on this route; *transliterates*: texts on this route
    are brought into GSM 03.38.  A message needs the TLVs *required*, and gets *tlvs* if it lacks
    them.
    """

    to: str
    via: tuple[str, ...]
    accounts: frozenset[str] = frozenset()
    senders: tuple[str, ...] = ()
    sender: SenderPolicy = ANY_SENDER
    transliterates: bool = False
    required: tuple[NamedTlv, ...] = ()
    tlvs: Tlvs = ()

    @property
    def conditions(self) -> int:
        """Return the number of conditions (account, sender); a rule with more goes first."""
        return bool(self.accounts) + bool(self.senders)

"""What the configuration says about where messages go."""

from __future__ import annotations

from dataclasses import dataclass

from smppbridge.routing.senders import ANY_SENDER, SenderPolicy


@dataclass(frozen=True, slots=True)
class Rule:
    """Messages to destinations that begin with `to` go via these providers, in order.

    What is empty means any. A sender is a source address, or with a trailing `*` its beginning;
    *sender* is what becomes of it on this route.
    """

    to: str
    via: tuple[str, ...]
    accounts: frozenset[str] = frozenset()
    senders: tuple[str, ...] = ()
    sender: SenderPolicy = ANY_SENDER

    @property
    def conditions(self) -> int:
        """How many of account and sender it names: the more, the sooner it is heard."""
        return bool(self.accounts) + bool(self.senders)

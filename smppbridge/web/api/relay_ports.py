"""relay_ports: the movements of messages that operations of the API start."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from smppbridge.model.message import Message
from smppbridge.relay.accept.composed import Composed
from smppbridge.relay.accept.intake import Rights
from smppbridge.relay.others import OtherBridges
from smppbridge.relay.report.rematch import Renamed
from smppbridge.relay.submit.redirect import Abandoned, Redirected
from smppbridge.relay.ussd.pdus import DialogueFacts
from smppbridge.routing.explain import NumberedRule
from smppbridge.routing.mo import MoRule
from smppbridge.web.idempotency import IdempotencyKeys


class DialogueList(Protocol):
    """The dialogues of phones with ESMEs."""

    def listed(self, most: int) -> Sequence[DialogueFacts]:
        """Return dialogues, those first that wait for their ESME."""

    def open_counts(self) -> Mapping[tuple[str, ...], float]:
        """Return how many dialogues are open, by (system_id,)."""


class Composes(Protocol):
    """Accepts texts of people as messages of accounts; raises accept's Refusal."""

    def reserve(self) -> int:
        """Return the message_id of a message that is to be accepted."""

    def foresee(self, rights: Rights, composed: Composed) -> Message:
        """Return the message that `take` would accept, with its route."""

    def take(self, rights: Rights, composed: Composed, message_id: int) -> Awaitable[Message]:
        """Accept a text as a message; return the message once it is on disk."""


class Redirects(Protocol):
    """Moves and gives up messages that wait; raises StoreFailure."""

    def move(
        self, message_ids: Sequence[int], to: str, *, off_route: bool
    ) -> Awaitable[Redirected]:
        """Let messages wait for another provider, with *off_route* also off their routes."""

    def give_up(self, message_ids: Sequence[int]) -> Awaitable[Abandoned]:
        """End messages that wait."""


class Rematches(Protocol):
    """Settles messages by reports under the ids that we have; raises StoreFailure."""

    def settle(self, provider: str, renamed: Sequence[Renamed]) -> Awaitable[None]:
        """Settle the messages of reports, the oldest report first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayPorts:
    """The parts of the relay that operations about messages and routes use.

    *rights* returns an account with its limits, None without such an account; *rules* and
    *mo_rules* are those of the configuration in force, in their order.
    """

    compose: Composes
    dialogues: DialogueList
    keys: IdempotencyKeys
    mo_rules: Callable[[], Sequence[MoRule]]
    others: OtherBridges
    redirect: Redirects
    rematch: Rematches
    rights: Callable[[str], Rights | None]
    rules: Callable[[], Sequence[NumberedRule]]

"""relay_ports: the movements of messages, as far as people may have a hand in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from smppbridge.relay.ussd.dialogues import DialogueFacts


class PhoneDialogues(Protocol):
    """The dialogues of phones with ESMEs."""

    def listed(self, most: int) -> Sequence[DialogueFacts]:
        """Return dialogues, those first that wait for their ESME."""

    def open_counts(self) -> Mapping[tuple[str, ...], float]:
        """Return how many dialogues are open, by (system_id,)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayPorts:
    """The parts of the relay that operations about messages and routes use."""

    dialogues: PhoneDialogues

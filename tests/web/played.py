"""The relay as operations of the API see it, played."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from smppbridge.relay.ussd.dialogues import DialogueFacts
from smppbridge.web.api.relay_ports import RelayPorts


@dataclass
class PlayedDialogues:
    """Dialogues that a test opens."""

    open: list[DialogueFacts] = field(default_factory=list)

    def listed(self, most: int) -> Sequence[DialogueFacts]:
        return self.open[:most]

    def open_counts(self) -> Mapping[tuple[str, ...], float]:
        return {("bank",): len(self.open)}


class PlayedRelay:
    """The parts of a relay."""

    def __init__(self) -> None:
        self.dialogues = PlayedDialogues()

    def ports(self) -> RelayPorts:
        return RelayPorts(dialogues=self.dialogues)

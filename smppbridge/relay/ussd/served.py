"""served: the requests about dialogues that other nodes make of this node."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from smppbridge.relay.accept.fields import Refusal
from smppbridge.relay.accept.intake import Rights
from smppbridge.relay.ussd.dialogues import Dialogues
from smppbridge.relay.ussd.pdus import AnswerScreen, Dialled, Dialogue, Screen
from smppbridge.relay.ussd.words import Ask, Show


class Declined(Exception):
    """The dialogue is not open at this node, and does not begin here."""


class Asked(NamedTuple):
    """A request of another node, by its dialogue and the answer that it is given."""

    dialogue: Dialogue
    answer: AnswerScreen


class ServedDialogues:
    """The dialogues of this node, as other nodes go on with them.

    *rights* returns the accounts in force.  Only its own methods write which requests wait.
    """

    def __init__(self, dialogues: Dialogues, rights: Callable[[], Mapping[str, Rights]]) -> None:
        self._dialogues, self._rights = dialogues, rights
        self._asked: dict[tuple[str, str], Asked] = {}

    def ask(self, ask: Ask, answer: AnswerScreen) -> Asked:
        """Ask the ESME a phone's request; *answer* receives a screen.  Raises Declined."""
        dialogues, dialled = self._dialogues, ask.dialled
        if not dialogues.has(dialled) and not (ask.begins and dialogues.begins(dialled)):
            raise Declined
        key = dialled.msisdn, dialled.session_id

        def answered(screen: Screen) -> None:
            if (first := self._asked.get(key)) is not None and first.answer is answered:
                del self._asked[key]
            answer(screen)

        asked = Asked(dialogues.ask(dialled, answered), answered)
        if asked.dialogue.answer is answered:
            self._asked[key] = asked
        return asked

    def left(self, asked: Asked) -> None:
        """End the dialogue of a request whose node no longer waits."""
        self._dialogues.left(asked.dialogue, asked.answer)

    def leave(self, dialled: Dialled) -> None:
        """End the dialogue of a request, if it waits still, whose gateway no longer waits."""
        asked = self._asked.get((dialled.msisdn, dialled.session_id))
        if asked is not None:
            self.left(asked)

    def show(self, show: Show) -> Refusal | None:
        """Answer a phone's request with the screen of an ESME; raises Declined."""
        rights = self._rights().get(show.system_id)
        if rights is None or self._dialogues.dialogue_of(rights, show.pdu) is None:
            raise Declined
        try:
            self._dialogues.show(rights, show.pdu)
        except Refusal as refusal:
            return refusal
        return None

"""responses: the submit_sm_resp of screens."""

from __future__ import annotations

from typing import Protocol

from smppbridge.model.identifiers import Identifiers, written
from smppbridge.relay.accept.fields import Refusal
from smppbridge.relay.accept.intake import Submitter
from smppbridge.relay.ports import Around
from smppbridge.smpp.pdus import SubmitSm, SubmitSmResp


class Elsewhere(Protocol):
    """Answers, at once or later, a screen whose dialogue is not open at this node."""

    def __call__(self, session: Submitter, pdu: SubmitSm, /) -> None:
        """Answer a submit_sm of a session."""


class ScreenResponses:
    """Answers screens, and counts the answers."""

    def __init__(self, identifiers: Identifiers, around: Around) -> None:
        self._identifiers = identifiers
        self._meters, self._notes = around.meters, around.notes

    def accept(self, session: Submitter, pdu: SubmitSm) -> None:
        """Put ESME_ROK in line."""
        account = session.rights.account
        # of no message: clients expect a message_id
        message_id = written(self._identifiers.take(), account)
        session.answer(SubmitSmResp(0, pdu.sequence_number, message_id))
        self._meters.accepted(account.system_id, 1)

    def refuse(self, session: Submitter, pdu: SubmitSm, refusal: Refusal) -> None:
        """Put the status of a refusal in line."""
        system_id = session.rights.account.system_id
        session.answer(SubmitSmResp(refusal.status, pdu.sequence_number))
        self._meters.refused(system_id, refusal.status, refusal.reason.value)
        self._notes.reason(refusal.reason.value, system_id, detail=refusal.detail)

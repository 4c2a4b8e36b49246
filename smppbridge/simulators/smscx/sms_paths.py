"""The paths of SMS.CX's simulator for submissions, and the webhooks about their messages."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any
from uuid import uuid4

from twisted.internet.defer import Deferred, DeferredList
from twisted.web.server import NOT_DONE_YET, Request

from smppbridge.simulators.magic import Behaviour, Remembered, Throttle, behaviour_of
from smppbridge.simulators.serving import PageAnswer, ends_later, silent, wall_of
from smppbridge.simulators.smscx.access import Access
from smppbridge.simulators.smscx.bodies import (
    SmsCxFault,
    fields_of,
    invalid_param,
    not_found,
    written,
)
from smppbridge.simulators.smscx.books import PRICE, BookedMessage, Books, analysis_of, country_of
from smppbridge.simulators.smscx.submission import SmsCxSubmission, is_uuid, read_submission
from smppbridge.smpp.constants import MessageState

SendWebhook = Callable[[str | None, str, Sequence[dict[str, Any]], float], "Deferred[None]"]
"""Sends a webhook: URL (None: the account's), event, data, pause in seconds."""

IN_A_WEBHOOK = 200
REMEMBERED_FOR = 86_400.0
_ENDS = {
    MessageState.DELIVERED: ("DELIVERED", None),
    MessageState.UNDELIVERABLE: ("FAILED", 2001),
    MessageState.EXPIRED: ("FAILED", 2003),
}
_TAKEN = ("ACCEPTED", "SCHEDULED")


class SmsPaths:
    """Accepts messages; a request with a known idempotencyId gets the answer of the first one."""

    def __init__(
        self, reactor: Any, books: Books, access: Access, send_webhook: SendWebhook, delay: float
    ) -> None:
        self.accepted = 0
        self.taken: Remembered[tuple[str, str], int] = Remembered()
        self._wall = wall_of(reactor)
        self._reactor, self._books, self._access, self._send_webhook = (
            reactor,
            books,
            access,
            send_webhook,
        )
        self._delay = delay
        self._throttle = Throttle()
        self._answers: Remembered[str, tuple[float, dict[str, Any]]] = Remembered()
        self._scheduled: Remembered[str, Any] = Remembered()

    def close(self) -> None:
        """Cancel scheduled webhooks."""
        for call in self._scheduled.values():
            if call.active():
                call.cancel()

    def send(self, request: Request) -> PageAnswer:
        """Answer POST /sms."""
        now = self._wall()
        fields = fields_of(request)
        key = fields.get("idempotencyId")
        if key is not None:
            if not is_uuid(key):
                raise invalid_param(1111, "The parameter idempotencyId is not a UUID")
            request.setHeader(b"x-idempotency-id", key.encode())
            at, known = self._answers.get(key, (now - REMEMBERED_FOR, {}))
            if at > now - REMEMBERED_FOR:
                return written(request, known)
        submission = read_submission(fields, now)
        behaviours = {number: behaviour_of(number) for number in submission.numbers}
        wrong = self._goes_wrong(request, submission, behaviours.values())
        if wrong is not None:
            return wrong
        messages = self._accept(submission, now)
        document = _answer_of(submission, messages)
        if key is not None:
            self._answers[key] = now, document
        early = self._announce(submission, messages, behaviours)
        return self._answer_in_time(request, document, behaviours.values(), early)

    def estimate(self, request: Request) -> PageAnswer:
        """Answer POST /sms/estimate: the answer of a submission, under ids of no message."""
        now = self._wall()
        submission = read_submission(fields_of(request), now)
        return written(request, _answer_of(submission, self._composed(submission, now)))

    def delete(self, request: Request, msg_id: str) -> PageAnswer:
        """Answer DELETE /sms/scheduled/{msgId}."""
        if not is_uuid(msg_id):
            raise invalid_param(1115, "The msgId is not valid")
        sms = self._books.messages.get(msg_id)
        if sms is None:
            raise not_found(1100, "There is no such message")
        if not self._unschedule(sms):
            raise SmsCxFault(403, "access_denied", 1118, "The message is not a scheduled one")
        info = {"msgId": msg_id, "parts": sms.analysis["parts"], "creditReturned": sms.cost}
        return written(request, {"info": {**info, "channel": "sms"}})

    def delete_campaign(self, request: Request, campaign_id: str) -> PageAnswer:
        """Answer DELETE /sms/scheduled/campaign/{campaignId}; sent messages stay."""
        if not is_uuid(campaign_id):
            raise invalid_param(1155, "The campaignId is not valid")
        books = self._books
        campaign = [sms for sms in books.messages.values() if sms.campaign_id == campaign_id]
        if not campaign:
            raise not_found(1150, "There is no such campaign")
        deleted = [sms for sms in campaign if self._unschedule(sms)]
        info = {
            "campaignId": campaign_id,
            "totalPhoneNumbers": len(campaign),
            "totalParts": sum(sms.analysis["parts"] for sms in campaign),
            "phoneNumbersDeleted": len(deleted),
            "partsDeleted": sum(sms.analysis["parts"] for sms in deleted),
            "creditReturned": sum(sms.cost for sms in deleted),
            "channel": "sms",
        }
        return written(request, {"info": info})

    def _goes_wrong(
        self, request: Request, submission: SmsCxSubmission, behaviours: Iterable[Behaviour]
    ) -> PageAnswer | None:
        answers = {behaviour.answer for behaviour in behaviours}
        if "silence" in answers:
            return silent(request)
        if "error" in answers:
            raise SmsCxFault(500, "server_error", 1699, "Something went wrong")
        if "throttle" in answers and self._throttle.refuses((submission.numbers, submission.text)):
            raise self._access.too_fast()
        return None

    def _accept(self, submission: SmsCxSubmission, now: float) -> list[BookedMessage]:
        messages = self._composed(submission, now)
        cost = sum(sms.cost for sms in messages)
        if cost > self._books.credit:
            raise SmsCxFault(400, "insufficient_credit", 1113, "There is not enough credit")
        self._books.credit = round(self._books.credit - cost, 6)
        for sms in messages:
            self._books.messages[sms.msg_id] = sms
            if sms.status in _TAKEN:
                self.accepted += 1
                key = sms.to.removeprefix("+"), sms.text
                self.taken[key] = self.taken.get(key, 0) + 1
        return messages

    def _composed(self, submission: SmsCxSubmission, now: float) -> list[BookedMessage]:
        campaign_id, analysis = str(uuid4()), analysis_of(submission.text)
        return [
            self._message(submission, number, now, campaign_id=campaign_id, analysis=analysis)
            for number in submission.numbers
        ]

    def _message(
        self,
        submission: SmsCxSubmission,
        number: str,
        now: float,
        *,
        campaign_id: str,
        analysis: dict[str, Any],
    ) -> BookedMessage:
        behaviour = behaviour_of(number)
        after = 0.0 if behaviour.early else behaviour.answer_after + self._delay
        status, (final, error_code) = self._status(submission, number, behaviour), (None, None)
        if status in _TAKEN and behaviour.state is not None:
            final, error_code = _ENDS[behaviour.state]
        return BookedMessage(
            to=number,
            sender=submission.sender,
            text=submission.text,
            campaign_id=campaign_id,
            status=status,
            final=final,
            error_code=error_code,
            created_at=now,
            due=(submission.scheduled_at or now) + after,
            scheduled_at=submission.scheduled_at,
            track_data=submission.track_data,
            cost=round(PRICE * analysis["parts"], 6) if status in _TAKEN else 0.0,
            analysis=analysis,
        )

    def _status(self, submission: SmsCxSubmission, number: str, behaviour: Behaviour) -> str:
        if behaviour.answer == "reject" or number in self._books.optouts:
            return "REJECTED"
        if country_of(number) == "ZZ":
            return "NO COVERAGE"
        return "ACCEPTED" if submission.scheduled_at is None else "SCHEDULED"

    def _announce(
        self,
        submission: SmsCxSubmission,
        messages: Sequence[BookedMessage],
        behaviours: dict[str, Behaviour],
    ) -> list[Deferred[None]]:
        """Send webhooks about final statuses; return the Deferreds of those before the answer."""
        if submission.scheduled_at is not None:
            for sms in messages:
                wait = sms.due - sms.created_at
                if sms.final is not None:
                    later = self._reactor.callLater(wait, self._updates, submission.url, [sms], 0.0)
                    self._scheduled[sms.msg_id] = later
            return []
        early: list[Deferred[None]] = []
        ending = [sms for sms in messages if sms.final is not None]
        for repeated in range(max((behaviours[sms.to].reports for sms in ending), default=0)):
            by_wait: dict[float, list[BookedMessage]] = {}
            for sms in ending:
                if behaviours[sms.to].reports > repeated:
                    by_wait.setdefault(sms.due - sms.created_at, []).append(sms)
            for wait, some in by_wait.items():
                sent = self._updates(submission.url, some, wait)
                early += sent if any(behaviours[sms.to].early for sms in some) else []
        return early

    def _updates(
        self, url: str | None, messages: Sequence[BookedMessage], wait: float
    ) -> list[Deferred[None]]:
        at = self._wall() + wait
        return [
            self._send_webhook(
                url,
                "dlr_update",
                [sms.update(at) for sms in messages[start : start + IN_A_WEBHOOK]],
                wait,
            )
            for start in range(0, len(messages), IN_A_WEBHOOK)
        ]

    def _answer_in_time(
        self,
        request: Request,
        document: dict[str, Any],
        behaviours: Iterable[Behaviour],
        early: list[Deferred[None]],
    ) -> PageAnswer:
        wait = max((behaviour.answer_after for behaviour in behaviours), default=0.0)
        body = written(request, document)
        if not early and not wait:
            return body
        end = ends_later(request)
        if early:
            DeferredList(early).addCallback(lambda _: end(body))
        else:
            self._reactor.callLater(wait, end, body)
        return NOT_DONE_YET

    def _unschedule(self, sms: BookedMessage) -> bool:
        """Cancel a scheduled message; return whether it was still scheduled."""
        if sms.status != "SCHEDULED" or self._wall() >= (sms.scheduled_at or 0.0):
            return False
        later = self._scheduled.pop(sms.msg_id, None)
        if later is not None and later.active():
            later.cancel()
        self._books.credit = round(self._books.credit + sms.cost, 6)
        del self._books.messages[sms.msg_id]
        return True


def webhook(event: str, data: Sequence[dict[str, Any]]) -> bytes:
    """Return the body of a webhook."""
    return json.dumps({"event": event, "data": list(data)}, ensure_ascii=False).encode(
        "utf-8", "replace"
    )


def _answer_of(submission: SmsCxSubmission, messages: Sequence[BookedMessage]) -> dict[str, Any]:
    info = {
        "campaignId": messages[0].campaign_id,
        "totalPhoneNumbers": len(messages) + len(submission.invalid),
        "totalValid": len(messages),
        "totalInvalid": len(submission.invalid),
        "totalCost": round(sum(sms.cost for sms in messages), 6),
        "totalParts": sum(sms.analysis["parts"] for sms in messages),
        "dlrCallbackUrl": submission.url,
        "scheduled": submission.scheduled_at is not None,
        "totalInQuietHours": 0,
        "invalid": list(submission.invalid),
    }
    data = [] if submission.short else [sms.sent() for sms in messages]
    for item in data:
        if submission.no_text:
            del item["text"], item["textAnalysis"]
        if submission.timezone:
            item["timezone"] = "UTC"
    return {"info": info, "data": data}

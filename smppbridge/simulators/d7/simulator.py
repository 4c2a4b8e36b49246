"""D7's ``/secure/`` API, which is Jasmin's, played on loopback."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

from twisted.internet.defer import Deferred, gatherResults, succeed
from twisted.web.server import NOT_DONE_YET, Request

from smppbridge.simulators.d7 import arguments as d7_arguments
from smppbridge.simulators.d7.arguments import JasminMessage, JasminRefusal
from smppbridge.simulators.d7.rest import (
    Path,
    RestFault,
    answer,
    countdown_of,
    json_of,
    relayed,
    user_of,
)
from smppbridge.simulators.magic import Behaviour, Remembered, Throttle, behaviour_of
from smppbridge.simulators.serving import PageAnswer, WebSimulator, arguments, ends_later, silent
from smppbridge.smpp.constants import MessageState
from smppbridge.text import coding
from smppbridge.text.coding import Alphabet

ACKNOWLEDGED = b"ACK/Jasmin"
_RATE = 0.02
_FORM = "application/x-www-form-urlencoded"
_AGENT = "Jasmin gateway/1.0 "
_Value = str | bytes | tuple[str, ...]
_STATES = {
    MessageState.DELIVERED: ("DELIVRD", "000"),
    MessageState.UNDELIVERABLE: ("UNDELIV", "001"),
    MessageState.EXPIRED: ("EXPIRED", "003"),
}


@dataclass(frozen=True, slots=True)
class _Member:
    """A message of a batch on its way, and the callback URLs and the time of its report."""

    callback: str
    errback: str
    batch_id: str
    to: str
    after: float


class D7Simulator(WebSimulator):
    """D7: accepts any user and password but ``wrong``, reports to each message's own URL.

    *callback_url* is the URL for messages from phones.  *requests* counts all requests, *accepted*
    the accepted messages, *taken* the number of times that each (destination, text) was accepted.
    """

    def __init__(
        self,
        reactor: Any,
        *,
        callback_url: str | None = None,
        delay: float = 1.0,
        credit: float = 1_000_000.0,
    ) -> None:
        pages = {
            "secure/send": Path(self._send, b"POST"),
            "secure/sendbatch": Path(self._send_batch, b"POST"),
            "secure/balance": Path(self._balance, b"GET", quoted=False),
            "secure/rate": Path(self._rate, b"GET", quoted=False),
            "ping": Path(lambda request: answer(request, {"data": "Jasmin/PONG"}), b"GET"),
            "simulator/receive": Path(self._receive, b"POST"),
        }
        super().__init__(reactor, pages, callback_url)
        self.requests = 0
        self.accepted = 0
        self.credit = credit
        self.taken: Remembered[tuple[str, str], int] = Remembered()
        self._delay = delay
        self._throttle = Throttle()
        self._closed = False

    def close(self) -> Deferred[None]:
        """Stop at once; a cancelled report starts no other report."""
        self._closed = True
        return super().close()

    def receive(
        self,
        source: str,
        destination: str,
        text: str = "",
        *,
        octets: bytes = b"",
        coded: int = 0,
        method: str = "POST",
        validity: tuple[str, ...] = (),
    ) -> Deferred[None]:
        """Deliver a message from a phone: *text*, or *octets* under the data_coding *coded*.

        As Jasmin does: coding is one octet, and of a relative *validity* each number is a field.
        """
        if not octets:
            alphabet, octets = coding.in_smallest(text)
            coded = 8 if alphabet is Alphabet.UCS2 else 0
        fields: dict[str, _Value] = {
            "id": str(uuid4()),
            "from": source,
            "to": destination,
            "origin-connector": "c1",
            "content": octets,
            "binary": octets.hex(),
            "priority": "0",
            "coding": bytes((coded,)),
            "validity": validity,
        }
        return self._throw(self.callback_url or "", method, fields, "deliverSmHttpThrower", 0.0)

    # -- requests -------------------------------------------------------------------------------

    def _send(self, request: Request) -> PageAnswer:
        self.requests += 1
        user, password = user_of(request)
        sms = d7_arguments.read(json_of(request))
        _authenticate(user, password)
        behaviour = behaviour_of(sms.to)
        if behaviour.answer == "silence":
            return silent(request)
        if behaviour.answer == "error":
            raise RestFault(
                500, "Jasmin httpapi connection error", _unreachable(user, password, sms)
            )
        identifier = self._take(sms, behaviour)
        # the quotes at the ends are lost on the way through the REST layer
        body = answer(request, {"data": f'Success "{identifier}'})
        after = 0.0 if behaviour.early else behaviour.answer_after + self._delay
        reported = self._report(sms, identifier, behaviour, after)
        if not behaviour.early and not behaviour.answer_after:
            return body
        end = ends_later(request)
        if behaviour.early:
            reported.addCallback(lambda _: end(body))
        else:
            self._reactor.callLater(behaviour.answer_after, end, body)
        return NOT_DONE_YET

    def _send_batch(self, request: Request) -> PageAnswer:
        self.requests += 1
        user, password = user_of(request)
        if "wrong" in (user, password):
            words = f"Authentication failed for user: {user}"
            raise RestFault(412, "Authentication failed", words)
        document = json_of(request)
        config, shared = document.get("batch_config", {}), document.get("globals", {})
        messages = document.get("messages", [])
        if not (isinstance(config, dict) and isinstance(shared, dict)):
            raise RestFault(500)
        if not (isinstance(messages, list) and all(isinstance(m, dict) for m in messages)):
            raise RestFault(500)
        countdown = countdown_of(config.get("schedule_at"), datetime.now())
        sent = [one for message in messages for one in _each(shared | message)]
        batch_id = str(uuid4())
        urls = [str(config.get(name) or "") for name in ("callback_url", "errback_url")]
        data: dict[str, Any] = {"batchId": batch_id, "messageCount": len(sent)}
        if countdown:
            data["scheduled"] = f"{countdown}s"
        early = []
        for one in sent:
            member = _Member(urls[0], urls[1], batch_id, str(one["to"]), countdown)
            called_back = self._send_later(member, one, user, password)
            if behaviour_of(member.to).early:
                early.append(called_back)
        body = answer(request, {"data": data})
        if not early:
            return body
        end = ends_later(request)
        gatherResults(early).addCallback(lambda _: end(body))
        return NOT_DONE_YET

    def _send_later(
        self, member: _Member, fields: Mapping[str, Any], user: str, password: str
    ) -> Deferred[Any]:
        """Submit one message of a batch, and report the outcome once, without repetition."""
        try:
            sms = d7_arguments.read(fields)
            behaviour = behaviour_of(sms.to)
            if behaviour.answer == "silence":
                return succeed(None)
            if behaviour.answer == "error":
                words = _unreachable(user, password, sms)
                return self._call_back(member, 0, f"HTTPAPI Connection error: {words}", behaviour)
            identifier = self._take(sms, behaviour)
        except JasminRefusal as refusal:
            words = f"HTTPAPI error: {relayed(refusal)}"
            return self._call_back(member, 0, words, behaviour_of(member.to))
        after = member.after + (0.0 if behaviour.early else behaviour.answer_after + self._delay)
        called_back = self._call_back(member, 1, f'Success "{identifier}"', behaviour)
        return gatherResults([called_back, self._report(sms, identifier, behaviour, after)])

    def _balance(self, request: Request) -> PageAnswer:
        _authenticate(*user_of(request))
        return answer(request, {"data": {"balance": round(self.credit, 2), "sms_count": "ND"}})

    def _rate(self, request: Request) -> PageAnswer:
        _authenticate(*user_of(request))
        given = {"content": "", **arguments(request)}
        if "hex-content" in given or "hex_content" in given:
            del given["content"]
        parts = d7_arguments.read(given).parts
        return answer(request, {"data": {"unit_rate": _RATE, "submit_sm_count": parts}})

    def _receive(self, request: Request) -> PageAnswer:
        given = arguments(request)
        if not (given.get("from") and given.get("to")):
            raise RestFault(412, "from and to are needed")
        self.receive(given["from"], given["to"], given.get("text", ""))
        return answer(request, {})

    # -- outcomes and reports -------------------------------------------------------------------

    def _take(self, sms: JasminMessage, behaviour: Behaviour) -> str:
        if behaviour.answer == "reject":
            raise JasminRefusal(400, f"Argument [to] has an invalid value: [{sms.to}].")
        if behaviour.answer == "throttle" and self._throttle.refuses((sms.to, sms.text)):
            raise JasminRefusal(403, "User throughput exceeded")
        if self.credit < _RATE * sms.parts:
            raise JasminRefusal(403, "Cannot charge submit_sm, check RouterPB log file for details")
        self.credit -= _RATE * sms.parts
        self.accepted += 1
        self.taken[sms.to, sms.text] = self.taken.get((sms.to, sms.text), 0) + 1
        return str(uuid4())

    def _call_back(
        self, member: _Member, status: int, words: str, behaviour: Behaviour
    ) -> Deferred[None]:
        url = member.callback if status else member.errback
        if not url:
            return succeed(None)
        fields = {
            "batchId": member.batch_id,
            "to": member.to,
            "status": str(status),
            "statusText": words,
        }
        after = member.after + behaviour.answer_after
        return self.pusher.push("GET", _with_query(url, fields), after=after, again=False)

    def _report(
        self, sms: JasminMessage, identifier: str, behaviour: Behaviour, after: float
    ) -> Deferred[Any]:
        """Report the SMSC's acceptance, then the final state, as far as the level asks for."""
        if not sms.dlr_url:
            return succeed(None)
        taken = {"id": identifier, "level": "1", "message_status": "ESME_ROK", "connector": "c1"}
        if sms.dlr_level == 2:
            return self._report_end(sms, identifier, behaviour, after)
        reported = self._throw(sms.dlr_url, sms.dlr_method, taken, "DLRThrower", after)
        if sms.dlr_level == 3:
            reported.addCallback(lambda _: self._report_end(sms, identifier, behaviour, 0.0))
        return reported

    def _report_end(
        self, sms: JasminMessage, identifier: str, behaviour: Behaviour, after: float
    ) -> Deferred[Any]:
        if behaviour.state is None or self._closed:
            return succeed(None)
        word, error = _STATES[behaviour.state]
        moment = datetime.now(UTC).strftime("%y%m%d%H%M")
        fields = {
            "id": identifier,
            "level": "2",
            "message_status": word,
            "connector": "c1",
            "id_smsc": identifier[:8].upper(),
            "sub": "001",
            "dlvrd": "001" if word == "DELIVRD" else "000",
            "subdate": moment,
            "donedate": moment,
            "err": error,
            "text": sms.text[:20],
        }
        return gatherResults(
            self._throw(sms.dlr_url, sms.dlr_method, fields, "DLRThrower", after)
            for _ in range(behaviour.reports)
        )

    def _throw(
        self, url: str, method: str, fields: Mapping[str, _Value], agent: str, after: float
    ) -> Deferred[None]:
        if not url:
            return succeed(None)
        headers = {"Content-Type": _FORM, "User-Agent": _AGENT + agent}
        body = b""
        if method == "GET":
            url = _with_query(url, fields)
        else:
            body = urlencode(fields, doseq=True).encode()
        return self.pusher.push(
            method, url, headers=headers, body=body, after=after, wanted=ACKNOWLEDGED
        )


def _authenticate(user: str, password: str) -> None:
    if "wrong" in (user, password):
        raise JasminRefusal(403, f"Authentication failure for username:{user}")


def _unreachable(user: str, password: str, sms: JasminMessage) -> str:
    """Return Jasmin's words for a broken inner connection, with all fields of the request."""
    query = urlencode({"to": sms.to, "content": sms.text, "username": user, "password": password})
    return (
        "Could not connect to Jasmin http api (http://127.0.0.1:1401): HTTPConnectionPool"
        f"(host='127.0.0.1', port=1401): Max retries exceeded with url: /send?{query}"
    )


def _each(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a message for each of the destinations; none without destination or content."""
    message = d7_arguments.hyphened(document)
    if "to" not in message or not {"content", "hex-content"} & set(message):
        return []
    to = message["to"]
    return [{**message, "to": one} for one in (to if isinstance(to, list) else [to])]


def _with_query(url: str, fields: Mapping[str, _Value]) -> str:
    return f"{url}{'&' if '?' in url else '?'}{urlencode(fields, doseq=True)}"

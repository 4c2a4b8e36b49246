"""The outcomes of messages, read from MSpace's answer to sendtext."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from urllib.parse import quote

from smppbridge.model.message import Message
from smppbridge.model.outcome import Accepted, Outcome, Uncertain
from smppbridge.providers.answers import (
    MAX_ANSWER,
    Blame,
    On5xx,
    blame_of,
    http_fault,
    identifier_of,
    refusal,
    shown,
    unknown_status,
    without,
)
from smppbridge.providers.exchange import BadReply, HttpResponse
from smppbridge.providers.mspace.answers import (
    MSpaceAnswer,
    Record,
    answer_in,
    by_message,
    description_of,
    state_in,
    status_of,
)
from smppbridge.smpp.constants import MessageState

# Few texts are documented, and only one word for word (with "Athentication" beside it), so each
# fragment is one that no answer to a message that was taken would have.
ERRORS: Mapping[str, Blame] = MappingProxyType(
    {
        "thentication": "provider",
        "unauthori": "provider",
        "not authori": "provider",
        "invalid api": "provider",
        "invalid user": "provider",
        "apikey is": "provider",
        "username is": "provider",
        "insufficient": "provider",
        "invalid sender": "source",
        "senderid is": "source",
        "invalid recipient": "destination",
        "invalid number": "destination",
        "invalid mobile": "destination",
        "invalid phone": "destination",
        "recipient is": "destination",
        "too long": "length",
        "too many requests": "throttled",
    }
)
_INTERNAL = "internal"
_HOPEFUL = frozenset((MessageState.ENROUTE, MessageState.DELIVERED))
_MAX_ENTRY = 512


@dataclass(frozen=True, slots=True)
class SubmitReader:
    """Reads answers to sendtext by one account's settings; *secrets* are never shown."""

    accepted: frozenset[str]
    blames: tuple[tuple[str, Blame], ...]
    on_5xx: On5xx
    secrets: tuple[str, ...] = field(repr=False)

    def outcomes(self, response: HttpResponse, messages: Sequence[Message]) -> list[Outcome]:
        """Return one outcome for each of *messages*, which share one text."""
        answer = self.read(response, messages)
        if not isinstance(answer, MSpaceAnswer):
            return [answer] * len(messages)
        text = messages[0].text
        return [
            _agreed([self._outcome(entry, text) for entry in mine])
            for mine in by_message(answer.entries, messages)
        ]

    def read(self, response: HttpResponse, messages: Sequence[Message]) -> MSpaceAnswer | Outcome:
        """Return an answer with entries about messages, or else the outcome of all messages."""
        text = messages[0].text
        if not 200 <= response.status < 300:
            return self._fault(response, text)
        try:
            answer = answer_in(response.body, MAX_ANSWER + _MAX_ENTRY * len(messages))
        except BadReply as fault:
            return Uncertain(fault.reason)
        if answer.entries:
            return answer
        words = answer.words
        return self._blamed(words, text) or Uncertain(
            "an answer that says nothing of the message", self._shown(words, text)
        )

    def _outcome(self, entry: Record, text: str) -> Outcome:
        status = status_of(entry)
        if status in self.accepted:
            identifier = identifier_of(entry.get("messageid"))
            return Accepted(identifier) if identifier else Uncertain("taken, but without messageId")
        words = description_of(entry) or status
        state = state_in(without(words, text))
        # A number that is not the one of success is a failure, unless its words speak of success.
        failed = status.lstrip("-").isdecimal() or state is not None
        if blamed := self._blamed(words, text):
            return blamed
        if not failed or state in _HOPEFUL:
            return unknown_status(self._shown(f"{status}: {words}" if status else words, text))
        return refusal("", "message", self._shown(words, text))

    def _blamed(self, words: str, text: str) -> Outcome | None:
        """Return the outcome for known *words* of failure; None for unknown words."""
        said = without(words, text)
        blame = blame_of(said, self.blames)
        if blame is not None:
            return refusal("", blame, self._shown(words, text), raw=words)
        if _INTERNAL in said.lower():
            return http_fault(HttpResponse(500), self.on_5xx)
        return None

    def _fault(self, response: HttpResponse, text: str) -> Outcome:
        """Return the outcome of an HTTP error; the body of a 4xx may say more than the status."""
        status = response.status
        if not 400 <= status < 500 or status in (408, 429):
            return http_fault(response, self.on_5xx)
        words = words_of(response)
        explanation = self._shown(words, text)
        blame = blame_of(without(words, text), self.blames)
        if blame is not None:
            return refusal(f"HTTP {status}", blame, explanation, raw=words)
        fault = http_fault(response, self.on_5xx)
        return fault if isinstance(fault, Accepted) else replace(fault, words=explanation)

    def _shown(self, words: str, text: str) -> str:
        return shown(words, text, secrets=self.secrets)


def words_of(response: HttpResponse) -> str:
    """Return the sentence for people in an answer; "" if the answer cannot be read."""
    try:
        return answer_in(response.body).words
    except BadReply:
        return ""


def quoted(value: str) -> str:
    """Percent-encode *value* so that it stays one segment of a path; surrogates become ``?``."""
    return quote(value, safe="", errors="replace")


def _agreed(outcomes: Sequence[Outcome]) -> Outcome:
    """Return the one outcome of all entries about a message; Accepted outweighs Uncertain."""
    if not outcomes:
        return Uncertain("the answer does not mention it")
    kinds = {type(outcome) for outcome in outcomes}
    if kinds == {Accepted, Uncertain}:
        return next(outcome for outcome in outcomes if isinstance(outcome, Accepted))
    if len(kinds) > 1:
        return Uncertain("the answer contradicts itself")
    return outcomes[0]

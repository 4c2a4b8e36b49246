"""The meanings of words, codes and statuses at a provider: blame, message_state, pause."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from smppbridge.model.outcome import Accepted, Outcome, Postponed
from smppbridge.model.report import Report
from smppbridge.providers.answers import (
    Blame,
    On5xx,
    On503,
    blame_table,
    http_fault,
    refusal,
    retry_after,
    shown,
    state_table,
    without,
)
from smppbridge.providers.exchange import BadReply, HttpResponse, ReportWord
from smppbridge.providers.template.faults import Faults
from smppbridge.providers.template.sections import Described
from smppbridge.providers.template.written import HEADER
from smppbridge.smpp.constants import MessageState

STATES: Mapping[str, MessageState] = {
    "DELIVERED": MessageState.DELIVERED,
    "DELIVRD": MessageState.DELIVERED,
    "UNDELIVERED": MessageState.UNDELIVERABLE,
    "UNDELIVERABLE": MessageState.UNDELIVERABLE,
    "UNDELIV": MessageState.UNDELIVERABLE,
    "FAILED": MessageState.UNDELIVERABLE,
    "EXPIRED": MessageState.EXPIRED,
    "REJECTED": MessageState.REJECTED,
    "REJECTD": MessageState.REJECTED,
    "DELETED": MessageState.DELETED,
}
# Most providers have some of these for a message on its way: no table need have them.
_UNDERWAY = frozenset(
    (
        "SENT",
        "SENDING",
        "QUEUED",
        "PENDING",
        "SUBMITTED",
        "ACCEPTED",
        "BUFFERED",
        "SCHEDULED",
        "ENROUTE",
    )
)
NETWORK_ERRORS: Mapping[MessageState, int] = {
    MessageState.UNDELIVERABLE: 1,
    MessageState.REJECTED: 2,
    MessageState.EXPIRED: 3,
    MessageState.UNKNOWN: 255,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Meanings:
    """The meanings of words, codes and HTTP statuses at one provider.

    *codes* blame by a whole value, *fragments* by a part of a value; *secrets* are never shown.
    """

    states: Mapping[str, MessageState]
    codes: Mapping[str, Blame]
    fragments: tuple[tuple[str, Blame], ...]
    http: Mapping[int, Blame]
    on_5xx: On5xx
    on_503: On503 | None
    retry_after: str
    secrets: tuple[str, ...] = field(repr=False)

    def blame(self, words: Iterable[str], *texts: str) -> Blame | None:
        """Return the blame in *words*, without *texts* within them; None if no word is known."""
        words = tuple(words)
        by_code = next((self.codes[word] for word in words if word in self.codes), None)
        if by_code:
            return by_code
        joined = "\n".join(words)
        for text in texts:
            joined = without(joined, text)
        lowered = joined.lower()
        return next((blame for text, blame in self.fragments if text in lowered), None)

    def exactly(self, word: str) -> Blame | None:
        """Return the blame of *word* as a whole; None if the word is unknown."""
        lowered = word.lower()
        return self.codes.get(word) or dict(self.fragments).get(lowered)

    def shown(self, words: Iterable[str], *texts: str) -> str:
        """Return *words* as an operator may see them."""
        return shown(" ".join(filter(None, words)), *texts, secrets=self.secrets)

    def report(
        self, identifier: str, status: str, error: str, message_id: int | None = None
    ) -> Report:
        """Return the report of a message with this status; raises BadReply without a status.

        An unknown status ends nothing.
        """
        if not status:
            raise BadReply("no status")
        state = self.states.get(status.upper())
        if state is None:
            unknown = "" if status.upper() in _UNDERWAY else status
            return Report(identifier, MessageState.ENROUTE, 0, message_id, unknown=unknown)
        number = 0
        if state in NETWORK_ERRORS:
            number = int(error[-3:]) if error.isascii() and error.isdecimal() else 0
        return Report(identifier, state, number or NETWORK_ERRORS.get(state, 0), message_id)

    def report_words(self) -> dict[str, ReportWord]:
        """Return the statuses of reports, with the errors of those that come without a number."""
        return {
            word: ReportWord(state, NETWORK_ERRORS.get(state, 0))
            for word, state in self.states.items()
        }

    def http_outcome(
        self, response: HttpResponse, words: Sequence[str], texts: Sequence[str]
    ) -> Outcome:
        """Return the outcome of an answer other than 2xx, whose error *words* are given."""
        error = self.shown(words, *texts)
        blame = self.http.get(response.status)
        if blame is None and 400 <= response.status < 500 and response.status not in (408, 429):
            blame = self.blame(words, *texts)
        if blame:
            outcome: Outcome = refusal(f"HTTP {response.status}", blame, raw=" ".join(words))
        else:
            outcome = http_fault(response, self.on_5xx, self.on_503, self.retry_after)
        if isinstance(outcome, Postponed):
            after = retry_after(response, self.retry_after)
            return replace(outcome, words=error, after=after)
        return outcome if isinstance(outcome, Accepted) else replace(outcome, words=error)


def meanings_of(described: Described, secrets: Iterable[str], faults: Faults) -> Meanings:
    """Return the meanings in a template; wrong entries become faults."""
    for status in described.http:
        if not 300 <= status <= 599:
            faults.add(f"http.{status}", "is not the HTTP status of a fault, 300 to 599")
    for text in described.errors:
        if not text.strip():
            faults.add(f"errors.{text}", "is empty: every error has that in it")
    if not HEADER.fullmatch(described.retry_after):
        faults.add("retry_after", "is not the name of a header")
    errors = {text.strip(): blame for text, blame in described.errors.items()}
    codes = {text: blame for text, blame in errors.items() if text.lstrip("-").isdecimal()}
    words = {text: blame for text, blame in errors.items() if text not in codes}
    return Meanings(
        states=state_table(STATES, described.states),
        codes=codes,
        fragments=blame_table(words, {}),
        http=described.http,
        on_5xx=described.on_5xx,
        # under its key a request is repeated; postponed, it would leave under another one
        on_503=described.on_503 or ("uncertain" if described.idempotent else None),
        retry_after=described.retry_after.lower(),
        secrets=tuple(filter(None, secrets)),
    )

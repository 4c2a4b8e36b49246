"""ports: clock, meters, journal, spawn and notes, which every movement receives in one `Around`."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from smppbridge.model.notes import RefusedSubmission, Unmatched


class Meters(Protocol):
    """Counts the acts of the relay: once a list wherever acts come in lists."""

    def accepted(self, system_id: str, count: int) -> None:
        """Count submit_sm answered ESME_ROK."""

    def refused(self, system_id: str, command_status: int, reason: str) -> None:
        """Count a submit_sm refused with *command_status*, by a word of `model.reasons`."""

    def operated(self, system_id: str, operation: str, command_status: int, count: int) -> None:
        """Count operations other than submit_sm by their answer: query, cancel, replace."""

    def submit_resp(self, system_id: str, seconds: float, count: int) -> None:
        """Time *count* submit_sm that were answered together."""

    def transaction(self, system_id: str, outcome: str, count: int) -> None:
        """Count responses that waited for a verdict: accepted, refused, late, lost."""

    def latin1_fallback(self, system_id: str) -> None:
        """Count a GSM message with octets above 0x7F, read as Latin-1."""

    def gathering_expired(self, system_id: str, count: int) -> None:
        """Count long messages whose segments were not all received."""

    def quiet(self, system_id: str, count: int) -> None:
        """Count messages that are held by the quiet hours of their route."""

    def asked(self, provider: str, operation: str, outcome: str, seconds: Sequence[float]) -> None:
        """Time exchanges of one kind; *outcome* is the outcome's name in lower case."""

    def lost(self, provider: str, what: str, count: int) -> None:
        """Count properties of accepted messages that their provider has no field for."""

    def reported(self, provider: str, source: str, state: int, count: int) -> None:
        """Count reports; *source* is push, poll or own."""

    def unknown_status(self, provider: str) -> None:
        """Count a report whose status the provider's table does not know."""

    def unmatched(self, provider: str, count: int) -> None:
        """Count reports whose message was never found."""

    def repeated(self, provider: str, conflicting: bool) -> None:
        """Count a report about a message whose final state was known."""

    def report_latency(self, provider: str, seconds: float) -> None:
        """Time a final report, from the provider's acceptance of its message on."""

    def finished(self, system_id: str, state: int, count: int) -> None:
        """Count messages that reached a final state."""

    def delivered(self, system_id: str, outcome: str, count: int) -> None:
        """Count deliver_sm concluded: delivered, refused, postponed, expired."""

    def mo(self, provider: str, outcome: str, count: int) -> None:
        """Count MO messages: owed, repeated, unrouted, outdated, too_long."""

    def alert(self, provider: str, outcome: str, count: int) -> None:
        """Count alert_notifications of upstream SMSCs: passed, unrouted, unbound."""

    def opted_out(self, provider: str, count: int) -> None:
        """Count opt-outs received."""

    def reasoned(self, act: str, reason: str, count: int) -> None:
        """Count a no by a word of `model.reasons`, and by the act that the word explains."""

    def notes_dropped(self, kind: str, count: int) -> None:
        """Count notes that the store does not get: note, refused, unmatched."""

    def ussd_answered(self, system_id: str, seconds: float) -> None:
        """Time a screen of an ESME, from the phone's request on."""

    def ussd_ended(self, system_id: str, outcome: str) -> None:
        """Count a dialogue by its end; *system_id* is empty if no account has the code."""

    def ussd_passed(self, system_id: str, result: str) -> None:
        """Count a phone's request that went to another node."""


class Journal(Protocol):
    """Logs structured events: without texts, secrets and whole numbers."""

    def __call__(self, event: str, /, **fields: Any) -> None:
        """Log an event with its fields."""


class CountReason(Protocol):
    """Counts a no about an account, provider or listener, by a word of `model.reasons`."""

    def __call__(
        self,
        reason: str,
        about: str,
        count: int = 1,
        *,
        detail: str = "",
        first: bool = True,
        others: bool = True,
    ) -> bool:
        """Count; return whether it is the first in a minute.

        *first* is False if the caller logs the first, *others* if it logs the others too.
        """


def uncounted(
    reason: str,
    about: str,
    count: int = 1,
    *,
    detail: str = "",
    first: bool = True,
    others: bool = True,
) -> bool:
    """Count nothing: for parts that run without a bridge."""
    return True


class Notes(Protocol):
    """Keeps rare events for people who ask why; bounded, and never waited for."""

    @property
    def reason(self) -> CountReason:
        """The counts of reasons."""

    def note(self, message_id: int, code: str, facts: Mapping[str, Any]) -> None:
        """Note an event in the life of a message, at this moment."""

    def refused(self, submission: RefusedSubmission) -> None:
        """Note a submission that was refused."""

    def unmatched(self, found: Unmatched) -> None:
        """Note a report or an MO message that belongs to nothing."""


class Clock(Protocol):
    """The only time that the relay reads; the service owns the clock."""

    def wall(self) -> float:
        """Return UNIX seconds."""

    def monotonic(self) -> float:
        """Return seconds that never go back."""


Spawn = Callable[[Coroutine[Any, Any, None]], object]
"""Runs a coroutine; an exception that ends it is logged, but for StoreFailure."""


@dataclass(frozen=True, slots=True)
class Around:
    """Time, counters, log, spawn and notes: the same for every movement of a bridge."""

    clock: Clock
    meters: Meters
    journal: Journal
    spawn: Spawn
    notes: Notes

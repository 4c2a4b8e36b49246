"""The facts that the verdict on a message follows from; values only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from smppbridge.model.message import Stage

Tone = Literal["good", "wait", "warn", "bad"]


@dataclass(frozen=True, slots=True)
class OwedReceipt:
    """A receipt that is owed: times are UNIX seconds; *postponed* counts the tries in vain.

    *postponed_by* is the command_status of the last try's response, 0 or None without a response.
    """

    message_id: int
    expires_at: float
    due: float
    postponed: int = 0
    postponed_by: int | None = None


@dataclass(frozen=True, slots=True)
class EndedReceipt:
    """A receipt that is owed no more; *command_status* is None if its time was over.

    *postponed* counts the tries in vain.
    """

    message_id: int
    command_status: int | None
    postponed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeFacts:
    """The facts of the running bridge about a message's provider and its account's sessions.

    *shut* is the word of `model.reasons` why nothing is sent to the provider, *until* when that, or
    the wait for segments, ends (UNIX seconds); *before* counts the messages that go first;
    *receivers* the sessions that take receipts, *bound* all sessions of the account.  A deliver_sm
    of the message is out at a session until *unanswered_until* (UNIX seconds).  *limit* binds a
    lane that is open: rate, pace or concurrency; *speed* is how many requests leave the lane a
    second.
    """

    shut: str = ""
    until: float | None = None
    before: int | None = None
    receivers: int | None = None
    bound: int | None = None
    unanswered_until: float | None = None
    limit: str = ""
    speed: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictFacts:
    """A message as its verdict goes by it; times are UNIX seconds.

    *tried* is the outcome and the reason of the last attempt that was not accepted; *why* is the
    word of `model.reasons` for which the bridge rejected the message, gave it up or let it expire,
    *detail* that of a rejection; *behind* is the word of `model.reasons` for which an
    expired message waited at last, if it was not tried for that.  *missing* are the numbers of the
    segments that have not come, of *total*.
    """

    stage: int
    system_id: str
    provider: str = ""
    state: int = 0
    error: int = 0
    uncertain: bool = False
    registered_delivery: int = 0
    due: float | None = None
    expires_at: float = 0.0
    attempts: int = 0
    tried: tuple[str, str] | None = None
    why: str = ""
    detail: str = ""
    behind: str = ""
    missing: Sequence[int] = ()
    total: int = 0
    until: float | None = None  # when the missing segments are given up
    owed: Sequence[OwedReceipt] = ()
    ended: Sequence[EndedReceipt] = ()
    quiet: bool = False
    odd: str = ""  # a kind of `smpp.oddities` that the text shows
    provider_message_id: str | None = None
    now: float = 0.0
    meanwhile: BridgeFacts = field(default_factory=BridgeFacts)


def seen_now(case: VerdictFacts, meanwhile: BridgeFacts) -> VerdictFacts:
    """Return the facts of the store with those of the running bridge."""
    until = meanwhile.until if case.stage == Stage.GATHERING else case.until
    return replace(case, meanwhile=meanwhile, until=until)


@dataclass(frozen=True, slots=True)
class MessageVerdict:
    """A verdict, by its code; *says* is the message's place in words, *do* are acts that help."""

    code: str
    tone: Tone
    says: str
    why: str = ""
    do: tuple[str, ...] = ()

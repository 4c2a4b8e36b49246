"""elsewhere: reports cross to the bridge that has their message, where bridges share a store.

Only the bridge that has a message settles it.  A report about another bridge's message is told on:
it is on disk before its provider is answered.  A report that overtakes the answer which names its
message may be early at another bridge than the one that receives the answer.  Both write, commit,
and then look: one of the two sees the rows of the other.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from itertools import groupby
from typing import NamedTuple, Protocol

from smppbridge.model.identifiers import Tolerance, same_id, spelling_of
from smppbridge.model.message import Attempt
from smppbridge.model.report import Report
from smppbridge.relay.report.early import Key, Met
from smppbridge.relay.report.parts import keys_of
from smppbridge.smpp.constants import MessageState
from smppbridge.store.port import EarlyReport, Found, ReportStore, StoreFailure


class ToldReport(NamedTuple):
    """A report that another bridge has received; *number* is its place among all such reports."""

    number: int
    message_id: int
    source: str
    report: EarlyReport


class SharedReports(Protocol):
    """The verbs of reports that several bridges of a store have; they raise StoreFailure."""

    @property
    def alone(self) -> bool:
        """Whether no other bridge runs."""

    def tell_on(self, reports: Sequence[tuple[Found, EarlyReport]], source: str) -> Awaitable[None]:
        """Write reports about messages for the bridges that have these; they are early no more."""

    def tell_named(self, reports: Sequence[EarlyReport], source: str) -> Awaitable[set[str]]:
        """Write the reports whose ids name messages of other bridges beyond doubt, for these.

        Returns the provider_message_ids of the reports that were written.
        """

    def early_about(self, names: Sequence[tuple[str, str, float]]) -> Awaitable[list[EarlyReport]]:
        """Return early reports about (provider, provider_message_id, since when), oldest first."""


Receive = Callable[[str, Sequence[Report], str], Awaitable[None]]


class NotShared:
    """The reports of a store that is one bridge's alone: none crosses."""

    alone = True

    async def tell_on(self, reports: Sequence[tuple[Found, EarlyReport]], source: str) -> None:
        """Tell nobody: every message is this bridge's."""

    async def tell_named(self, reports: Sequence[EarlyReport], source: str) -> set[str]:
        """Tell nobody."""
        return set()

    async def early_about(self, names: Sequence[tuple[str, str, float]]) -> list[EarlyReport]:
        """Return nothing: every early report is in memory."""
        return []


async def not_told(
    shared: SharedReports, provider: str, reports: Sequence[Report], source: str, at: float
) -> Sequence[Report]:
    """Tell reports on that name SUBMITTED messages of other bridges; return the other reports.

    Most reports that a bridge does not await are about another bridge's messages: such a report
    costs one write, and is never early here.  Where the store fails, all reports are returned: the
    owner counts a report that comes to it twice as repeated.
    """
    if shared.alone:
        return reports
    try:
        told = await shared.tell_named([as_told(provider, each, at) for each in reports], source)
    except StoreFailure:
        return reports
    return [each for each in reports if each.provider_message_id not in told]


async def meet(
    store: SharedReports,
    met: Sequence[Met],
    attempts: Sequence[Attempt],
    tolerances: Mapping[str, Tolerance],
    known: Sequence[Callable[[Key], object]],
) -> Sequence[Met]:
    """Return *met*, and the reports about attempts just recorded that are early at other bridges.

    *known* find the early reports that are in this bridge's memory.  Raises StoreFailure.
    """
    taken = {early.key[:2] for early, _ in met}
    wanted = [
        (provider, name, attempt.begun_at, attempt)
        for attempt in attempts
        if attempt.provider_message_id is not None
        for provider, name in keys_of(attempt)
    ]
    early: dict[Key, EarlyReport] = {}
    spellings: dict[Key, set[str]] = {}
    for each in await store.early_about([row[:3] for row in wanted]) if wanted else ():
        key = each.provider, each.provider_message_id
        if key not in taken and not any(find(key) for find in known):
            early[key] = each
            spellings.setdefault((key[0], same_id(key[1])), set()).add(key[1])
    if early:
        met = list(met)
        for provider, name, _, attempt in wanted:
            like = spellings.get((provider, same_id(name)), ())
            spelling = spelling_of(name, like, tolerances.get(provider, "exact"))
            if spelling is not None and (found := early.pop((provider, spelling), None)):
                met.append((found, attempt))
    return met


async def settled_elsewhere(
    store: ReportStore, late: Sequence[EarlyReport], repeated: Sequence[EarlyReport]
) -> tuple[list[EarlyReport], list[EarlyReport]]:
    """Return the reports that have found no message, and those about messages that there are.

    Whoever received the answer with an id has settled its message, and let nobody know.
    """
    try:
        found = await store.find([each.key[:2] for each in late])
    except StoreFailure:
        found = {}
    lost = [each for each in late if each.key[:2] not in found]
    return lost, [*repeated, *(each for each in late if each.key[:2] in found)]


async def failure_of(write: Awaitable[None]) -> StoreFailure | None:
    """Return the failure of a write, None if it is on disk."""
    try:
        await write
    except StoreFailure as failure:
        return failure
    return None


def as_told(provider: str, report: Report, at: float) -> EarlyReport:
    """Return a report that names its message by our message_id, as it is told on."""
    name, state, error = report.provider_message_id, report.state, report.error
    return EarlyReport(provider, name, state, error, at, report.renamed, report.done_at)


async def receive_told(told: Sequence[ToldReport], receive: Receive) -> None:
    """Settle our messages by reports that other bridges have received, in order.

    Raises StoreFailure: then none of them may be deleted; they may come again.
    """
    for (provider, source), some in groupby(told, lambda t: (t.report.provider, t.source)):
        reports = [
            Report(
                each.report.provider_message_id,
                MessageState(each.report.state),
                each.report.error,
                each.message_id,
                each.report.renamed,
                each.report.done_at,
            )
            for each in some
        ]
        await receive(provider, reports, source)

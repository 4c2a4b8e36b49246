"""Reports, and messages to rented numbers, that SMS.CX keeps until we pull them, page by page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol
from urllib.parse import quote

from smppbridge.providers.exchange import NOW, BadReply, Exchange, Received
from smppbridge.providers.smscx.answers import SmsCxReader, items_of, mo_of, seconds_of
from smppbridge.smpp.constants import MessageState

PAGE = 100
MAX_PAGES = 100
OVERLAP = 3600.0
_MAX_MARK = 512


class AskAccount(Protocol):
    """Asks SMS.CX a question that is no submission; returns a JSON object or raises BadReply."""

    def __call__(
        self,
        method: str,
        path: str,
        document: Any = None,
        query: Mapping[str, str | int] | None = None,
        operation: str = "account",
    ) -> Exchange[dict[str, Any]]: ...


def paged(
    ask: AskAccount,
    path: str,
    query: Mapping[str, str | int],
    operation: str = "account",
    enough: Callable[[dict[str, Any]], bool] = lambda last: False,
) -> Exchange[list[dict[str, Any]]]:
    """Return the objects of all pages, until *enough* is true of a page's last object."""
    found: list[dict[str, Any]] = []
    mark = ""
    for _ in range(MAX_PAGES):
        following = {"next": mark} if mark else {}
        answer = yield from ask(
            "GET", path, query={**query, "limit": PAGE, **following}, operation=operation
        )
        data = answer.get("data")
        page = items_of(data)
        found += page
        before, mark = mark, _next_of(answer.get("paging"))
        if not data or mark in ("", before) or (page and enough(page[-1])):
            break
    return found


def day_of(seconds: float) -> str:
    """Return the day in UTC in the form of SMS.CX."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d}"


def _next_of(paging: object) -> str:
    mark = paging.get("next") if isinstance(paging, dict) else None
    if isinstance(mark, int) and not isinstance(mark, bool):
        mark = str(mark)
    return mark if isinstance(mark, str) and len(mark) <= _MAX_MARK else ""


@dataclass(slots=True)
class Pull:
    """Pulls everything new since the last pull, and everything of the hour before once more.

    The bridge may lose a pull's result before it is on disk; the ids show which entries are known.
    """

    ask: AskAccount
    reader: SmsCxReader
    rent_ids: Sequence[str]
    reports: bool
    back: float
    _last: float | None = field(default=None, init=False)

    def new(self) -> Exchange[Sequence[Received]]:
        """Return new entries, oldest first; raises BadReply if every request failed."""
        now: float = yield NOW
        since = now - self.back if self._last is None else self._last - OVERLAP
        found: list[Received] = []
        faults: list[BadReply] = []
        wanted = [self._inbound(rent_id, since) for rent_id in self.rent_ids]
        if self.reports:
            wanted.append(self._reports(now))
        for part in wanted:
            try:
                found += yield from part
            except BadReply as fault:  # one number that is rented no longer does not stop the rest
                faults.append(fault)
        if faults and not found:
            raise faults[0]
        if not faults:
            self._last = now
        return found

    def _inbound(self, rent_id: str, since: float) -> Exchange[list[Received]]:
        def is_older(item: Mapping[str, Any]) -> bool:
            received = seconds_of(item.get("receivedAt"))
            return received is not None and received < since

        path = f"numbers/rent/{quote(rent_id, safe='')}/inbound"
        items = yield from paged(self.ask, path, {}, "pull", is_older)
        return [mo for item in reversed(items) if not is_older(item) and (mo := mo_of(item))]

    def _reports(self, now: float) -> Exchange[list[Received]]:
        """Return the reports, without those of messages on their way."""
        days = {"start_date": day_of(now - self.back), "end_date": day_of(now), "channel": "sms"}
        items = yield from paged(self.ask, "reports", days, "pull")
        reports = map(self.reader.report, items)
        return [report for report in reports if report and report.state != MessageState.ENROUTE]

"""The journal of `demo` on a terminal: a table of messages that follows their events."""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, JustifyMethod
from rich.live import Live
from rich.table import Table
from rich.text import Text

from smppbridge.model.address import Address
from smppbridge.observe.lines import Lines
from smppbridge.observe.log import EventLog
from smppbridge.observe.shown import stamped

_REMEMBERED = 10_000
_NOTES = 3
_FRAME = 4  # lines of a table that are no rows, and the one below it for the cursor
_FEWEST = 10
_UNCERTAIN = "uncertain"
_MO = "from a phone"
_COLOURS = {
    "accepted": "cyan",
    "DELIVERED": "green",
    _UNCERTAIN: "yellow",
    "UNKNOWN": "yellow",
    _MO: "magenta",
}
_HEADINGS = ("time", "message_id", "from", "to", "provider", "state", "ms")
# in 80 columns there is room for all of it, and for most of a source address
_WIDTHS = {"time": 8, "message_id": 18, "to": 12, "provider": 13, "state": 13, "ms": 5}

ProviderOf = Callable[[str, Address], str]
"""Returns the provider that a message of an account to a destination goes to first."""


@dataclass(slots=True)
class BoardRow:
    """One segment or undivided message; *ms* is from acceptance to the final state.

    *provider* is the first of the route, and once the message has ended the provider of its end.
    """

    at: float
    message_id: str
    provider: str
    source: str
    destination: str
    state: str
    ms: float | None = None


_ENDS = ("message_delivered", "message_ended", "message_failed", "message_expired")


class Board(EventLog):
    """Shows messages in a table and other events below the table; writes lines without a table."""

    def __init__(
        self,
        lines: Lines,
        console: Console,
        provider_of: ProviderOf,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(lines, form="text", level="warn", clock=clock)
        self._above = 0
        self._provider_of = provider_of
        self._console, self._clock, self._stamp = console, clock, stamped(clock)
        self._live: Live | None = None
        self._changed = False
        self._rows: OrderedDict[str, BoardRow] = OrderedDict()
        self._notes: deque[str] = deque(maxlen=_NOTES)
        self._accepted = self._delivered = self._failed = 0

    @contextmanager
    def shown(self, above: int = 0) -> Iterator[None]:
        """Show the table below *above* lines; at the end the last table stays on the terminal."""
        self._above = above
        with Live(self.table(), console=self._console, auto_refresh=False) as self._live:
            try:
                yield
            finally:
                self.flush()
                self._live = None

    def __call__(self, event: str, /, **fields: Any) -> None:
        """Show an event, or log it while no table is shown; no secret reaches the table."""
        if self._live is None:
            super().__call__(event, **fields)
            return
        seen = cast(dict[str, Any], self._stamp(None, "", {"event": event, **fields}))
        self._changed = True
        if event == "message_accepted":
            self._accept(seen, self._provider_of(fields["system_id"], fields["destination"]))
        elif event == "mo_owed":
            self._add(seen, seen["provider"], _MO)
        elif event == "message_uncertain":
            self._end([seen["message_id"]], seen["provider"], _UNCERTAIN)
        elif event in _ENDS:
            ids = map(str, fields.get("segments") or [seen["message_id"]])
            self._end(list(ids), seen["provider"], seen["state"])
        else:
            self._note(event, seen)

    def flush(self, wait: float = 0.0) -> None:
        """Draw the table anew if a row or a note has changed."""
        if self._live is None:
            super().flush(wait)
        elif self._changed:
            self._changed = False
            self._live.update(self.table(), refresh=True)

    def table(self) -> Group:
        """Return the table and the notes below it."""
        table = Table(box=SIMPLE_HEAD, padding=0, show_edge=False)
        others = sum(_WIDTHS.values()) + len(_WIDTHS)
        widths = {**_WIDTHS, "from": max(4, min(13, self._console.width - others))}
        for heading in _HEADINGS:
            justify: JustifyMethod = "right" if heading == "ms" else "left"
            table.add_column(heading, no_wrap=True, width=widths[heading], justify=justify)
        room = max(_FEWEST, self._console.height - self._above - _FRAME - _NOTES)
        for row in list(self._rows.values())[-room:]:
            cells: dict[str, str | Text] = {
                "time": f"{datetime.fromtimestamp(row.at):%H:%M:%S}",
                "message_id": row.message_id,
                "from": Text(row.source),
                "to": Text(row.destination),
                "provider": row.provider,
                "state": Text(row.state, style=_COLOURS.get(row.state, "red")),
                "ms": "" if row.ms is None else f"{row.ms:.0f}",
            }
            table.add_row(*(cells[heading] for heading in _HEADINGS))
        under_way = self._accepted - self._delivered - self._failed
        table.caption = (
            f"{self._accepted} accepted, {self._delivered} delivered, {self._failed} failed,"
            f" {under_way} under way"
        )
        notes = [Text(note, style="dim", no_wrap=True, overflow="ellipsis") for note in self._notes]
        return Group(table, *notes)

    def _accept(self, seen: Mapping[str, Any], provider: str) -> None:
        self._accepted += 1
        self._add(seen, provider, "accepted")

    def _add(self, seen: Mapping[str, Any], provider: str, state: str) -> None:
        message_id = seen["message_id"]
        self._rows[message_id] = BoardRow(
            at=self._clock(),
            message_id=message_id,
            provider=provider,
            source=seen["source_addr"],
            destination=seen["destination"],
            state=state,
        )
        if len(self._rows) > _REMEMBERED:
            self._rows.popitem(last=False)

    def _end(self, ids: Sequence[str], provider: str, state: str) -> None:
        if state == "DELIVERED":
            self._delivered += len(ids)
        elif state != _UNCERTAIN:
            self._failed += len(ids)
        for row in filter(None, map(self._rows.get, ids)):
            row.provider, row.state = provider, state
            if state != _UNCERTAIN:
                row.ms = (self._clock() - row.at) * 1000

    def _note(self, event: str, seen: Mapping[str, Any]) -> None:
        fields = (f"{k}={v}" for k, v in seen.items() if k not in ("ts", "level", "event"))
        when = f"{datetime.fromtimestamp(self._clock()):%H:%M:%S}"
        self._notes.append(" ".join((when, event, *fields)))

"""The log: a line for each event, structured, safe to show, gathered and written in batches."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from traceback import walk_tb
from typing import Any, Literal

import structlog
from structlog.typing import EventDict
from twisted.logger import ILogObserver, LogEvent, LogLevel, formatEvent, globalLogBeginner
from twisted.python.failure import Failure
from zope.interface import implementer

from smppbridge.observe.lines import Lines
from smppbridge.observe.shown import renderer, stamped

Level = Literal["debug", "info", "warn", "error", "critical"]

LEVELS = {
    "counted": "debug",
    "configuration_refused": "error",
    "admin_login_refused": "warning",
    "admin_socket_failed": "warning",
    "session_refused": "warning",
    "session_slowed": "warning",
    "connection_failed": "warning",
    "certificate_expires": "warning",
    "descriptors_few": "warning",
    "outbind_failed": "warning",
    "delivery_unwritable": "error",
    "upstream_credentials_refused": "error",
    "upstream_refused": "warning",
    "upstream_unreachable": "warning",
    "deliver_sm_unread": "warning",
    "upstream_lost": "warning",
    "provider_down": "warning",
    "callback_refused": "warning",
    "provider_missing": "warning",
    "provider_refuses": "error",
    "balance_empty": "warning",
    "balance_low": "warning",
    "balance_unknown": "warning",
    "messages_diverted": "warning",
    "lane_paused": "warning",
    "pull_failed": "warning",
    "message_uncertain": "warning",
    "mo_unrouted": "warning",
    "mo_outdated": "warning",
    "mo_too_long": "warning",
    "optouts_full": "warning",
    "log_lines_dropped": "warning",
    "library_warning": "warning",
    "start_failed": "error",
    "status_unknown": "warning",
    "restart_refused": "error",
    "handover_refused": "error",
    "store_failed": "error",
    "store_awaited": "error",
    "store_not_synchronous": "warning",
    "store_lost": "error",
    "node_suspended": "error",
    "node_taken_over": "warning",
    "node_fenced": "error",
    "node_unheard": "error",
    "node_unreachable": "warning",
    "node_not_handed_over": "warning",
    "partitions_not_made": "error",
    "cdr_failed": "error",
    "thread_broken": "critical",
    "unhandled_error": "error",
}
"""The level of an event; an event that is not named here is "info"."""
MOST_RECENT = 100
_ORDINARY = frozenset(("debug", "info"))


class EventLog:
    """Logs events with their fields, a line for each event.

    Warnings and errors are written at once; other lines wait for the next flush, which the service
    calls every 100 ms and at the end.  *words*: whether events show the words of providers.  The
    last warnings and errors are kept as they were shown; *noted* counts them since the start.
    """

    __slots__ = ("_lines", "_log", "_noted", "noted", "words")

    def __init__(
        self,
        lines: Lines,
        *,
        form: Literal["json", "text"] = "json",
        level: Level = "info",
        words: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._lines, self.words, self.noted = lines, words, 0
        self._noted: deque[Mapping[str, Any]] = deque(maxlen=MOST_RECENT)
        self._log = structlog.wrap_logger(
            lines,
            processors=[
                stamped(clock, words=words),
                self._keep,
                renderer(form, colour=lines.on_terminal),
            ],
            wrapper_class=structlog.make_filtering_bound_logger(level),
        ).bind()

    def __call__(self, event: str, /, **fields: Any) -> None:
        """Log an event; *fields* that are secret or text are left out, numbers are masked."""
        getattr(self._log, LEVELS.get(event, "info"))(event, **fields)

    @property
    def recent(self) -> Sequence[Mapping[str, Any]]:
        """The last warnings and errors as they were shown, the newest first."""
        return tuple(reversed(self._noted))

    def _keep(self, logger: Any, level: str, event: EventDict) -> EventDict:
        if level not in _ORDINARY:
            self._noted.append(dict(event))
            self.noted += 1
        return event

    @property
    def dropped(self) -> int:
        """How many lines were lost because the reader was behind."""
        return self._lines.dropped

    def flush(self, wait: float = 0.0) -> None:
        """Write the gathered lines; wait up to *wait* seconds for a reader that is behind."""
        before = self._lines.unlogged
        self._lines.flush(wait)
        if before and not self._lines.waiting:
            self._lines.count_logged()
            self("log_lines_dropped", count=before)


def take_over_libraries(journal: EventLog) -> None:
    """Let *journal* log the events of Twisted and of the standard library; once a process."""
    globalLogBeginner.beginLoggingTo([TwistedLog(journal)], redirectStandardIO=False)
    logging.getLogger().addHandler(LibraryLog(journal))


@implementer(ILogObserver)
class TwistedLog:
    """Logs Twisted's warnings, and errors without their messages.

    The message of an exception may quote a secret or a text: its kind and its place are logged.
    """

    def __init__(self, journal: EventLog) -> None:
        self._journal = journal

    def __call__(self, event: LogEvent) -> None:
        """Log an event of Twisted's, if it is a warning or worse."""
        failure, source = event.get("log_failure"), event.get("log_namespace")
        if failure is not None:
            self._journal("unhandled_error", source=source, **described(failure))
        elif event.get("log_level", LogLevel.info) >= LogLevel.warn:
            self._journal("library_warning", source=source, why=formatEvent(event))


class LibraryLog(logging.Handler):
    """Logs the warnings of libraries that use ``logging``."""

    def __init__(self, journal: EventLog) -> None:
        super().__init__(logging.WARNING)
        self._journal = journal

    def emit(self, record: logging.LogRecord) -> None:
        """Log a record, without the message of an exception in it."""
        self._journal("library_warning", source=record.name, why=record.getMessage())


def described(failure: Failure) -> dict[str, object]:
    """Return the fields of an error that may be logged: its kind, its causes' kinds, its place."""
    error: BaseException | None = failure.value
    kinds: list[str] = []
    reason = failure.value.strerror if isinstance(failure.value, OSError) else None
    while error is not None and len(kinds) < 5:
        kinds.append(type(error).__name__)
        error = error.__cause__ or error.__context__
    frames = [
        f"{'/'.join(frame.f_code.co_filename.split('/')[-2:])}:{line} {frame.f_code.co_name}"
        for frame, line in walk_tb(failure.getTracebackObject())
    ]
    fields: dict[str, object] = {"error": " from ".join(kinds), "where": frames[-12:]}
    return fields | ({"reason": reason} if reason else {})

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.logger import Logger, LogLevel, LogPublisher
from twisted.python.failure import Failure

from smppbridge.model.address import Address
from smppbridge.model.masking import mask
from smppbridge.observe.counted import LoggedMeters
from smppbridge.observe.lines import Lines, read_by_journal
from smppbridge.observe.log import EventLog, LibraryLog, TwistedLog
from smppbridge.observe.shown import renderer
from smppbridge.relay.ports import Journal

Reader = Callable[[], bytes]


@pytest.fixture
def pipe() -> Iterator[tuple[int, Reader]]:
    """A descriptor to write to, and what reads all that was written."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)

    def read() -> bytes:
        octets = b""
        while True:
            try:
                octets += os.read(reading, 65536)
            except BlockingIOError:
                return octets

    yield writing, read
    os.close(reading)
    os.close(writing)


def journal_on(descriptor: int, **options: Any) -> EventLog:
    return EventLog(Lines(descriptor), clock=lambda: 1_700_000_000.1239, **options)


def written(journal: EventLog, read: Reader) -> list[dict[str, Any]]:
    journal.flush()
    return [json.loads(line) for line in read().splitlines()]


def test_an_event_is_one_json_line_with_utc_time_and_level(pipe: tuple[int, Reader]) -> None:
    journal = journal_on(pipe[0])
    told: Journal = journal
    told("session_bound", system_id="bank", binds=2)
    assert written(journal, pipe[1]) == [
        {
            "ts": "2023-11-14T22:13:20.123Z",
            "level": "info",
            "event": "session_bound",
            "system_id": "bank",
            "binds": 2,
        }
    ]


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("number", "243810000001", "2438*****001"),
        ("number", "+243810000001", "+243******001"),
        ("number", "2438*****001", "2438*****001"),
        ("destination", Address("243810000001", 1, 1), "2438*****001"),
        ("source_addr", Address("ACME", 5, 0), "ACME"),
        ("peer", Address("243810000001", 1, 1), "2438*****001"),
        ("message_id", 1_700_000_000_000_001, "1700000000000001"),
        ("answered_id", 179_000_000_000_000_001, "179000000000000001"),
        ("segments", [179_000_000_000_000_001], ["179000000000000001"]),
        ("segments", 3, 3),
        ("provider_message_id", "243810000001", "243810000001"),
        ("command_status", 0x58, "ESME_RTHROTTLED"),
        ("command_status", 0x12345, "0x00012345"),
        ("command_status", "ESME_RBINDFAIL", "ESME_RBINDFAIL"),
        ("state", 2, "DELIVERED"),
        ("state", "DELIVERED", "DELIVERED"),
        ("state", 99, "99"),
        ("reason", "no route to 243810000001", "no route to 2438*****001"),
        ("reason", "two\nlines \x1b[31m\x9b\u202e\ud800", r"two\nlines \x1b[31m\x9b\u202e\ud800"),
        ("reason", "x" * 501, "x" * 500 + "..."),
        ("why", b"octets", "bytes"),
        ("why", ValueError("Dear Mrs Smith"), "ValueError"),
        ("names", ["a", b"b"], ["a", "bytes"]),
        ("seconds", 0.25, 0.25),
        ("tls", True, True),
        ("expires_at", None, None),
    ],
)
def test_a_field_is_shown_safely(
    pipe: tuple[int, Reader], name: str, value: object, shown: object
) -> None:
    journal = journal_on(pipe[0])
    journal("event", **{name: value})
    assert written(journal, pipe[1])[0][name] == shown


@pytest.mark.parametrize("name", ["password", "api_key", "token", "text", "body", "callback_url"])
@pytest.mark.parametrize("form", ["json", "text"])
def test_secrets_and_texts_are_left_out(pipe: tuple[int, Reader], name: str, form: Any) -> None:
    journal = journal_on(pipe[0], form=form)
    journal("event", **{name: "hunter2", "system_id": "bank"})
    journal.flush()
    line = pipe[1]()
    assert b"bank" in line
    assert b"hunter2" not in line
    assert name.encode() not in line


def test_a_providers_words_are_shown_only_on_demand(pipe: tuple[int, Reader]) -> None:
    for words in (False, True):
        journal = journal_on(pipe[0], words=words)
        journal("event", reason="HTTP 400", words="Bad number 243810000001")
        [line] = written(journal, pipe[1])
        assert line["reason"] == "HTTP 400"
        assert line.get("words") == ("Bad number 2438*****001" if words else None)


def test_short_numbers_keep_two_digits() -> None:
    assert [mask(number) for number in ("", "7", "42", "112", "123456789")] == [
        "", "7", "42", "*12", "*******89",
    ]  # fmt: skip


def test_text_is_for_humans_and_cannot_be_forged(pipe: tuple[int, Reader]) -> None:
    journal = journal_on(pipe[0], form="text")
    journal("session_ended", reason='lost "it"\nevil=1', system_id="bank", peer=None)
    journal.flush()
    assert pipe[1]() == (
        b"2023-11-14T22:13:20.123Z info    session_ended"
        b' reason="lost \\"it\\"\\\\nevil=1" system_id=bank peer=null\n'
    )


def test_colour_is_only_for_terminals(pipe: tuple[int, Reader]) -> None:
    assert not Lines(pipe[0]).on_terminal
    event = {"ts": "T", "level": "info", "event": "x"}
    assert "\x1b" in str(renderer("text", colour=True)(None, "info", dict(event)))
    assert "\x1b" not in str(renderer("text", colour=False)(None, "info", dict(event)))


def test_lines_wait_for_the_flush_but_warnings_take_them_along(pipe: tuple[int, Reader]) -> None:
    journal = journal_on(pipe[0])
    journal("session_bound")
    assert pipe[1]() == b""
    journal("session_refused")
    assert [json.loads(line)["event"] for line in pipe[1]().splitlines()] == [
        "session_bound",
        "session_refused",
    ]


def test_what_is_below_the_level_is_not_written(pipe: tuple[int, Reader]) -> None:
    journal = journal_on(pipe[0], level="warn")
    journal("session_bound")
    journal("session_refused")
    assert [line["event"] for line in written(journal, pipe[1])] == ["session_refused"]


def test_a_reader_that_stands_still_costs_lines_not_time(pipe: tuple[int, Reader]) -> None:
    lines = Lines(pipe[0], limit=200_000)
    journal = EventLog(lines, clock=lambda: 0.0)
    for number in range(5000):
        journal("event", number=str(number), why="x" * 100)
        journal.flush()
    assert 0 < lines.waiting <= 200_000
    assert 0 < journal.dropped < 5000
    lost, read = journal.dropped, b""
    while lines.waiting:
        read += pipe[1]()
        journal.flush()
    told = [json.loads(line) for line in (read + pipe[1]()).splitlines()]
    assert told[-1]["event"] == "log_lines_dropped"
    assert told[-1]["count"] == lost
    assert len(told) == 5000 - lost + 1


def test_a_reader_that_has_gone_is_survived() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    journal = journal_on(writing)
    journal("session_bound")
    journal("session_refused")
    os.close(writing)
    assert journal.dropped == 2


def failure_of(error: Exception) -> Failure:
    try:
        try:
            raise KeyError("Dear Mrs Smith")
        except KeyError as cause:
            raise error from cause
    except Exception:
        return Failure()


def test_an_unhandled_error_of_twisted_says_kind_and_place_but_no_message(
    pipe: tuple[int, Reader],
) -> None:
    journal = journal_on(pipe[0])
    log = Logger(observer=LogPublisher(TwistedLog(journal)))
    log.failure("while {thing}", failure_of(ValueError("Dear Mrs Smith")), thing="Dear Mrs Smith")
    octets = pipe[1]()
    line = json.loads(octets)
    assert (line["level"], line["event"]) == ("error", "unhandled_error")
    assert line["error"] == "ValueError from KeyError"
    assert line["where"][-1].startswith("observe/test_log.py:")
    assert line["where"][-1].endswith(" failure_of")
    assert b"Smith" not in octets


def test_an_operating_system_error_says_what_the_system_says(pipe: tuple[int, Reader]) -> None:
    journal = journal_on(pipe[0])
    log = Logger(observer=LogPublisher(TwistedLog(journal)))
    log.failure("x", failure_of(OSError(28, "No space left on device", "/secret/path")))
    assert written(journal, pipe[1])[0]["reason"] == "No space left on device"


def test_warnings_of_libraries_are_told_and_their_chatter_is_not(
    pipe: tuple[int, Reader],
) -> None:
    journal = journal_on(pipe[0])
    log = Logger(namespace="twisted.x", observer=LogPublisher(TwistedLog(journal)))
    log.emit(LogLevel.info, "starting")
    log.emit(LogLevel.warn, "odd\n{thing}", thing="thing")
    library = logging.Logger("pool")
    library.addHandler(LibraryLog(journal))
    library.info("starting")
    library.warning("slow %s", "server")
    assert [(line["source"], line["why"]) for line in written(journal, pipe[1])] == [
        ("twisted.x", "odd\\nthing"),
        ("pool", "slow server"),
    ]


def test_journald_is_told_the_level_of_each_line() -> None:
    read, write = os.pipe()
    log = EventLog(Lines(write, priorities=True), level="debug")
    for event in ("counted", "started", "provider_down", "store_failed", "thread_broken"):
        log(event)
    log.flush()
    lines = os.read(read, 65_536).splitlines()
    assert [line[:4] for line in lines] == [b"<7>{", b"<6>{", b"<4>{", b"<3>{", b"<2>{"]
    for descriptor in (read, write):
        os.close(descriptor)


def test_only_the_stream_that_journald_reads_is_for_journald(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as file:
        found = os.fstat(file.fileno())
        stream = {"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"}
        assert read_by_journal(file.fileno(), stream)
        assert not read_by_journal(file.fileno(), {"JOURNAL_STREAM": "1:2"})
        assert not read_by_journal(file.fileno(), {})
    assert not read_by_journal(99_999, stream)


def test_at_debug_every_act_that_is_counted_is_logged() -> None:
    class Meters:
        def __init__(self) -> None:
            self.counted: list[tuple[str, int]] = []

        def accepted(self, system_id: str, count: int) -> None:
            self.counted.append((system_id, count))

    meters, logged = Meters(), []

    def log(event: str, /, **fields: Any) -> None:
        logged.append((event, fields))

    verbose = LoggedMeters(meters, log)
    for count in (1, 2):
        verbose.accepted("bank", count)
    assert meters.counted == [("bank", 1), ("bank", 2)]
    assert logged == [
        ("counted", {"act": "accepted", "system_id": "bank", "count": count}) for count in (1, 2)
    ]
    with pytest.raises(AttributeError):
        verbose.no_such_act()

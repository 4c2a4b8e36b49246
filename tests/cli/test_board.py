from __future__ import annotations

import io
import os
from collections.abc import Iterator

import pytest
from rich.console import Console

from smppbridge.cli.board import Board
from smppbridge.model.address import Address
from smppbridge.observe.lines import Lines
from smppbridge.smpp.constants import MessageState

SOURCE, DESTINATION = Address("BANK", 5), Address("243810000001", 1, 1)


class Time:
    now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def descriptor() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def screen() -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=100, height=24, color_system=None)


@pytest.fixture
def board(descriptor: tuple[int, int], screen: Console, time: Time) -> Board:
    def provider_of(system_id: str, destination: Address) -> str:
        return {"243": "keccel"}.get(destination.addr[:3], "") if system_id == "bank" else ""

    return Board(Lines(descriptor[1]), screen, provider_of, time)


def accept(board: Board, message_id: int) -> None:
    board(
        "message_accepted",
        message_id=message_id,
        system_id="bank",
        source_addr=SOURCE,
        destination=DESTINATION,
    )


def drawn(board: Board, console: Console | None = None) -> list[str]:
    console = console or Console(file=io.StringIO(), width=100, height=24, record=True)
    console.print(board.table())
    return [line.strip() for line in console.export_text().splitlines()]


def row(board: Board, message_id: int) -> list[str]:
    (found,) = (line for line in drawn(board) if str(message_id) in line)
    return found.split()[1:]


def test_a_message_goes_by(board: Board, time: Time) -> None:
    with board.shown():
        accept(board, 71)
        assert row(board, 71) == ["71", "BANK", "2438*****001", "keccel", "accepted"]
        time.now += 0.25
        board("message_uncertain", message_id=71, provider="keccel", reason="no answer")
        assert row(board, 71)[4:] == ["uncertain"]
        time.now += 1
        board("message_delivered", message_id=71, provider="d7", state="DELIVERED", error=0)
        assert row(board, 71)[3:] == ["d7", "DELIVERED", "1250"]
        assert "1 accepted, 1 delivered, 0 failed, 0 under way" in drawn(board)


def test_what_a_phone_sends_is_no_message_of_ours(board: Board) -> None:
    with board.shown():
        board(
            "mo_owed",
            message_id=72,
            system_id="bank",
            source_addr=DESTINATION,
            destination=Address("3077"),
            provider="smscx",
            segments=1,
        )
        assert row(board, 72)[1:] == ["2438*****001", "**77", "smscx", "from", "a", "phone"]
        assert "0 accepted, 0 delivered, 0 failed, 0 under way" in drawn(board)


def test_all_columns_fit_into_an_ordinary_terminal(descriptor: tuple[int, int]) -> None:
    console = Console(file=io.StringIO(), width=80, record=True)
    board = Board(Lines(descriptor[1]), console, lambda *_: "mspace_legacy")
    message_id = 1_795_254_894_521_730
    with board.shown():
        accept(board, message_id)
        failed = {"state": MessageState.UNDELIVERABLE, "provider": "mspace_legacy"}
        board("message_failed", message_id=message_id, **failed)
        heading, _, shown = drawn(board, console)[-4:-1]
    headings = ["time", "message_id", "from", "to", "provider", "state", "ms"]
    assert heading.split() == headings
    assert shown.split()[1:] == [
        str(message_id),
        "BANK",
        "2438*****001",
        "mspace_legacy",
        "UNDELIVERABLE",
        "0",
    ]


def test_segments_share_the_end_of_their_message(board: Board) -> None:
    ids = list(range(100, 125))
    with board.shown():
        for message_id in ids:
            accept(board, message_id)
        rejected = {"state": MessageState.REJECTED, "provider": "keccel", "segments": ids}
        board("message_failed", message_id=100, **rejected)
        assert row(board, 124)[4] == "REJECTED"
        assert "25 accepted, 0 delivered, 25 failed, 0 under way" in drawn(board)


def test_rows_keep_to_the_terminal(board: Board) -> None:
    with board.shown(above=10):
        for message_id in range(1000, 1100):
            accept(board, message_id)
        lines = drawn(board)
    assert len(lines) < 24 - 10
    assert any("1099" in line for line in lines)


def test_other_events_are_noted_below_without_secrets(board: Board) -> None:
    with board.shown():
        board("session_bound", system_id="bank", address="127.0.0.1", password="hush")
        note = drawn(board)[-1]
    assert note.endswith("session_bound system_id=bank address=127.0.0.1")


def test_it_is_drawn_only_when_something_changed(board: Board, screen: Console) -> None:
    assert isinstance(screen.file, io.StringIO)
    with board.shown():
        accept(board, 71)
        board.flush()
        before = screen.file.getvalue()
        assert "2438*****001" in before
        board.flush()
        assert screen.file.getvalue() == before


def test_without_a_table_only_what_is_wrong_is_written(
    board: Board, descriptor: tuple[int, int]
) -> None:
    board("started", version="1")
    board("session_refused", system_id="bank")
    board.flush()
    written = os.read(descriptor[0], 4096).decode()
    assert "session_refused system_id=bank" in written
    assert "started" not in written

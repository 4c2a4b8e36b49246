from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest

from smppbridge.store import pages
from smppbridge.store.lookup import ListedMessage, MessageQuery, open_file, search
from smppbridge.store.pages import MessagePage, page
from tests.store.opened import NOW, Opened, accept, message

MANY = 25


@pytest.fixture
def db(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> Iterator[sqlite3.Connection]:
    """Messages 1 to MANY; each fifth is of the account *other*."""
    monkeypatch.setattr(pages, "FEWEST", 2)
    monkeypatch.setattr(pages, "MOST", 4)
    names = {number: "bank" if number % 5 else "other" for number in range(1, MANY + 1)}
    accept(
        opened,
        [message(n, system_id=name, accepted_at=NOW + n) for n, name in names.items()],
    )
    db = open_file(opened.path)
    yield db
    db.close()


def ids(found: MessagePage) -> list[int]:
    return [each.message_id for each in found.messages]


def test_it_looks_at_all_messages_piece_by_piece(db: sqlite3.Connection) -> None:
    found = page(db, MessageQuery(system_id="other"), lambda: True)
    assert (ids(found), found.before, found.searched_to) == ([25, 20, 15, 10, 5], None, None)


def test_a_full_page_says_where_the_next_begins(db: sqlite3.Connection) -> None:
    found = page(db, MessageQuery(system_id="other", limit=2), lambda: True)
    assert (ids(found), found.before) == ([25, 20], 20)
    rest = page(db, MessageQuery(system_id="other", limit=9, before=20), lambda: True)
    assert (ids(rest), rest.before) == ([15, 10, 5], None)


def test_out_of_time_it_says_how_far_it_came_and_goes_on_from_there(
    db: sqlite3.Connection,
) -> None:
    query, found, turns = MessageQuery(system_id="other"), list[int](), 0
    before = None
    while True:
        part = page(db, MessageQuery(system_id="other", before=before), lambda: False)
        found += ids(part)
        turns += 1
        if part.before is None:
            break
        assert part.searched_to == NOW + part.before
        before = part.before
    assert found == ids(page(db, query, lambda: True))
    assert turns == (MANY + 1) // 2


@pytest.mark.parametrize("pieces", [1, 2])
def test_an_interrupted_piece_costs_none_of_those_before(
    db: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch, pieces: int
) -> None:
    """A machine that is busy can be slow from one moment to the next."""
    looked: list[MessageQuery] = []

    def interrupted(db: sqlite3.Connection, query: MessageQuery) -> list[ListedMessage]:
        looked.append(query)
        if len(looked) > pieces:
            raise sqlite3.OperationalError("interrupted")
        return search(db, query)

    monkeypatch.setattr(pages, "search", interrupted)
    found = page(db, MessageQuery(system_id="other"), lambda: True)
    assert (ids(found), found.before) == (([25], 24) if pieces == 1 else ([25, 20], 20))
    assert found.searched_to == NOW + (found.before or 0)
    monkeypatch.setattr(pages, "search", search)
    rest = page(db, MessageQuery(system_id="other", before=found.before), lambda: True)
    assert ids(found) + ids(rest) == [25, 20, 15, 10, 5]


def test_a_first_piece_that_is_interrupted_is_no_page(
    db: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise sqlite3.OperationalError("interrupted")

    monkeypatch.setattr(pages, "search", interrupted)
    for before in (None, 20):
        with pytest.raises(sqlite3.OperationalError):
            page(db, MessageQuery(system_id="other", before=before), lambda: True)


def test_no_message_at_all(opened: Opened) -> None:
    db = open_file(opened.path)
    assert page(db, MessageQuery(), lambda: False) == MessagePage([], None, None)
    db.close()


def test_a_number_needs_no_pieces(db: sqlite3.Connection) -> None:
    found = page(db, MessageQuery(number="243810000001", limit=3), lambda: False)
    assert (ids(found), found.before, found.searched_to) == ([25, 24, 23], 23, None)

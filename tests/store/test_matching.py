"""Kept reports and the messages that they may be about."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from smppbridge.model.notes import Unmatched
from smppbridge.smpp.constants import MessageState
from smppbridge.store import matching
from smppbridge.store.lookup import open_store
from smppbridge.store.matching import IdRule, KeptReport, Matched
from smppbridge.store.port import EarlyReport
from tests.store.opened import NOW, Opened, accept, in_parts, message, taken, told, tried


@pytest.fixture
def opened(tmp_path: object) -> Iterator[Opened]:
    opened = Opened(tmp_path)  # type: ignore[arg-type]
    yield opened
    opened.store.stop()


def named(opened: Opened, message_id: int, name: str, begun_at: float = NOW) -> None:
    """Have the provider accept a message under an id."""
    accept(opened, [message(message_id, accepted_at=begun_at)], begun=True)
    opened.wait(opened.store.record([taken(tried(message(message_id)), name)]))


def looked(opened: Opened, rule: IdRule, *names: str, at: float = NOW + 9) -> Matched:
    reports = [KeptReport(row, name, 2, 0, at) for row, name in enumerate(names, 1)]
    with closing(open_store(opened.path)) as db:
        return matching.matched(db, "keccel", reports, rule)


def found(opened: Opened, rule: IdRule, *names: str, at: float = NOW + 9) -> list[tuple[str, int]]:
    return [(fit.ours, fit.message_id) for fit in looked(opened, rule, *names, at=at).fits]


@pytest.mark.parametrize(
    ("rule", "ours", "theirs", "fits"),
    [
        ("case", "0aBc", "0AbC", True),
        ("case", "0aBc", "aBc", False),
        ("zeros", "0012017", "12017", True),
        ("zeros", "12017", "0012017", True),
        ("zeros", "0aBc", "AbC", True),
        ("zeros", "12017", "12018", False),
        ("hex_to_decimal", "1a2b3c", "1715004", True),
        ("hex_to_decimal", "001A2B3C", "1715004", True),
        ("hex_to_decimal", "1a2b3c", "171500x", False),
        ("hex_to_decimal", "1715004", "1a2b3c", False),
        ("decimal_to_hex", "1715004", "1A2B3C", True),
        ("decimal_to_hex", "1715004", "xyz", False),
        ("prefix", "12017", "DLR-12017", True),
        ("prefix", "017", "DLR-017", False),
        ("prefix", "12017", "12017-DLR", False),
        ("prefix", "ab12", "x-AB12", False),
        ("suffix", "12017", "12017-1", True),
        ("suffix", "12017", "x12017", False),
        ("prefix", "12017", "é" * 60 + "12017", False),
        ("decimal_to_hex", "12017", "f" * 5_000, False),
        ("hex_to_decimal", "12017", "9" * 5_000, False),
    ],
)
def test_a_rule(opened: Opened, rule: IdRule, ours: str, theirs: str, fits: bool) -> None:
    named(opened, 7, ours)
    assert found(opened, rule, theirs) == ([(ours, 7)] if fits else [])


@pytest.mark.parametrize("place", [0, 1, 2])
def test_odd_reports_among_good_ones(opened: Opened, place: int) -> None:
    named(opened, 7, "007")
    named(opened, 8, "008")
    names = ["7", "8"]
    names.insert(place, "\U0001f4f1 \0")
    assert found(opened, "zeros", *names) == [("007", 7), ("008", 8)]


def test_a_report_that_fits_two_spellings_is_ambiguous_unless_one_is_its_own(
    opened: Opened,
) -> None:
    named(opened, 7, "0012")
    named(opened, 8, "012")
    assert looked(opened, "zeros", "12") == Matched([], 1)
    assert found(opened, "zeros", "012") == [("012", 8)]


def test_of_messages_with_one_id_the_open_one_counts(opened: Opened) -> None:
    named(opened, 7, "0012")
    opened.wait(opened.store.settle([told(tried(message(7)), MessageState.DELIVERED)]))
    (fit,) = looked(opened, "zeros", "12").fits
    assert (fit.message_id, fit.open) == (7, False)
    named(opened, 8, "0012")
    (fit,) = looked(opened, "zeros", "12").fits
    assert (fit.message_id, fit.open) == (8, True)
    named(opened, 9, "0012")
    assert looked(opened, "zeros", "12") == Matched([], 1)


def test_a_report_is_not_about_a_message_that_began_later(opened: Opened) -> None:
    named(opened, 7, "0012", begun_at=NOW + 5)
    assert found(opened, "zeros", "12", at=NOW + 4) == []
    assert found(opened, "zeros", "12", at=NOW + 5) == [("0012", 7)]


def test_the_commonest_affix_counts_alone(opened: Opened) -> None:
    for each in range(3):
        named(opened, 10 + each, f"70001{each}")
    named(opened, 20, "00010")
    matched = looked(opened, "prefix", "A-700010", "A-700011", "A-700012", "B-700012")
    assert [(fit.affix, fit.message_id) for fit in matched.fits] == [
        ("A-", 10),
        ("A-", 11),
        ("A-", 12),
    ]
    assert matched.ambiguous == 0


def test_a_part_is_its_messages(opened: Opened) -> None:
    accept(opened, [message(7)], begun=True)
    opened.wait(opened.store.record([in_parts(tried(message(7)), "0071", "0072")]))
    assert found(opened, "zeros", "72", "71") == [("0072", 7), ("0071", 7)]


def test_another_providers_messages_do_not_count(opened: Opened) -> None:
    accept(opened, [message(7, route=("d7",))], begun=True)
    opened.wait(opened.store.record([taken(tried(message(7), "d7"), "0012")]))
    assert found(opened, "zeros", "12") == []


def test_kept_reports_are_read_piece_by_piece_and_forgotten(opened: Opened) -> None:
    strays = [Unmatched(NOW, "report", "keccel", f"n{n}", "unknown_id", 2) for n in range(4)]
    odd = [
        Unmatched(NOW, "mo", "keccel", "m", "no_owner"),
        Unmatched(NOW, "report", "d7", "x", "unknown_id", 2),
        Unmatched(NOW, "report", "keccel", "y", "other_provider", 2),
    ]
    opened.wait(opened.store.keep_noted([], [], [odd[0], *strays, *odd[1:]]))
    opened.wait(opened.store.keep_early([EarlyReport("keccel", "e", 2, 0, NOW, "", NOW - 1)]))

    def names(limit: int, before: int | None) -> tuple[list[str], int]:
        with closing(open_store(opened.path)) as db:
            reports = matching.kept(db, "keccel", limit, before)
        return [each.provider_message_id for each in reports], reports[-1].row

    first, before = names(3, None)
    assert first == ["e", "n3", "n2"]
    assert names(3, before)[0] == ["n1", "n0"]

    def forgotten(db: sqlite3.Connection) -> None:
        matching.forget(db, [before])

    opened.wait(opened.store.by_hand(forgotten))
    assert names(9, None)[0] == ["e", "n3", "n1", "n0"]

"""Lists with an odd element, and writes that fail: every verb of every store.

A call with a value that SQL cannot have fails alone and whole, in whatever order its elements and
the calls of its transaction come.  While the disk fails, every write does, and nothing is changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from twisted.internet.defer import Deferred

from smppbridge.smpp.constants import MessageState as State
from smppbridge.store.port import EarlyReport, Entry, StoreFailure
from tests.contracts.conftest import BY_MESSAGE, STORES
from tests.store.opened import (
    NOW,
    Opened,
    again,
    first_attempt,
    key,
    message,
    mo_entry,
    segment,
    taken,
    told,
    tried,
)

HUGE, SURROGATE = 2**64, "\ud800"
OUT, WAITS, OWED, NEW, SOON = 0, 10, 20, 30, 40
"""The first ids: of three messages that are OUT, three that WAIT, three of which a receipt is OWED,
NEW ones, three that were put off and are due SOON."""


class Element(NamedTuple):
    """An element of a list: *number* tells it from others, the other two make it odd."""

    number: int
    integer: int = 1
    text: str = "d7"


def attempt(e: Element, first: int = OUT) -> Any:
    return tried(message(first + e.number), e.text, e.integer, hop=e.integer)


def delivered(e: Element, first: int = OUT) -> Any:
    return told(attempt(e, first), State.DELIVERED, error=e.integer, renamed=e.text)


def receipts(elements: Sequence[Element]) -> list[Any]:
    return [delivered(e, OWED).deliveries[0] for e in elements]


def new(e: Element) -> Any:
    return message(NEW + e.number, priority=e.integer, text=e.text)


def begun(whole: Any, is_begun: bool = True) -> Entry:
    return Entry(whole, attempt=first_attempt(whole, is_begun))


def mo(e: Element) -> Any:
    entry = mo_entry(NEW + e.number, f"{e.text}{e.number}")
    entry.deliveries[0].error = e.integer
    return entry


Verb = Callable[[Any, Sequence[Element]], Deferred[Any]]
VERBS: dict[str, Verb] = {
    "accept": lambda store, some: store.accept([Entry(new(e)) for e in some]),
    "accept, begun": lambda store, some: store.accept([begun(new(e)) for e in some]),
    "accept, segments": lambda store, some: store.accept(
        [Entry(None, key=key(), segment=segment(NEW + e.number, e.integer)) for e in some]
    ),
    "accept, ended": lambda store, some: store.accept(
        [Entry(message(NEW + e.number)) for e in some], [delivered(e, NEW) for e in some]
    ),
    "begin": lambda store, some: store.begin(
        [tried(message(WAITS + e.number), number=e.integer, batch=e.text) for e in some]
    ),
    "record": lambda store, some: store.record(
        [
            taken(tried(message(e.number if e.integer == 1 else e.integer)), f"{e.text}{e.number}")
            for e in some
        ]
    ),
    "record, again": lambda store, some: store.record(
        [again(attempt(e), NOW, e.text, e.integer) for e in some]
    ),
    "record, ended": lambda store, some: store.record(
        [taken(tried(message(e.number)), f"X{e.number}") for e in some],
        [delivered(e) for e in some],
    ),
    "move": lambda store, some: store.move([attempt(e, WAITS) for e in some]),
    "settle": lambda store, some: store.settle([delivered(e) for e in some]),
    "keep_early": lambda store, some: store.keep_early(
        [EarlyReport(e.text, f"Y{e.number}", 2, e.integer, NOW) for e in some]
    ),
    "keep_mos": lambda store, some: store.keep_mos([mo(e) for e in some]),
    "keep_optouts": lambda store, some: store.keep_optouts(
        [(e.text, f"{e.number}", NOW + e.integer) for e in some]
    ),
    "drop_early": lambda store, some: store.drop_early(
        [("keccel" if e.text == "d7" else e.text, f"X{e.number}", NOW + 9) for e in some]
    ),
    "settle, used": lambda store, some: store.settle(
        [delivered(Element(e.number)) for e in some],
        [("keccel" if e.text == "d7" else e.text, f"X{e.number}", NOW + 9) for e in some],
    ),
}
"""Verbs whose elements can be odd in text; in an integer too, but for the last three."""
OF_NUMBERS: dict[str, Verb] = {
    "recall": lambda store, some: store.recall(
        [tried(message(e.number), number=e.integer) for e in some]
    ),
    "revisit": lambda store, some: store.revisit(
        [(SOON + e.number if e.integer == 1 else e.integer, NOW + 90) for e in some]
    ),
    "finish": lambda store, some: store.finish(
        [(d, e.integer) for d, e in zip(receipts(some), some, strict=True)], NOW
    ),
    "postpone": lambda store, some: store.postpone([late(e) for e in some]),
}
"""Verbs whose elements can be odd in an integer only."""


def late(e: Element) -> Any:
    delivery = receipts([e])[0]
    delivery.due, delivery.attempts = NOW + 50, e.integer
    return delivery


ODD = [
    pytest.param(verb, odd, id=f"{name}, {odd._fields[1 if odd.integer == HUGE else 2]}")
    for name, verb in {**VERBS, **OF_NUMBERS}.items()
    for odd in (Element(3, integer=HUGE), Element(3, text=SURROGATE))
    if not (odd.text == SURROGATE and (name in OF_NUMBERS or name == "accept, segments"))
    if not (odd.integer == HUGE and name in ("keep_optouts", "drop_early", "settle, used"))
]
GOOD, BAD = [Element(1)], Element(2)


@pytest.fixture(params=STORES)
def made(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Opened]]:
    """Makes stores of one kind, that hold the same."""
    opened: list[Opened] = []

    def make() -> Opened:
        folder = tmp_path / str(len(opened))
        folder.mkdir()
        opened.append(STORES[request.param](folder))
        fill(opened[-1])
        return opened[-1]

    yield make
    for each in opened:
        each.close()


def fill(opened: Opened) -> None:
    store, three = opened.store, range(1, 4)
    held = [
        begun(message(first + n), first != WAITS)
        for first in (OUT, WAITS, OWED, SOON)
        for n in three
    ]
    ended = [told(tried(message(OWED + n)), State.DELIVERED) for n in three]
    early = [EarlyReport("keccel", f"X{n}", 2, 0, NOW + n) for n in three]
    put_off = [again(tried(message(SOON + n)), NOW + 60, "keccel") for n in three]
    opened.wait(store.accept(held, ended), store.keep_early(early))
    opened.wait(store.record(put_off))


def picture(opened: Opened) -> tuple[Any, ...]:
    """Return all that can be seen of a store, read back; its lists are in no order."""
    restored = opened.reopen()
    return (
        replace(restored, waiting=sorted(restored.waiting), optouts=sorted(restored.optouts)),
        opened.wait(opened.store.find(list(range(50)))),
        opened.wait(opened.store.owed("bank", NOW + 999, 99)),
    )


def failed(deferred: Deferred[Any]) -> Deferred[Any]:
    """Expect a StoreFailure of a call."""
    unexpected: Deferred[Any] = deferred.addCallback(lambda result: AssertionError(result))
    return unexpected.addErrback(lambda failure: failure.trap(StoreFailure))


@pytest.mark.parametrize("bad_first", [True, False], ids=["bad, good", "good, bad"])
@pytest.mark.parametrize("odd_first", [True, False], ids=["[odd, good]", "[good, odd]"])
@pytest.mark.parametrize(("verb", "odd"), ODD)
def test_a_list_with_an_odd_element_fails_alone_and_whole(
    made: Callable[[], Opened], verb: Verb, odd: Element, odd_first: bool, bad_first: bool
) -> None:
    alone, opened = made(), made()
    alone.wait(verb(alone.store, GOOD))
    opened.reopen(started=False)  # so that both calls land in one transaction
    bad = [odd, BAD] if odd_first else [BAD, odd]
    calls = [verb(opened.store, some) for some in ((bad, GOOD) if bad_first else (GOOD, bad))]
    refused, kept = calls if bad_first else calls[::-1]
    opened.start()
    assert opened.wait(failed(refused)) is StoreFailure
    opened.wait(kept)
    assert picture(opened) == picture(alone)


WRITES = {
    **VERBS,
    **OF_NUMBERS,
    "hasten": lambda store, some: store.hasten("keccel", [("bank", 0)], NOW, 9),
    "lapse": lambda store, some: store.lapse(NOW + 5_000, 9),
    "forget": lambda store, some: store.forget(NOW + 5_000, 9),
}


@pytest.mark.parametrize(
    ("made", "name"),
    [(s, name) for s in STORES for name in WRITES if name != "forget" or s in BY_MESSAGE],
    indirect=["made"],
)
def test_nothing_is_written_while_the_disk_fails_and_all_of_it_after(
    made: Callable[[], Opened], name: str
) -> None:
    alone, opened = made(), made()
    before = picture(alone)
    alone.wait(WRITES[name](alone.store, [*GOOD, BAD]))
    opened.fail(True)
    assert opened.wait(failed(WRITES[name](opened.store, [*GOOD, BAD]))) is StoreFailure
    assert opened.wait(opened.store.find([1]))[1] == before[1][1]  # questions are answered
    opened.fail(False)
    assert picture(opened) == before
    opened.wait(WRITES[name](opened.store, [*GOOD, BAD]))
    assert picture(opened) == picture(alone) != before

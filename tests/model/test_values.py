from __future__ import annotations

from ipaddress import ip_network

import pytest

from smppbridge.model.account import Account, Secret
from smppbridge.model.identifiers import (
    Identifiers,
    StoredIds,
    given_at,
    reference_of,
    row_of,
)
from smppbridge.model.message import Traits
from smppbridge.model.report import delivery_of
from tests.relay.fakes import NOW, account, delivery, message, segment

NETS = tuple(map(ip_network, ("10.0.0.0/8", "192.0.2.7/32", "2001:db8::/32")))


@pytest.mark.parametrize(
    ("allow_from", "host", "allowed"),
    [
        (None, "203.0.113.1", True),
        (None, "local", True),
        ((), "10.0.0.1", False),
        (NETS, "10.1.2.3", True),
        (NETS, "11.1.2.3", False),
        (NETS, "192.0.2.7", True),
        (NETS, "192.0.2.8", False),
        (NETS, "::ffff:10.1.2.3", True),
        (NETS, "::ffff:11.1.2.3", False),
        (NETS, "2001:db8::1", True),
        (NETS, "2001:db8::1%eth0", True),
        (NETS, "2001:db9::1", False),
        (NETS, "local", False),
        (NETS, "", False),
        (NETS, "10.1.2", False),
    ],
)
def test_an_account_binds_from_where_it_may(
    allow_from: tuple[object, ...] | None, host: str, allowed: bool
) -> None:
    assert account(allow_from=allow_from).allows_address(host) is allowed


@pytest.mark.parametrize(
    ("senders", "addr", "allowed"),
    [
        (None, "ANY", True),
        ((), "ANY", False),
        (("BANK",), "BANK", True),
        (("BANK",), "BANKS", False),
        (("BANK",), "bank", False),
        (("BANK*",), "BANK", True),
        (("BANK*",), "BANKS", True),
        (("BANK*",), "ABANK", False),
        (("*",), "", True),
        (("A", "B*"), "B1", True),
    ],
)
def test_an_account_sends_as_whom_it_may(
    senders: tuple[str, ...] | None, addr: str, allowed: bool
) -> None:
    assert account(senders=senders).allows_sender(addr) is allowed


@pytest.mark.parametrize(
    ("last", "now", "slot", "first"),
    [
        (0, 2.0, 0, 2_000_001_00),
        (5_000_000_00, 2.0, 0, 5_000_001_00),
        (5_000_000_99, 2.0, 7, 5_000_001_07),
        (5_000_000, 2.0, 99, 2_000_001_99),
    ],
)
def test_identifiers_increase_from_what_was_given_or_from_now(
    last: int, now: float, slot: int, first: int
) -> None:
    identifiers = Identifiers(last, now, slot)
    taken = [identifiers.take() for _ in range(3)]
    assert taken == [first, first + 100, first + 200]
    row = identifiers.take_row(3)
    assert list(row) == [first + 300, first + 400, first + 500]
    assert identifiers.take() == first + 600


@pytest.mark.parametrize("slot", [0, 42, 99])
def test_bridges_with_slots_give_no_id_twice(slot: int) -> None:
    one, other = Identifiers(0, 2.0, slot), Identifiers(0, 2.0, (slot + 1) % 100)
    given = {each.take() for each in (one, other) for _ in range(100)}
    assert len(given) == 200


def test_the_ids_of_a_row_are_known_by_the_first() -> None:
    now = 1_800_000_000.0
    row = Identifiers(0, now, 3).take_row(4)
    assert row_of(row[0], 4) == row
    before = int(now * 1_000_000)  # of a version without slots
    assert list(row_of(before, 3)) == [before, before + 1, before + 2]
    assert row_of(row[0], 1) == row[:1]


@pytest.mark.parametrize("behind", [0.0, 3_600.0])
def test_ids_are_above_those_of_versions_without_slots(behind: float) -> None:
    now = 1_800_000_000.0
    before = int(now * 1_000_000)
    assert Identifiers(before, now - behind).take() > before * 99


def test_the_time_of_an_id_is_known_whichever_version_gave_it() -> None:
    now = 1_800_000_000.0
    assert given_at(Identifiers(0, now, 42).take()) == pytest.approx(now, abs=0.01)
    assert given_at(int(now * 1_000_000)) == pytest.approx(now, abs=0.01)


@pytest.mark.parametrize("slot", [0, 1, 99])
def test_neighbours_have_different_references(slot: int) -> None:
    row = Identifiers(0, 1_800_000_000.0, slot).take_row(256)
    assert len({reference_of(message_id) & 0xFF for message_id in row}) == 256
    assert reference_of(0x0203) == 0x0203


def test_identifiers_have_at_most_18_digits() -> None:
    assert len(str(Identifiers(0, 9_000_000_000.0, 99).take())) == 18


def test_stored_ids_take_in_those_of_another_store() -> None:
    mine, others = StoredIds(), StoredIds()
    mine.update(others)
    assert not mine
    others.add(("one", "X"))
    mine.update(others)
    others.add(("two", "Y"))
    mine.add(("one", "Z"))
    mine.update(others)
    assert all(key in mine for key in (("one", "X"), ("two", "Y"), ("one", "Z")))
    assert ("one", "Y") not in mine
    assert ("one", "Z") not in others


def test_texts_and_passwords_do_not_show() -> None:
    values = [
        Account(system_id="bank", password=Secret(clear="hunter2", hashed="hunter2")),
        Traits(udh=b"hunter2"),
        message(text="hunter2", binary=b"hunter2"),
        segment(1, octets=b"hunter2"),
        delivery(text="hunter2"),
    ]
    assert "hunter2" not in repr(values)


def test_a_delivery_tells_of_its_message_and_its_segment() -> None:
    said = message(5, text="x" * 30, traits=Traits(service_type="CMT"))
    made = delivery_of(said, message_id=6, state=2, error=1, done_at=NOW + 9, expires_at=NOW + 99)
    assert (made.message_id, made.parent, made.system_id) == (6, 5, "bank")
    assert (made.source, made.destination) == (said.source, said.destination)
    assert (made.state, made.error, made.submitted_at) == (2, 1, NOW)
    assert (made.done_at, made.due, made.expires_at) == (NOW + 9, NOW + 9, NOW + 99)
    assert (made.attempts, made.text, made.traits.service_type) == (0, "x" * 20, "CMT")

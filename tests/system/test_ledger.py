"""The ledger of chaos finds what it is there to find, and nothing else."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator

import pytest

from tests.system.cluster import Cluster
from tests.system.esme import Load, Receipt
from tests.system.ledger import Books, Ledger
from tests.system.traffic import Fickle, Taking

FIRST = int(time.time() * 1_000_000) * 100 + 1


@pytest.fixture
def provider() -> Iterator[Fickle]:
    made = Fickle(random.Random(1))
    yield made
    made.close()


@pytest.fixture
def ledger(cluster: Cluster, provider: Fickle) -> Ledger:
    return Ledger(Books(1), cluster, provider)


def stored(cluster: Cluster, number: int, text: str, ended: bool) -> None:
    """Let a message be in the store: ended, or begun by slot 1."""
    write = cluster.server.execute
    write(
        f"insert into message values ({number}, 'bank', 'BANK', 0, null, 0, '243810000001',"
        f" '{text}', true, 0, 1, 1, 'keccel', null, 1, 0, 4e9)",
        cluster.name,
    )
    if ended:
        columns = "message_id, at, state, error, provider, hop, attempts, parts, source"
        write(
            f"insert into fate ({columns}) values ({number}, 0, 2, 0, 'keccel', 0, 1, 0, 'push')",
            cluster.name,
        )
    else:
        columns = "message_id, shard, stage, provider, hop, attempts, by_slot, by_epoch, wake"
        write(
            f"insert into out ({columns}) values ({number}, 1, 2, 'keccel', 0, 1, 1, 1, 4e9)",
            cluster.name,
        )


def balanced(ledger: Ledger, sessions: list[Taking], *cut: str) -> list[str]:
    """Close the books; return the faults without their examples."""
    requests = [b"POST / HTTP/1.1\r\n\r\n" + json.dumps({"message": t}).encode() for t in cut]
    ledger.balance([Load([])], sessions, [b"GET /status HTTP/1.1\r\n\r\n", *requests])
    return [fault.partition(":")[0] for fault in ledger.books.faults]


def test_uncertain_is_only_what_was_begun_and_not_recorded_or_cut_off(
    cluster: Cluster, ledger: Ledger
) -> None:
    write = cluster.server.execute
    for n, text in enumerate(("begun", "cut", "neither")):
        if text == "cut":  # its node is given up before the others begin
            write("update node set name = 'a', ended = false where slot = 1", cluster.name)
            write("update node set ended = true where slot = 1", cluster.name)
        stored(cluster, FIRST + n * 100, text, ended=False)
    write("update out set unsure = 1", cluster.name)
    assert balanced(ledger, [], "cut") == ["1 Uncertain, and not begun and unrecorded"]
    assert "'neither'" in ledger.books.faults[0]
    assert (ledger.books.uncertain, ledger.books.begun, ledger.books.cut) == (3, 1, 1)


def test_a_receipt_is_right_and_comes_again_only_after_the_end_of_its_session(
    cluster: Cluster, provider: Fickle, ledger: Ledger
) -> None:
    numbers = [FIRST + n * 100 for n in range(6)]
    for n, number in enumerate(numbers):
        provider.take(f"t{n}")
        stored(cluster, number, f"t{n}", ended=True)

    def came(at: float, *which: int) -> list[tuple[float, Receipt]]:
        return [(at, Receipt(str(numbers[n]), "UNDELIV" if n == 3 else "DELIVRD")) for n in which]

    lost = Taking(1, 12.0, came(11.0, 0))
    wrong = (15.0, Receipt(str(numbers[4]), "REJECTD"))
    living = Taking(2, None, [*came(13.0, 0, 1, 2, 3), *came(14.0, 3), wrong])
    assert balanced(ledger, [living, lost]) == [
        "1 receipts lost",
        "1 receipts wrong",
        "1 receipts twice, and nobody died",
    ]
    assert str(numbers[3]) in ledger.books.faults[2]
    assert (ledger.books.receipts, ledger.books.repeated) == (7, 2)


def test_what_is_sent_twice_or_before_it_is_begun_is_found(
    cluster: Cluster, provider: Fickle, ledger: Ledger
) -> None:
    for n, text in enumerate(("once", "twice", "twice")):
        provider.take(text)
        if n < 2:
            stored(cluster, FIRST + n * 100, text, ended=True)
    cluster.server.execute(
        f"insert into waiting values ({FIRST}, 1, 'keccel', 'bank', 0, 0, 0, 0, 0)", cluster.name
    )
    sessions = [Taking(1, None, [(1.0, Receipt(str(FIRST + n * 100), "DELIVRD")) for n in (0, 1)])]
    assert balanced(ledger, sessions) == ["1 sent and WAITING", "1 sent twice"]

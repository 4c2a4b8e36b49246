"""SIGUSR2: another version of the bridge takes over, and no ESME notices."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import ExitStack
from threading import Event, Thread
from typing import Any

import pytest

from smppbridge.smpp.pdus import DeliverSm, DeliverSmResp, SubmitSmResp
from tests.patience import PATIENCE
from tests.system.daemon import Daemon
from tests.system.esme import Esme, Load, submit_sm
from tests.system.provider import Provider

ROUNDS = 5


@pytest.fixture
def bound() -> Iterator[ExitStack]:
    """Sessions that are closed after the test."""
    with ExitStack() as sessions:
        yield sessions


def restart(daemon: Daemon, count: int = 1) -> dict[str, object]:
    """Have the daemon restart, for the so-many-th time; return how many sessions passed."""
    daemon.signal(signal.SIGUSR2)
    daemon.await_event("started", count + 1)
    return daemon.await_event("adopted", count)


def test_five_restarts_under_load(daemon: Daemon, provider: Provider, bound: ExitStack) -> None:
    daemon.settings["accounts"][0] |= {"window": 100, "binds": 8}
    daemon.start()
    pid, over = daemon.process.pid, Event()
    loads = [Load([], window=20) for _ in range(4)]
    esmes = [bound.enter_context(daemon.bound()) for _ in loads]
    counts = [0, 0, 0, 0]

    def submit(index: int) -> None:
        load, esme = loads[index], esmes[index]
        while not over.is_set():
            load.texts = [f"{index} {counts[index] + n}" for n in range(100)]
            counts[index] += 100
            load._run(esme, None, int)

    threads = [Thread(target=submit, args=(index,)) for index in range(len(loads))]
    for thread in threads:
        thread.start()
    for count in range(1, ROUNDS + 1):
        already = sum(len(load.answered) for load in loads)
        assert restart(daemon, count)["sessions"] == len(esmes)
        provider.await_taken(already)
    over.set()
    for thread in threads:
        thread.join(PATIENCE)
    texts = {f"{index} {n}" for index, count in enumerate(counts) for n in range(count)}
    assert set().union(*(load.answered for load in loads)) == texts
    assert not any(load.unanswered or load.refused for load in loads)
    await_receipts(esmes, len(texts))
    receipts = [r.message_id for esme in esmes for r in esme.receipts]
    assert sorted(receipts) == sorted(i for load in loads for i in load.answered.values())
    assert set(provider.taken) == texts
    assert set(provider.taken.values()) == {1}
    assert (daemon.process.pid, daemon.events("session_ended")) == (pid, [])
    assert not daemon.events("unhandled_error")
    assert daemon.stop() == 0


def await_receipts(esmes: list[Esme], count: int) -> None:
    """Read receipts on all sessions until there are so many."""
    while sum(len(esme.receipts) for esme in esmes) < count:
        for esme in esmes:
            try:
                while True:
                    esme.take_in(esme.read(0.05))
            except TimeoutError:
                continue


def read(esme: Esme, kind: type[Any]) -> Any:
    """Return the next PDU, which is of a kind."""
    pdu = esme.read()
    assert type(pdu) is kind
    return pdu


def test_an_esme_notices_nothing(daemon: Daemon, provider: Provider) -> None:
    daemon.start()
    with daemon.bound() as esme:
        first = esme.submit("first")
        asked = read(esme, DeliverSm)
        half = submit_sm("in halves")
        half.sequence_number = esme.next_number()
        esme.send(half.encode()[:21])
        restart(daemon)
        esme.send(half.encode()[21:])
        assert read(esme, SubmitSmResp).sequence_number == half.sequence_number
        esme.send(DeliverSmResp(0, asked.sequence_number))
        other = read(esme, DeliverSm)
        assert other.sequence_number > asked.sequence_number
        assert first.message_id in asked.short_message
        assert first.message_id not in other.short_message
        esme.send(DeliverSmResp(0, other.sequence_number))
        daemon.await_rows("select count(*) from delivery where finished_at is null", [(0,)])

"""kill -9 at each `.disk.` mark of the four movements, and in the middle of a load."""

from __future__ import annotations

import os
import re
import time
from contextlib import suppress
from typing import Any

import pytest

from smppbridge.smpp.pdus import BindReceiver, BindTransmitter
from tests.patience import PATIENCE
from tests.system.daemon import Daemon
from tests.system.esme import Esme, Load, ids
from tests.system.provider import Provider

MESSAGES = int(os.environ.get("SMPPBRIDGE_KILL_MESSAGES", "1000"))
KILLS = int(os.environ.get("SMPPBRIDGE_KILLS", "1"))
IN_FLIGHT = 64 + 64  # concurrency, and what is begun ahead of it
LONG = PATIENCE + MESSAGES / 100  # seconds
TEXT = "a message"
SUBMITTING = "select count(*) from message where stage = 2"
UNHELD = "select count(*) from message where stage = 2 and due is null"


def test_killed_after_accept(daemon: Daemon, provider: Provider) -> None:
    url, daemon.keccel["base_url"] = daemon.keccel["base_url"], "http://127.0.0.1:9/"
    with daemon.start().bound() as esme:
        message_id = esme.submit(TEXT).message_id.decode()
        daemon.await_rows("select stage from message", [(1,)])
        daemon.kill()
    daemon.keccel["base_url"] = url
    with daemon.start().bound() as esme:
        assert ids(esme.await_receipts(1)) == {message_id}
    assert provider.taken == {TEXT: 1}


def test_killed_between_two_segments(daemon: Daemon, provider: Provider) -> None:
    udh: dict[int, Any] = {
        n: {"esm_class": 0x40, "short_message": bytes((5, 0, 3, 9, 2, n))} for n in (1, 2)
    }
    udh[1]["short_message"] += b"first, "
    udh[2]["short_message"] += b"second"
    with daemon.start().bound() as esme:
        first = esme.submit("", **udh[1]).message_id.decode()
        daemon.kill()
    with daemon.start().bound() as esme:
        again = esme.submit("", **udh[1]).message_id.decode()
        second = esme.submit("", **udh[2]).message_id.decode()
        assert ids(esme.await_receipts(2)) == {first, second}
        assert again == first
    assert provider.taken == {"first, second": 1}


def test_killed_before_a_segment_of_a_joined_message_comes_again(
    daemon: Daemon, provider: Provider
) -> None:
    def part(number: int, text: bytes) -> dict[str, Any]:
        udh = bytes((5, 0, 3, 7, 2, number))  # every message has the same reference
        return {"esm_class": 0x40, "short_message": udh + text}

    with daemon.start().bound() as esme:
        first, second = (esme.submit("", **part(n, b"A%d" % n)).message_id.decode() for n in (1, 2))
        assert ids(esme.await_receipts(2)) == {first, second}
        daemon.kill()
    with daemon.start().bound() as esme:
        assert esme.submit("", **part(2, b"A2")).message_id.decode() == second
        for n in (1, 2):
            esme.submit("", **part(n, b"B%d" % n))
        provider.await_taken(2)
        metrics = daemon.get("/metrics")[1]
    assert re.search(r"(?m)^smppbridge_gathering_remembered_messages [1-9]", metrics)
    assert provider.taken == {"A1A2": 1, "B1B2": 1}


@pytest.mark.parametrize("ends", ["late report", "deadline"])
def test_killed_while_a_request_is_out(daemon: Daemon, provider: Provider, ends: str) -> None:
    daemon.keccel["uncertain_deadline"] = 2 if ends == "deadline" else 600
    provider.callback = None
    with daemon.start().bound() as esme, provider.held():
        message_id = esme.submit(TEXT).message_id.decode()
        provider.await_taken(1)
        daemon.kill()
    assert daemon.rows(UNHELD) == [(1,)]
    with daemon.start().bound() as esme:
        daemon.await_event("message_uncertain")
        if ends == "deadline":
            (receipt,) = esme.await_receipts(1)
            assert (receipt.message_id, receipt.stat) == (message_id, "UNKNOWN")
        else:
            assert daemon.rows(SUBMITTING) == [(1,)]
            assert "smppbridge_uncertain" in daemon.get("/metrics")[1]
    assert provider.taken == {TEXT: 1}


def test_killed_after_the_answer_was_recorded(daemon: Daemon, provider: Provider) -> None:
    provider.callback = None
    daemon.keccel.update({"first_poll": 600, "longest_poll": 600})
    with daemon.start().bound() as esme:
        message_id = esme.submit(TEXT).message_id.decode()
        daemon.await_rows("select stage, provider_message_id from message", [(3, "kc-1")])
        daemon.kill()
    provider.callback = daemon.callback
    with daemon.start().bound() as esme:
        assert provider.report("kc-1") == 200
        assert ids(esme.await_receipts(1)) == {message_id}
    assert provider.taken == {TEXT: 1}


def test_killed_after_an_early_report(daemon: Daemon, provider: Provider) -> None:
    daemon.start()
    assert provider.report("kc-1") == 200
    daemon.kill()
    with daemon.start().bound() as esme:
        message_id = esme.submit(TEXT).message_id.decode()
        assert ids(esme.await_receipts(1)) == {message_id}


def test_killed_after_a_report_was_taken(daemon: Daemon) -> None:
    daemon.start()
    with Esme(daemon.smpp) as esme:
        assert esme.bind(BindTransmitter) == 0
        message_id = esme.submit(TEXT).message_id.decode()
        daemon.await_rows("select count(*) from delivery", [(1,)])
        daemon.kill()
    with daemon.start().bound() as esme:
        assert ids(esme.await_receipts(1)) == {message_id}


def test_killed_before_a_receipt_was_acknowledged(daemon: Daemon) -> None:
    daemon.start()
    with daemon.bound() as esme:
        esme.acknowledges = False
        esme.submit(TEXT)
        before = ids(esme.await_receipts(1))
        daemon.kill()
    with daemon.start().bound() as esme:
        assert ids(esme.await_receipts(1)) == before


def test_killed_after_a_receipt_was_acknowledged(daemon: Daemon) -> None:
    with daemon.start().bound() as esme:
        esme.submit(TEXT)
        esme.await_receipts(1)
        daemon.await_rows("select count(*) from delivery where finished_at > 0", [(1,)])
        daemon.kill()
    with daemon.start().bound() as esme, pytest.raises(TimeoutError):
        esme.read(0.5)


def test_killed_in_the_middle_of_a_load(daemon: Daemon, provider: Provider) -> None:
    load = Load([f"text {n}" for n in range(MESSAGES)])
    for kill in range(KILLS):
        daemon.start()
        load.run(daemon.smpp, at=(kill + 1) * MESSAGES // (KILLS + 1), then=daemon.kill)
    daemon.start()
    load.run(daemon.smpp)
    assert (load.texts, load.refused) == ([], [])
    assert len(load.answered) + len(load.unanswered) == MESSAGES
    assert len(load.unanswered) <= KILLS * load.window
    settle(daemon, provider, load, most_uncertain=KILLS * IN_FLIGHT)


def test_a_provider_that_resets_requests(daemon: Daemon, provider: Provider) -> None:
    provider.reset_every = 50
    load = Load([f"text {n}" for n in range(MESSAGES)])
    daemon.start()
    load.run(daemon.smpp)
    assert len(load.answered) == MESSAGES
    uncertain = settle(daemon, provider, load, most_uncertain=MESSAGES // 50)
    assert uncertain == {load.answered[text] for text in provider.resets}


def settle(daemon: Daemon, provider: Provider, load: Load, most_uncertain: int) -> set[str]:
    """Check that each message went out once and has its receipt; return those Uncertain."""
    daemon.await_rows("select count(*) from message where stage in (1, 3)", [(0,)], LONG)
    daemon.await_rows(UNHELD, [(0,)], LONG)
    uncertain = {str(n) for (n,) in daemon.rows("select message_id from message where stage = 2")}
    assert len(uncertain) <= most_uncertain
    assert max(provider.taken.values()) == 1
    never = [t for t, n in load.answered.items() if n not in uncertain and t not in provider.taken]
    assert never == []
    wanted = set(load.answered.values()) - uncertain
    with Esme(daemon.smpp) as esme:
        assert esme.bind(BindReceiver) == 0
        while wanted - ids(load.receipts) - ids(esme.receipts):
            esme.await_receipts(len(esme.receipts) + 1)
        deadline = time.monotonic() + LONG
        while daemon.rows("select count(*) from delivery where finished_at is null") != [(0,)]:
            assert time.monotonic() < deadline
            with suppress(TimeoutError):  # some come a second time, and want an answer too
                esme.await_receipts(len(esme.receipts) + 1, 0.2)
    return uncertain

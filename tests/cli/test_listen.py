"""``smppbridge listen``: what it does with one deliver_sm."""

from __future__ import annotations

import signal
import threading
from types import SimpleNamespace
from typing import Any

import pytest

from smppbridge.cli import listen
from smppbridge.cli.listen import described


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_deliver_sm_that_is_shown_is_answered_before_a_signal_ends_the_command(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []

    def show(_: dict[str, object]) -> None:
        signal.pthread_kill(threading.get_ident(), number)  # a suite has other threads
        done.append("shown")

    esme: Any = SimpleNamespace(
        next=lambda _: SimpleNamespace(command="deliver_sm"),
        answer=lambda _: done.append("answered"),
    )
    monkeypatch.setattr(listen, "described", lambda _: {})
    before = signal.signal(number, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            listen.Listening(show, None).run(esme)
    finally:
        signal.signal(number, before)
    assert done == ["shown", "answered"]


def deliver_sm(octets: bytes, data_coding: int = 0, esm_class: int = 0) -> Any:
    return SimpleNamespace(
        short_message=octets,
        message_payload=None,
        data_coding=data_coding,
        esm_class=esm_class,
        source_addr=b"1",
        destination_addr=b"2",
        receipted_message_id=None,
    )


@pytest.mark.parametrize(
    ("octets", "data_coding", "esm_class", "text"),
    [
        (b"a\x1be", 0, 0, "a€"),
        ("ж".encode("utf-16-be"), 8, 0, "ж"),
        (b"\x05\x00\x03\x01\x02\x01a", 0, 0x40, "a"),
        (b"\x03\x25\x01\x01\x1d", 0, 0x40, "ş"),
        (b"\x08\x00\x03\x01\x02\x01\x24\x01\x02\x1ba", 0, 0x40, "á"),
        (b"\x01\x02", 4, 0, "0102"),
        (b"\x09", 0, 0x40, "09"),  # no header at all
    ],
)
def test_the_text_of_a_deliver_sm_is_shown(
    octets: bytes, data_coding: int, esm_class: int, text: str
) -> None:
    shown = described(deliver_sm(octets, data_coding, esm_class))
    assert (shown["event"], shown["text"]) == ("message", text)

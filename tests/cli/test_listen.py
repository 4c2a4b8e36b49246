"""``smppbridge listen``: what it does with one deliver_sm."""

from __future__ import annotations

import os
import signal
from types import SimpleNamespace
from typing import Any

import pytest

from smppbridge.cli import listen


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_deliver_sm_that_is_shown_is_answered_before_a_signal_ends_the_command(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []

    def show(_: dict[str, object]) -> None:
        os.kill(os.getpid(), number)
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

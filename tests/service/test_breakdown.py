"""A thread that ends by an error nobody foresaw ends the bridge."""

from __future__ import annotations

import os
import threading
from collections.abc import Coroutine, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from smppbridge.net.http_client import HttpClient
from smppbridge.service.breakdown import ENDS_WITHIN, Breakdown, threads_watched
from smppbridge.store.thread import StoreThread

SECRET = "the text of a message"


class _Broken(StoreThread[Any, list[Any]]):
    """A store thread with a fault of ours in it."""

    closed = False

    def _open(self) -> None:
        pass

    def _close(self) -> None:
        self.closed = True

    def _write(self, calls: Sequence[Any]) -> list[Any]:
        raise RuntimeError(SECRET)

    def _result(self, query: Any) -> Any:
        return query(None)


class _Bridge:
    """The parts of a bridge that its end is about."""

    def __init__(self, *, listening: bool = True, draining: bool = False) -> None:
        clock: Any = Clock()
        self.reactor = clock
        clock.callFromThread = lambda f, *args: self.calls.append((f, *args))
        self.calls: list[Any] = []
        self.listening, self.draining = listening, draining
        self.exit_status = 0
        self.settings = SimpleNamespace(drain=30.0)
        self.sessions = [SimpleNamespace(close=lambda: self.did.append("close")) for _ in range(2)]
        self.doors = SimpleNamespace(smsc=SimpleNamespace(sessions=self.sessions))
        submit = SimpleNamespace(suspend=lambda on: self.did.append(f"suspend {on}"))
        self.relay = SimpleNamespace(submit=submit)
        self.did: list[object] = []
        self.logged: list[tuple[str, dict[str, Any]]] = []

    def journal(self, event: str, **fields: Any) -> None:
        self.logged.append((event, fields))

    def spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        with pytest.raises(StopIteration):
            coroutine.send(None)

    async def give_up(self, status: int) -> None:
        self.did.append(status)


def failure() -> Failure:
    try:
        raise RuntimeError(SECRET)
    except RuntimeError:
        return Failure()


def breakdown(bridge: Any) -> Breakdown:
    return Breakdown(bridge, lambda status: bridge.did.append(f"end {status}"))


def noted(bridge: Any) -> Any:
    breakdown(bridge).note("store", failure())
    return bridge


def test_the_end_of_a_store_thread_reaches_the_reactor_and_answers_nobody() -> None:
    bridge: Any = _Bridge()
    thread = _Broken(bridge.reactor.callFromThread, lambda _: None, lambda _: None)
    with threads_watched(breakdown(bridge).called):
        thread.start()
        answer = thread.write([("a table", ["a row"])])
        thread.stop(10)
    [(call, name, error)] = bridge.calls
    call(name, error)
    assert not answer.called
    assert not thread.alive
    assert thread.closed
    assert bridge.did == ["suspend True", "close", "close", os.EX_SOFTWARE]


def test_the_end_of_libcurls_thread_reaches_the_reactor(monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[tuple[str, type[BaseException] | None]] = []
    client = HttpClient(lambda *_: None, lambda _: None)

    def broken() -> None:
        raise RuntimeError(SECRET)

    monkeypatch.setattr(client._transfers, "move", broken)
    with threads_watched(lambda name, failure: ended.append((name, failure.type))):
        client.start()
        client.stop(10)
    assert ended == [("http", RuntimeError)]


def test_a_thread_that_ends_in_order_or_by_its_own_will_is_no_breakdown() -> None:
    def leaves() -> None:
        raise SystemExit

    with threads_watched(lambda *_: pytest.fail("a breakdown")):
        for target in (lambda: None, leaves):
            thread = threading.Thread(target=target)
            thread.start()
            thread.join()


def test_the_log_has_the_kind_and_the_place_and_no_text() -> None:
    [(event, fields)] = noted(_Bridge()).logged
    assert (event, fields["thread"], fields["error"]) == ("thread_broken", "store", "RuntimeError")
    assert f"{Path(__file__).name}:" in fields["where"][-1]
    assert SECRET not in repr(fields)


def test_the_first_of_several_decides_and_each_is_logged() -> None:
    bridge: Any = _Bridge()
    broken = breakdown(bridge)
    broken.note("http", failure())
    broken.note("store", failure())
    assert [fields["thread"] for _, fields in bridge.logged] == ["http", "store"]
    assert bridge.did.count(os.EX_SOFTWARE) == 1


def test_an_end_that_does_not_come_about_is_forced() -> None:
    bridge = noted(_Bridge())
    bridge.reactor.advance(ENDS_WITHIN - 1)
    assert bridge.did[-1] == os.EX_SOFTWARE
    bridge.reactor.advance(1)
    assert bridge.did[-1] == f"end {os.EX_SOFTWARE}"


def test_a_bridge_that_is_starting_ends_at_once() -> None:
    assert noted(_Bridge(listening=False)).did == [f"end {os.EX_SOFTWARE}"]


def test_a_bridge_that_is_stopping_goes_on_to_stop() -> None:
    bridge = noted(_Bridge(draining=True))
    assert (bridge.did, bridge.exit_status) == ([], os.EX_SOFTWARE)
    bridge.reactor.advance(30 + ENDS_WITHIN)
    assert bridge.did == [f"end {os.EX_SOFTWARE}"]


def test_an_error_after_the_reactor_is_gone_harms_nothing(capsys: Any) -> None:
    bridge: Any = _Bridge()

    def gone(*_: object) -> None:
        raise RuntimeError

    bridge.reactor.callFromThread = gone
    breakdown(bridge).called("watch", failure())
    assert "watch" in capsys.readouterr().err

"""This moment of a daemon, as its API shows it: the stream of events, and an overview with flow."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPResponse
from typing import Any

import pytest

from smppbridge.web.keyring import digest_of
from tests.patience import PATIENCE
from tests.system.daemon import Daemon

pytestmark = pytest.mark.system
TOKEN = {"Authorization": "Bearer one"}


@pytest.fixture
def running(daemon: Daemon) -> Daemon:
    daemon.settings["web"]["tokens"] = [
        {"name": "v", "role": "operator", "sha256": digest_of("one")},
    ]
    return daemon.start()


@contextmanager
def called(daemon: Daemon, path: str, method: str = "GET") -> Iterator[HTTPResponse]:
    connection = HTTPConnection("127.0.0.1", daemon.web, timeout=PATIENCE)
    connection.request(method, f"/api/v1{path}", headers=TOKEN)
    yield connection.getresponse()
    connection.close()


def asked(daemon: Daemon, path: str) -> Any:
    with called(daemon, path) as response:
        assert response.status == 200
        return json.loads(response.read())


def data_of(stream: HTTPResponse) -> Any:
    while not (line := stream.readline()).startswith(b"data: "):
        assert line, "the stream has ended"
    return json.loads(line[6:])


def test_what_finished_is_counted_at_once(running: Daemon) -> None:
    assert asked(running, "/overview")["flow"]["finished_today"] == 0
    with running.bound() as esme:
        esme.submit("Bonjour")
        while not esme.receipts:
            esme.take_in(esme.read())
    assert asked(running, "/overview")["flow"]["finished_today"] == 1


def test_the_stream_shows_what_flows_and_ends_with_the_daemon(running: Daemon) -> None:
    with called(running, "/events") as stream:
        assert stream.headers["Content-Type"] == "text/event-stream"
        assert data_of(stream)["flow"]["finished_today"] == 0
        with running.bound() as esme:
            for _ in range(5):
                esme.submit("Bonjour")
            shown = data_of(stream)
            while not shown["rates"]["accepted"]:
                shown = data_of(stream)
            while shown["binds"] != 1:
                shown = data_of(stream)
        assert shown["accounts"][0]["throughput"]["now"] > 0
        assert shown["answer_seconds"]["p99"] > 0
        rates = asked(running, "/history?series=accepted")["series"]["accepted"]
        assert sum(filter(None, rates)) > 0
        assert running.stop() == 0
        assert stream.read() is not None  # to its end

"""One node asks providers for what is new, for all; what phones say is said to any node."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from smppbridge.smpp.pdus import BindReceiver
from tests.patience import PATIENCE
from tests.system.cluster import LEASE, Cluster
from tests.system.daemon import KEY
from tests.system.test_between import SLOWNESS, nothing_left
from tests.system.test_mo import OURS, heard, sms, tell

EVERY = 1.0
"""Seconds between two pulls."""


class Pulled(ThreadingHTTPServer):
    """SMS.CX, as far as it is asked for reports: it notes the key of who asks, and when."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.pulls: list[tuple[str, float]] = []
        self.changed = threading.Condition()
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    def await_pulls(self, count: int, by: str = "") -> tuple[str, float]:
        """Wait for the so-many-th pull, of those *by* a key; return it."""

        def of_key() -> list[tuple[str, float]]:
            return [pull for pull in self.pulls if not by or pull[0] == by]

        with self.changed:
            assert self.changed.wait_for(lambda: len(of_key()) >= count, PATIENCE), self.pulls
            return of_key()[count - 1]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing: a node that is killed leaves its requests."""


class _Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Pulled

    def do_GET(self) -> None:
        with self.server.changed:
            self.server.pulls.append((self.headers["X-API-KEY"], time.monotonic()))
            self.server.changed.notify_all()
        body = json.dumps({"data": [], "paging": {}}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def pulled() -> Iterator[Pulled]:
    server = Pulled()
    yield server
    server.shutdown()
    server.server_close()


def test_one_node_pulls_and_another_goes_on_when_that_is_killed(
    cluster: Cluster, pulled: Pulled
) -> None:
    url = f"http://127.0.0.1:{pulled.server_port}"
    for name in ("a", "b"):
        node = cluster.add(name)
        node.settings["providers"]["smscx"] = {
            "type": "smscx",
            "api_key": f"key-{name}",
            "base_url": url,
            "pull_reports": True,
            "pull_every": EVERY,
        }
    nodes = {f"key-{name}": cluster.nodes[name].start() for name in ("a", "b")}
    [(first, _), (again, _), (last, _)] = [pulled.await_pulls(n) for n in (1, 3, 5)]
    assert first == again == last
    times = [at for _, at in pulled.pulls]
    assert times[4] - times[0] > EVERY * 4 * 0.5  # not twice as often: with two nodes it is not
    [other] = nodes.keys() - {first}
    killed = time.monotonic()
    nodes[first].kill()
    _, at = pulled.await_pulls(1, by=other)
    assert at - killed < LEASE + EVERY + SLOWNESS
    pulled.await_pulls(3, by=other)
    assert cluster.rows("select name from job where name like 'pull:%'") == [("pull:smscx",)]


def test_what_phones_say_at_one_node_is_delivered_once_by_the_node_of_the_receiver(
    cluster: Cluster,
) -> None:
    """Its provider repeats it, at the other node too."""
    for name in ("a", "b"):
        settings = cluster.add(name).settings
        smscx = {"type": "smscx", "api_key": "k", "callback_key": KEY}
        settings["providers"]["smscx"] = {**smscx, "base_url": "http://127.0.0.1:9"}
        settings["mo"] = [{"to": OURS, "account": "bank"}]
        settings["retention"] = "3650d"  # what the tests tell has a date
    a, b = (cluster.nodes[name].start() for name in ("a", "b"))
    assert tell(a, "receive_sms", sms("A", "x" * 200)) == 200  # nobody is bound
    with b.bound(BindReceiver) as receiver:
        assert [len(each.short_message) for each in heard(receiver, 2)] == [159, 53]
        cluster.await_rows("select slot from receiving", [(2,)])
        assert tell(a, "receive_sms", sms("A", "x" * 200), sms("B", "short")) == 200
        assert tell(b, "receive_sms", sms("B", "short"), sms("A", "x" * 200)) == 200
        assert tell(a, "receive_sms", sms("B", "short"), sms("C", "last")) == 200
        assert [each.short_message for each in heard(receiver, 2)] == [b"short", b"last"]
        nothing_left(cluster)
    assert cluster.rows("select count(*) from ended") == [(4,)]
    assert cluster.rows("select count(*) from mo") == [(4,)]

"""Chaos: nodes are killed, stopped and cut off, their database restarts; then books are balanced.

python -m tests.system.chaos --seeds 1-20 --seconds 20 --nodes 3 [--faults kill,pause,...]

With the fault fail_over the database dies in the middle of the run, and its synchronous standby,
which had been cut off from it a moment before, is the database.  A seed that does not balance ends
the run with 1; its logs are kept and named.
"""

from __future__ import annotations

import argparse
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

from tests.store.postgres.server import Server, programs
from tests.store.postgres.standby import Pair, pair
from tests.system.cluster import LEASE, Cluster
from tests.system.ledger import Books, Ledger
from tests.system.proxy import Conversations, Proxy
from tests.system.traffic import Fickle, Receiving, Submitting

FAIL_OVER = "fail_over"
FAULTS = ("kill", "pause", "partition", "answers", "half", "restart", "provider", "esme")
HARMLESS = ("esme", "provider")
"""Faults of which the nodes know nothing of each other: nobody is taken over."""
CALM = 90.0
"""Seconds without faults in which all that was accepted has to come to its end."""


class Chaos:
    """A run of one seed on a cluster of its own."""

    def __init__(
        self, folder: Path, seed: int, nodes: int, database: Server | Pair, lease: float
    ) -> None:
        self.chance = random.Random(seed)
        self.books = Books(seed)
        self.provider = Fickle(random.Random(seed + 1))
        self.lease = lease
        if isinstance(database, Pair):
            self.cluster = Cluster(folder, self.provider, lease=lease, servers=database)
        else:
            self.cluster = Cluster(folder, self.provider, database, lease)
        self.ledger = Ledger(self.books, self.cluster, self.provider)
        self.asked: dict[str, Conversations] = {}
        self.doors: dict[str, Proxy] = {}
        for name in "abc"[:nodes]:
            self._add(name)
        self.nodes = list(self.cluster.nodes.values())
        self.acts: dict[str, Callable[[str], None]] = {
            "kill": self._kill,
            "pause": self._pause,
            "partition": self._partition,
            "answers": self._answers,
            "half": self._half,
            "restart": self._restart,
            "provider": self._provider,
            "esme": self._esme,
        }

    def _add(self, name: str) -> None:
        """Add a node that has a link of its own to the database, the provider, and the ESMEs."""
        node = self.cluster.add(name)
        node.settings["accounts"][0]["binds"] = 50
        node.keccel["poll_rate"] = 500
        if self.cluster.servers is not None:  # whoever starts after the fail-over has no standby
            node.settings["store"]["synchronous"] = "warn"
        self.asked[name] = Conversations(self.provider.server_port)
        node.keccel["base_url"] = f"http://127.0.0.1:{self.asked[name].port}/sms/v2"
        self.doors[name] = Proxy(node.smpp, holds=True)

    def run(self, seconds: float, faults: Sequence[str]) -> Books:
        """Do harm for so many seconds under load, let all come to its end, balance the books."""
        for node in self.nodes:
            node.spawn()
        for node in self.nodes:
            node.await_notice("READY=1", CALM * 2)
        self.provider.nodes = self.nodes
        ports = [door.port for door in self.doors.values()]
        submitting = [
            Submitting(f"s{n}", ports, random.Random(f"{self.books.seed} {n}")) for n in range(3)
        ]
        receiving = [Receiving(port, self.chance) for port in ports]
        for each in (*submitting, *receiving):
            each.start()
        self._rest(0.5)
        if FAIL_OVER in faults:
            assert self.cluster.servers
            others = [each for each in faults if each != FAIL_OVER]
            self._harm(seconds * self.chance.uniform(0, 0.6), others)
            self._fail_over(self.chance.choice(list(self.cluster.nodes)), others)
            self._harm(seconds * 0.4, others)
        else:
            self._harm(seconds, faults)
        self._calm_down([*submitting])
        for each in receiving:
            each.ending.set()
            each.join(10)
        for proxy in (*self.asked.values(), *self.doors.values()):
            proxy.cut()
        self.ledger.balance(
            [each.load for each in submitting],
            [session for each in receiving for session in each.sessions],
            [octets for each in self.asked.values() for octets in each.unanswered],
        )
        if set(faults) <= set(HARMLESS) and self.books.takeovers:
            self.books.faults.append("taken over, and nobody was harmed")
        return self.books

    def _harm(self, seconds: float, faults: Sequence[str]) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until and faults:
            fault = self.chance.choice(faults)
            self.books.done[fault] += 1
            self.acts[fault](self.chance.choice(list(self.cluster.nodes)))
            self._revive()
            self._rest(self.chance.uniform(0.2, 1.5))

    def close(self) -> None:
        """End everything."""
        self.provider.nodes = ()
        self.cluster.close()
        for proxy in (*self.asked.values(), *self.doors.values()):
            proxy.close()
        self.provider.close()

    # -- harm -----------------------------------------------------------------------------------

    def _rest(self, seconds: float) -> None:
        threading.Event().wait(seconds)

    def _long(self) -> float:
        """Return a time that is shorter than a lease, or longer."""
        short = self.chance.random() < 0.5
        part = self.chance.uniform(0.1, 0.7) if short else self.chance.uniform(1.1, 2)
        return part * self.lease

    def _kill(self, name: str) -> None:
        node = self.cluster.nodes[name]
        if node.process:
            node.kill()
            self.ledger.look()
        self._rest(self.chance.choice((0.0, self.lease * 1.5)))

    def _pause(self, name: str) -> None:
        node, seconds = self.cluster.nodes[name], self._long()
        if node.process:
            node.signal(signal.SIGSTOP)
            self._rest(seconds)
            node.signal(signal.SIGCONT)

    def _partition(self, name: str) -> None:
        proxy, seconds = self.cluster.proxies[name], self._long()
        proxy.be(self.chance.choice(("stopped", "answers")))
        self._rest(seconds)
        self._heal(name, cut=self.chance.random() < 0.5)

    def _answers(self, name: str) -> None:
        self.cluster.proxies[name].be("answers")
        self._rest(self.chance.uniform(0.05, 0.4))
        self._heal(name, cut=True)

    def _half(self, name: str) -> None:
        self.cluster.proxies[name].halve()
        self._rest(self._long())
        self._heal(name, cut=self.chance.random() < 0.5)

    def _heal(self, name: str, *, cut: bool) -> None:
        if cut:
            self.cluster.proxies[name].cut()
        self.cluster.proxies[name].be("open")

    def _restart(self, _: str) -> None:
        database = self.cluster.server
        database.stop(self.chance.choice(("fast", "immediate")))
        self._rest(self.chance.choice((0.0, self.lease * 1.5)))
        database.start()

    def _provider(self, name: str) -> None:
        """Cut a node off from its provider, both ways: what was sent may stay unanswered."""
        link, node = self.asked[name], self.cluster.nodes[name]
        self.provider.cut_off.add(node)
        link.be(self.chance.choice(("stopped", "answers")))
        self._rest(self._long())
        if self.chance.random() < 0.5:
            link.cut()
        link.be("open")
        self.provider.cut_off.discard(node)

    def _esme(self, name: str) -> None:
        """Cut a node off from its ESMEs."""
        door = self.doors[name]
        door.be(self.chance.choice(("stopped", "answers", "requests")))
        self._rest(self._long())
        if self.chance.random() < 0.5:
            door.cut()
        door.be("open")

    def _fail_over(self, name: str, faults: Sequence[str]) -> None:
        """Cut the standby off, do another harm to a node while nothing is confirmed, fail over."""
        assert self.cluster.servers
        self.books.done[FAIL_OVER] += 1
        self.cluster.servers.standby.stream.be(self.chance.choice(("stopped", "requests")))
        self._rest(self.chance.uniform(0, 0.7))
        meanwhile = [each for each in ("kill", "pause", "answers") if each in faults]
        if meanwhile and self.chance.random() < 0.5:
            self.acts[self.chance.choice(meanwhile)](name)
        self.cluster.fail_over()
        self._revive()

    def _revive(self) -> None:
        """Start what has ended, as systemd does: a node ends with 75 alone."""
        for name, node in self.cluster.nodes.items():
            ended = node.process and node.process.poll() is not None
            if ended and (status := node.end()) != 75:
                self.books.faults.append(f"{name} ended with {status}")
            if node.process is None:
                node.spawn()

    # -- the end --------------------------------------------------------------------------------

    def _calm_down(self, submitting: Sequence[Submitting]) -> None:
        for each in submitting:
            each.ending.set()
        until = time.monotonic() + CALM
        while left := self.ledger.unfinished():
            self._revive()
            self._rest(0.2)
            if time.monotonic() > until:
                self.books.faults.append(f"unfinished: {left}")
                break
        for each in submitting:
            each.join(CALM)
            self.books.check([] if not each.is_alive() else [each], "ESMEs hang")


@contextmanager
def database() -> Iterator[Server]:
    """Return a server of its own that is safe from a crash, started."""
    made = Server(programs(), fsync="on", max_connections="60")
    made.start()
    try:
        yield made
    finally:
        with suppress(RuntimeError):
            made.stop("immediate")
        made.remove()


def run(
    folder: Path,
    seed: int,
    seconds: float,
    nodes: int,
    server: Server | Pair,
    faults: Sequence[str] = FAULTS,
    lease: float = LEASE,
) -> Books:
    """Run one seed in a folder, on a database of its own; the nodes' logs are kept there."""
    chaos = Chaos(folder, seed, nodes, server, lease)
    try:
        return chaos.run(seconds, faults)
    finally:
        chaos.close()
        for name, node in chaos.cluster.nodes.items():
            (folder / f"{name}.log").write_text("\n".join(node.lines), encoding="utf-8")


def main() -> int:
    """Run seeds; return 1 if one did not balance."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", default="1", help="one, or first-last")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--nodes", type=int, choices=(2, 3), default=3)
    parser.add_argument("--lease", type=float, default=LEASE)
    parser.add_argument("--faults", default=",".join(FAULTS))
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # with nothing left behind
    first, _, last = given.seeds.partition("-")
    failed, faults = False, given.faults.split(",")
    with database() as server:
        for seed in range(int(first), int(last or first) + 1):
            folder = Path(tempfile.mkdtemp(prefix=f"chaos{seed}-", dir=given.folder))
            with pair() if FAIL_OVER in faults else nullcontext(server) as servers:
                books = run(folder, seed, given.seconds, given.nodes, servers, faults, given.lease)
            failed = failed or bool(books.faults)
            print(books, f"(logs in {folder})" if books.faults else "", flush=True)
            if not books.faults:
                shutil.rmtree(folder)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())

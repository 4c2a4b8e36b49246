"""Chaos: nodes are killed, stopped and cut off, their database restarts; then books are balanced.

python -m tests.system.chaos --seeds 1-20 --seconds 20 --nodes 3 [--faults kill,pause,...]

The books are kept outside: what was answered to the ESMEs, what reached the provider, which
receipts came.  A seed that does not balance ends the run with 1; its logs are kept and named.
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
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from smppbridge.smpp.pdus import BindReceiver, BindTransmitter
from tests.store.postgres.server import Server, programs
from tests.system.cluster import IN_FLIGHT, LEASE, Cluster
from tests.system.daemon import Daemon
from tests.system.esme import Closed, Esme, Load, Receipt
from tests.system.provider import Provider

FAULTS = ("kill", "pause", "partition", "answers", "half", "restart")
CALM = 90.0
"""Seconds without faults in which all that was accepted has to come to its end."""
_BROKEN = (OSError, Closed, TimeoutError)


class Fickle(Provider):
    """Takes its time, reports every fourth message FAILED, calls back at any of the *nodes*."""

    def __init__(self, chance: random.Random) -> None:
        self.nodes: Sequence[Daemon] = ()
        self._chance = chance
        super().__init__()

    @property
    def callback(self) -> tuple[int, str] | None:  # type: ignore[override]
        """Where a report is called back to; every other is left to be asked for."""
        callback = self._chance.choice(self.nodes).callback if self.nodes else None
        return callback if self._chance.random() < 0.5 else None

    @callback.setter
    def callback(self, _: object) -> None: ...

    def take(self, text: str) -> str | None:
        """Take a message, after a moment in which a node may end."""
        threading.Event().wait(self._chance.uniform(0, 0.1))
        return super().take(text)

    def state_of(self, identifier: str) -> str:
        """Return what it reports of a message, always the same."""
        return "FAILED" if int(identifier.removeprefix("kc-")) % 4 == 0 else "DELIVERED"

    def report(self, identifier: str, status: str = "DELIVERED") -> int:
        """Call back about a message, unless it is left to be asked for."""
        port_and_path = self.callback
        if port_and_path is None:
            return 0
        return self.call(port_and_path, identifier, status)


class Bound(threading.Thread):
    """An ESME on a thread, bound to one node after the other until it is stopped."""

    def __init__(self, nodes: Sequence[Daemon], chance: random.Random) -> None:
        super().__init__(daemon=True)
        self.nodes, self.chance = nodes, chance
        self.ending = threading.Event()

    def run(self) -> None:
        """Bind again whenever a session has ended."""
        while not self.ending.wait(0.05):
            with suppress(*_BROKEN), Esme(self.chance.choice(self.nodes).smpp) as esme:
                self.serve(esme)

    def serve(self, esme: Esme) -> None:
        """Use a connection until it ends, or this ESME does."""
        raise NotImplementedError


class Submitting(Bound):
    """Submits texts, each once, and again what was refused; keeps what was answered ESME_ROK."""

    def __init__(self, name: str, nodes: Sequence[Daemon], chance: random.Random) -> None:
        super().__init__(nodes, chance)
        self.load = Load([], window=10)
        self._named, self._count = name, 0

    def serve(self, esme: Esme) -> None:
        if esme.bind(BindTransmitter):
            return
        while not self.ending.wait(0.1):
            self.load.texts += self.load.refused
            self.load.refused.clear()
            for _ in range(self.chance.randrange(5, 30)):
                self._count += 1
                self.load.texts.append(f"{self._named}-{self._count}")
            self.load.go_on(esme)


class Receiving(Bound):
    """Takes the receipts of one node."""

    def __init__(self, node: Daemon, chance: random.Random) -> None:
        super().__init__([node], chance)
        self.receipts: list[Receipt] = []

    def serve(self, esme: Esme) -> None:
        esme.receipts = self.receipts
        if esme.bind(BindReceiver):
            return
        while not self.ending.is_set():
            with suppress(TimeoutError):
                esme.take_in(esme.read(0.2))


@dataclass
class Books:
    """What a run came to; a *fault* of the bridge is a sentence."""

    seed: int
    done: Counter[str] = field(default_factory=Counter)
    answered: int = 0
    stored: int = 0
    receipts: int = 0
    uncertain: int = 0
    bound: int = 0
    takeovers: int = 0
    faults: list[str] = field(default_factory=list)

    def check(self, wrong: Sequence[object] | set[str], what: str) -> None:
        """Note a fault if there is anything *wrong*."""
        if wrong:
            self.faults.append(f"{len(wrong)} {what}: {sorted(map(str, wrong))[:3]}")

    def __str__(self) -> str:
        done = " ".join(f"{name} {self.done[name]}" for name in sorted(self.done))
        return (
            f"seed {self.seed}: answered {self.answered}, stored {self.stored}, receipts "
            f"{self.receipts}, taken over {self.takeovers}, Uncertain {self.uncertain} of at most "
            f"{self.bound} ({done}): {'; '.join(self.faults) or 'balanced'}"
        )


class Chaos:
    """A run of one seed on a cluster of its own."""

    def __init__(self, folder: Path, seed: int, nodes: int, database: Server, lease: float) -> None:
        self.chance = random.Random(seed)
        self.books = Books(seed)
        self.provider = Fickle(random.Random(seed + 1))
        self.database, self.lease = database, lease
        self.cluster = Cluster(folder, self.provider, database, lease)
        for name in "abc"[:nodes]:
            node = self.cluster.add(name)
            node.settings["accounts"][0]["binds"] = 50
        self.nodes = list(self.cluster.nodes.values())
        self.acts: dict[str, Callable[[str], None]] = {
            "kill": self._kill,
            "pause": self._pause,
            "partition": self._partition,
            "answers": self._answers,
            "half": self._half,
            "restart": self._restart,
        }

    def run(self, seconds: float, faults: Sequence[str]) -> Books:
        """Do harm for so many seconds under load, let all come to its end, balance the books."""
        for node in self.nodes:
            node.start()
        self.provider.nodes = self.nodes
        submitting = [
            Submitting(f"s{n}", self.nodes, random.Random(f"{self.books.seed} {n}"))
            for n in range(3)
        ]
        receiving = [Receiving(node, self.chance) for node in self.nodes]
        for each in (*submitting, *receiving):
            each.start()
        until = time.monotonic() + seconds
        self._rest(0.5)
        while time.monotonic() < until:
            fault = self.chance.choice(faults)
            self.books.done[fault] += 1
            self.acts[fault](self.chance.choice(list(self.cluster.nodes)))
            self._revive()
            self._rest(self.chance.uniform(0.2, 1.5))
        self._calm_down([*submitting])
        self._balance([each.load for each in submitting], receiving)
        for receiver in receiving:
            receiver.ending.set()
            receiver.join(10)
        return self.books

    def close(self) -> None:
        """End everything."""
        self.provider.nodes = ()
        self.cluster.close()
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
            self.books.bound += IN_FLIGHT
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
        self.database.stop(self.chance.choice(("fast", "immediate")))
        self._rest(self.chance.choice((0.0, self.lease * 1.5)))
        self.database.start()

    def _revive(self) -> None:
        """Start what has ended, as systemd does: a node ends with 75 alone."""
        for name, node in self.cluster.nodes.items():
            if node.process and node.process.poll() is not None:
                if (status := node.end()) != 75:
                    self.books.faults.append(f"{name} ended with {status}")
                self.books.bound += IN_FLIGHT
            if node.process is None:
                node.spawn()

    # -- the balance ----------------------------------------------------------------------------

    def _calm_down(self, submitting: Sequence[Submitting]) -> None:
        for each in submitting:
            each.ending.set()
        until = time.monotonic() + CALM
        while left := self._unfinished():
            self._revive()
            self._rest(0.2)
            if time.monotonic() > until:
                self.books.faults.append(f"unfinished: {left}")
                break
        for each in submitting:
            each.join(CALM)
            self.books.check([] if not each.is_alive() else [each], "ESMEs hang")

    def _unfinished(self) -> dict[str, int]:
        counted = {
            "living": "node where not ended",
            "waiting": "waiting",
            "out": "out where unsure is null",
            "delivery": "delivery",
            "adopted": "node where ended and adopter is not null",
        }
        counts = ", ".join(f"(select count(*) from {rest})" for rest in counted.values())
        found = dict(zip(counted, self.cluster.rows(f"select {counts}")[0], strict=True))
        found["living"] = len(self.nodes) - found["living"]
        return {name: count for name, count in found.items() if count}

    def _balance(self, loads: Sequence[Load], receiving: Sequence[Receiving]) -> None:
        books, rows = self.books, self.cluster.rows
        answered = {text: number for load in loads for text, number in load.answered.items()}
        texts = {
            str(number): bytes(body).decode()
            for number, body in rows("select message_id, body from message")
        }
        fates = {str(n) for (n,) in rows("select message_id from fate")}
        unsure = {str(n) for (n,) in rows("select message_id from out")}
        taken, receipts = self.provider.taken, [r for each in receiving for r in each.receipts]
        books.answered, books.stored, books.uncertain = len(answered), len(texts), len(unsure)
        books.receipts = len(receipts)
        books.takeovers = sum(len(node.events("node_taken_over")) for node in self.nodes)
        books.check(set(answered.values()) - texts.keys(), "answered and not stored")
        books.check(texts.keys() - fates - unsure, "stored and nowhere")
        books.check({t for t, n in Counter(texts.values()).items() if n > 1}, "stored twice")
        books.check({text for text, n in taken.items() if n > 1}, "sent twice")
        books.check(taken.keys() - set(texts.values()), "sent and not stored")
        books.check({n for n in fates if texts[n] not in taken}, "ended and not sent")
        books.check({r.message_id for r in receipts} - fates, "receipts of nothing")
        books.check(fates - {r.message_id for r in receipts}, "receipts lost")
        wrong = {r.message_id for r in receipts if r.stat != self._stat(texts.get(r.message_id))}
        books.check(wrong, "receipts wrong")
        if len(unsure) > books.bound:
            books.faults.append("more Uncertain than was begun and not recorded")

    def _stat(self, text: str | None) -> str:
        identifier = self.provider.ids.get(text or "")
        if identifier is None:
            return "none"
        return "DELIVRD" if self.provider.state_of(identifier) == "DELIVERED" else "UNDELIV"


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
    server: Server,
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
            books = run(folder, seed, given.seconds, given.nodes, server, faults, given.lease)
            failed = failed or bool(books.faults)
            print(books, f"(logs in {folder})" if books.faults else "", flush=True)
            if not books.faults:
                shutil.rmtree(folder)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())

"""The books of a run of chaos, kept outside of the bridges, and how they are balanced.

Outside: what was answered to the ESMEs, what reached the provider, which receipts came on which
session, which requests were cut off unanswered.  In the database, by triggers that the bridges know
nothing of: what a node had begun and not recorded at the moment at which it was given up.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise

from tests.system.cluster import Cluster
from tests.system.esme import Load
from tests.system.traffic import Fickle, Taking

_TRIGGERS = """
    create schema ledger;
    create table ledger.begun (message_id int8, by_slot int2, by_epoch int8);
    create function ledger.give_up() returns trigger language plpgsql as $$
    begin
        insert into ledger.begun select message_id, by_slot, by_epoch from out
        where by_slot = old.slot and stage = 2 and unsure is null;
        return null;
    end $$;
    create trigger give_up after update on node for each row
    when (not old.ended and (new.ended or new.process is distinct from old.process))
    execute function ledger.give_up();
"""
"""Another node takes its shard over, or another process its slot."""
_SOON = 5
"""Leases: a node may be stopped or cut off for two, and be given up then."""
_UNSURE = "select message_id, by_slot, by_epoch from out"
_WAITING = "select convert_from(m.body, 'UTF8') from waiting join message m using (message_id)"


@dataclass
class Books:
    """What a run came to; a *fault* of the bridge is a sentence.

    *begun* are attempts that were begun and not recorded when their node was given up, *cut* are
    requests that were sent and not answered when a connection to the provider was cut: no other
    message may be Uncertain.  *unsent* are those Uncertain that had never left.
    """

    seed: int
    done: Counter[str] = field(default_factory=Counter)
    answered: int = 0
    stored: int = 0
    receipts: int = 0
    repeated: int = 0
    uncertain: int = 0
    unsent: int = 0
    begun: int = 0
    cut: int = 0
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
            f"{self.receipts} ({self.repeated} again), taken over {self.takeovers}, Uncertain "
            f"{self.uncertain} ({self.unsent} unsent) of {self.begun} begun and {self.cut} cut "
            f"({done}): {'; '.join(self.faults) or 'balanced'}"
        )


class Ledger:
    """Keeps the *books* of a cluster whose provider is a Fickle one; it only looks."""

    def __init__(self, books: Books, cluster: Cluster, provider: Fickle) -> None:
        self.books, self._cluster, self._provider = books, cluster, provider
        cluster.server.execute(_TRIGGERS, cluster.name)

    def look(self) -> None:
        """Check that all that has reached the provider was begun: at any moment."""
        reached = set(self._provider.taken)  # first: what is sent is on disk already
        waiting = {text for (text,) in self._cluster.rows(_WAITING)}
        self.books.check(reached & waiting, "sent and WAITING")

    def unfinished(self) -> dict[str, int]:
        """Return what has not come to its end yet."""
        counted = {
            "living": "node where not ended",
            "waiting": "waiting",
            "out": "out where unsure is null",
            "delivery": "delivery",
            "adopted": "node where ended and adopter is not null",
        }
        counts = ", ".join(f"(select count(*) from {rest})" for rest in counted.values())
        found = dict(zip(counted, self._cluster.rows(f"select {counts}")[0], strict=True))
        found["living"] = len(self._cluster.nodes) - found["living"]
        return {name: count for name, count in found.items() if count}

    def balance(
        self, loads: Sequence[Load], sessions: Sequence[Taking], cut: Sequence[bytes]
    ) -> None:
        """Close the books; *cut* are HTTP requests that were cut off unanswered."""
        self.look()
        books, rows = self.books, self._cluster.rows
        texts = {
            str(number): bytes(body).decode()
            for number, body in rows("select message_id, body from message")
        }
        fates = {str(n) for (n,) in rows("select message_id from fate")}
        unsure = {str(n) for (n,) in rows("select message_id from out")}
        answered = {text: number for load in loads for text, number in load.answered.items()}
        books.answered, books.stored = len(answered), len(texts)
        nodes = self._cluster.nodes.values()
        books.takeovers = sum(len(node.events("node_taken_over")) for node in nodes)
        books.check(set(answered.values()) - texts.keys(), "answered and not stored")
        books.check({n for t, n in answered.items() if texts.get(n, t) != t}, "of another text")
        books.check(texts.keys() - fates - unsure, "stored and nowhere")
        books.check({t for t, n in Counter(texts.values()).items() if n > 1}, "stored twice")
        self._sent(texts, fates)
        self._unsure(texts, cut)
        self._receipts(texts, fates, sessions)

    def _sent(self, texts: dict[str, str], fates: set[str]) -> None:
        taken, books = self._provider.taken, self.books
        books.check({text for text, n in taken.items() if n > 1}, "sent twice")
        books.check(taken.keys() - set(texts.values()), "sent and not stored")
        books.check({n for n in fates if texts[n] not in taken}, "ended and not sent")

    def _unsure(self, texts: dict[str, str], cut: Sequence[bytes]) -> None:
        """Check that nothing is Uncertain but what was begun and not recorded, each by itself."""
        books, rows = self.books, self._cluster.rows
        begun = set(rows("select message_id, by_slot, by_epoch from ledger.begun"))
        unanswered = set(filter(None, map(_text, cut)))
        unsure = {each: texts[str(each[0])] for each in rows(_UNSURE)}
        books.uncertain, books.begun, books.cut = len(unsure), len(begun), len(unanswered)
        books.unsent = sum(text not in self._provider.taken for text in unsure.values())
        wrong = {t for each, t in unsure.items() if each not in begun and t not in unanswered}
        books.check(wrong, "Uncertain, and not begun and unrecorded")

    def _receipts(self, texts: dict[str, str], fates: set[str], sessions: Sequence[Taking]) -> None:
        """Check that each came, and came again only when the session that had it has ended."""
        books = self.books
        came = sorted(
            ((at, receipt, s) for s in sessions for at, receipt in s.receipts),
            key=lambda each: each[0],
        )
        of: dict[str, list[tuple[float, Taking]]] = {}
        for at, receipt, session in came:
            of.setdefault(receipt.message_id, []).append((at, session))
        books.receipts, books.repeated = len(came), len(came) - len(of)
        books.check(of.keys() - fates, "receipts of nothing")
        books.check(fates - of.keys(), "receipts lost")
        wrong = {r.message_id for _, r, _ in came if r.stat != self._stat(texts.get(r.message_id))}
        books.check(wrong, "receipts wrong")
        twice = {
            f"{number} {[(session.port, at, session.ended) for at, session in had]}"
            for number, had in of.items()
            if any(not self._may_come_again(*one) for one, _ in pairwise(had))
        }
        books.check(twice, "receipts twice, and nobody died")

    def _may_come_again(self, at: float, session: Taking) -> bool:
        """Whether a session ended soon after a receipt came: the bridge may not have noted that."""
        return session.ended is not None and session.ended - at < _SOON * self._cluster.lease

    def _stat(self, text: str | None) -> str:
        identifier = self._provider.ids.get(text or "")
        if identifier is None:
            return "none"
        return "DELIVRD" if self._provider.state_of(identifier) == "DELIVERED" else "UNDELIV"


def _text(request: bytes) -> str | None:
    """Return the text of a message that an HTTP request submits; None: it does something else."""
    _, _, body = request.partition(b"\r\n\r\n")
    with suppress(ValueError):
        fields = json.loads(body)
        return str(fields["message"]) if "message" in fields else None
    return None

"""``smppbridge nodes``: who lives, what they have, who differs; evict and drain."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress

import psycopg
import pytest
from click.testing import CliRunner, Result
from psycopg import errors

from smppbridge.cli import nodes as command
from smppbridge.cli.main import main
from smppbridge.store.postgres.fence import application_name
from tests.store.postgres.nodes import Node, asked, row_of
from tests.store.postgres.server import database


@pytest.fixture
def dsn() -> Iterator[str]:
    """Return the URL of a database without nodes."""
    with database() as made:
        yield made


@pytest.fixture
def nodes(dsn: str) -> Iterator[list[Node]]:
    """Three nodes: b has the shard of d besides its own; c was made by another version."""
    made = [Node(dsn, name) for name in ("a", "b", "c", "d")]
    a, b, c, d = made
    a.commit(a.waits(101), a.waits(102))
    b.commit(
        "insert into out values (201, 2, 2, 'one', 0, 1, 2, 1, 0, 0, null),"
        " (202, 2, 2, 'one', 0, 1, 2, 1, 0, 0, 99), (203, 2, 3, 'one', 0, 1, 2, 1, 0, 0, null)",
        "insert into bound values (2, 1, 'bank', 'TRX', 0, ''), (2, 2, 'bank', 'TX', 0, '')",
        "insert into job values ('balance:one', 2, 1), ('lapse', 1, 1), ('old', 3, 77)",
    )
    c.commit("update node set version = '2', config = 'other' where slot = 3")
    d.commit(d.waits(401), "update node set ended = true, adopter = 2 where slot = 4")
    yield made
    for each in made:
        each.close()


def url_of(dsn: str) -> str:
    parts = dict(each.split("=", 1) for each in dsn.split())
    return f"postgresql://{parts['user']}@/{parts['dbname']}?host={parts['host']}"


Run = Callable[..., Result]


@pytest.fixture
def run(dsn: str) -> Run:
    """Return a function that runs the command on the database."""

    def run_(*args: str, typed: str | None = None) -> Result:
        return CliRunner().invoke(main, ["nodes", "--store", url_of(dsn), *args], input=typed)

    return run_


def test_who_lives_and_what_they_have(nodes: list[Node], run: Run) -> None:
    said = json.loads(run("--json").stdout)
    assert said["nobodys"] == []
    a, b, c = said["nodes"]
    assert (a["name"], a["slot"], a["shards"], a["waiting"]) == ("a", 1, [1], 2)
    assert (b["shards"], b["waiting"], b["out"], b["uncertain"]) == ([2, 4], 1, 3, 1)
    assert (b["binds"], a["jobs"], b["jobs"]) == (2, ["lapse"], ["balance:one"])
    assert (c["version"], c["config"], c["jobs"]) == ("2", "other", [])
    assert 0 <= a["beat"] < 60


def test_those_that_differ_are_marked(nodes: list[Node], run: Run) -> None:
    head, *rows = run().stdout.splitlines()
    assert head.split() == [
        *("node", "slot", "version", "beat", "shards", "waiting", "out", "Uncertain", "binds"),
        *("jobs", "config"),
    ]
    assert ["*" in row for row in rows] == [False, False, True]
    assert "2 *" in rows[2]
    assert "other *" in rows[2]


def test_no_node_lives(run: Run) -> None:
    assert run().stdout == "no node lives\n"


def test_a_node_is_evicted(dsn: str, nodes: list[Node], run: Run) -> None:
    said = run("evict", "b", "--yes")
    assert (said.exit_code, said.stdout) == (0, "b is out, slot 2: 1 messages become Uncertain\n")
    assert [row_of(dsn, slot).adopter for slot in (2, 4)] == [2, 4]
    assert asked(dsn, "select count(*) from bound") == [(0,)]
    assert run().stdout.endswith("handed over, and taken by no node yet: 2, 4\n")
    again = Node(dsn, "b")
    nodes.append(again)
    assert again.slot == 2


def be_known(node: Node) -> None:
    """Let others know a node's connection by its name."""
    name = application_name(node.name, node.slot, node.epoch)
    node.db.execute("select set_config('application_name', %s, false)", (name,))


def test_a_node_is_evicted_before_its_connection_ends(nodes: list[Node], run: Run) -> None:
    """It would come back at once under a new epoch: a process resumes after a lost connection."""
    be_known(nodes[1])
    assert run("evict", "b", "--yes").exit_code == 0
    with pytest.raises(errors.DivisionByZero):
        nodes[1].commit()


def test_a_node_is_evicted_whose_transaction_does_not_end(nodes: list[Node], run: Run) -> None:
    be_known(nodes[1])
    with suppress(psycopg.OperationalError), nodes[1].db.transaction():
        nodes[1].fence()
        assert run("evict", "b", "--yes").exit_code == 0
    assert nodes[1].row.ended


def test_eviction_has_to_be_wanted(dsn: str, nodes: list[Node], run: Run) -> None:
    assert run("evict", "b", typed="n\n").exit_code == 1
    assert not row_of(dsn, 2).ended


@pytest.mark.parametrize("verb", ["evict", "drain"])
def test_a_node_that_does_not_live(nodes: list[Node], run: Run, verb: str) -> None:
    said = run(verb, "d", *(["--yes"] if verb == "evict" else []))
    assert said.exit_code == 1
    assert "no node 'd' lives, but a, b, c" in said.stderr


def test_a_node_is_drained(
    dsn: str, nodes: list[Node], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "ASKED_EVERY", 0.01)
    listening = nodes[0].db
    listening.execute("listen smppbridge_3")
    said = run("drain", "c", "--wait", "0.1")
    assert said.exit_code == 1
    assert "c has not ended within 0.1 s" in said.stderr
    told = [each.payload for each in listening.notifies(timeout=0.1)]
    assert len(told) >= 2  # a notification may be lost: it is told again
    assert set(told) == {"drain"}
    nodes[2].commit("update node set ended = true where slot = 3")
    assert "no node 'c' lives" in run("drain", "c").stderr


def test_a_store_that_is_a_file_has_no_nodes() -> None:
    said = CliRunner().invoke(main, ["nodes", "--store", "/no/such/bridge.db"])
    why = "one bridge has it, and there are no nodes"
    says = f"Error: the store /no/such/bridge.db is a file: {why}\n"
    assert (said.exit_code, said.stderr) == (1, says)


def test_a_database_that_is_not_there() -> None:
    said = CliRunner().invoke(main, ["nodes", "--store", "postgresql://bridge@127.0.0.1:1/x"])
    assert said.exit_code == 1
    assert said.stderr.startswith("Error: the store: connection failed")

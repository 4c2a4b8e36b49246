"""Databases of PostgreSQL for tests."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.store.postgres.nodes import Node
from tests.store.postgres.server import database, drop_database, server


@pytest.fixture
def dsn() -> Iterator[str]:
    """Return a migrated database, whose one partition takes any message_id."""
    with database() as made:
        yield made


@pytest.fixture
def days() -> Iterator[str]:
    """Return a migrated database with partitions by day."""
    with database("days") as made:
        yield made


@pytest.fixture
def empty() -> Iterator[str]:
    """Return a database without anything in it."""
    server().execute("create database nothing")
    yield server().dsn("nothing")
    drop_database(server().dsn("nothing"))


@pytest.fixture
def start(dsn: str) -> Iterator[Callable[..., Node]]:
    """Return a function that starts a node on the database, by its name."""
    started: list[Node] = []

    def start_node(name: str, *args: object, **options: object) -> Node:
        node = Node(dsn, name, *args, **options)  # type: ignore[arg-type]
        started.append(node)
        return node

    yield start_node
    for node in started:
        node.close()


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """Return a folder for Unix sockets: their paths are bounded."""
    folder = Path(tempfile.mkdtemp(prefix="pgproxy", dir="/tmp"))
    yield folder
    shutil.rmtree(folder)

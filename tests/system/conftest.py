from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.cluster import LEASE, Cluster
from tests.system.daemon import Daemon
from tests.system.provider import Provider


@pytest.fixture
def provider() -> Iterator[Provider]:
    provider = Provider()
    yield provider
    provider.close()


@pytest.fixture
def daemon(tmp_path: Path, provider: Provider) -> Iterator[Daemon]:
    """A daemon that is not started yet; its provider calls back."""
    daemon = Daemon(tmp_path, provider.url)
    provider.callback = daemon.callback
    yield daemon
    daemon.close()


@pytest.fixture
def lease() -> float:
    """Seconds that a node may be silent."""
    return LEASE


@pytest.fixture
def cluster(tmp_path: Path, provider: Provider, lease: float) -> Iterator[Cluster]:
    """A database for nodes, of which none is started yet; if a test fails, what they said."""
    made = Cluster(tmp_path, provider, lease=lease)
    yield made
    made.close()
    for name, node in made.nodes.items():
        print(name, *node.lines, sep="\n  ")

"""A disk of the database that is full: nothing is answered, and it goes on when there is space."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from smppbridge.store.port import Entry, StoreFailure
from smppbridge.store.postgres import migrate
from tests.store.opened import message
from tests.store.postgres.opened import OpenedPostgres
from tests.store.postgres.server import NOW, Server, programs

MEGABYTES = 24


@pytest.fixture
def small() -> Iterator[str]:
    """Return the dsn of a database on a disk of a few megabytes; its log is elsewhere."""
    made = Server(programs())
    made.start()
    disk = made.folder / "disk"
    disk.mkdir()
    size = ("-t", "tmpfs", "-o", f"size={MEGABYTES}m", "tmpfs")
    if os.getuid() or subprocess.run(("mount", *size, disk), check=False).returncode:
        made.stop("immediate")
        made.remove()
        pytest.skip("NO ROOT, OR NO tmpfs: A FULL DISK OF A DATABASE IS NOT TESTED")
    try:
        os.chown(disk, *_owner(made.folder))
        made.execute(f"create tablespace small location '{disk}'")
        made.execute("create database small tablespace small")
        migrate.migrate(made.dsn("small"), NOW)
        yield made.dsn("small")
    finally:
        made.stop("immediate")
        subprocess.run(("umount", disk), check=True)
        made.remove()


def _owner(folder: Path) -> tuple[int, int]:
    found = folder.stat()
    return found.st_uid, found.st_gid


def _stored_until_full(opened: OpenedPostgres) -> int:
    """Return how many messages fit into the pages that are there already."""
    for count in range(2_000):
        try:
            opened.wait(opened.store.accept([Entry(message(count + 1))]))
        except StoreFailure:
            return count
    raise AssertionError("the disk is never full")


def test_a_full_disk_is_a_failure_of_the_store_until_there_is_space(
    small: str, tmp_path: Path
) -> None:
    opened = OpenedPostgres(tmp_path, dsn=small)
    try:
        with psycopg.connect(small, autocommit=True) as db:
            db.execute("create table filler (octets bytea)")
            db.execute("alter table filler alter octets set storage external")
            for size in (1_000_000, 7_000, 1):
                with suppress(psycopg.errors.DiskFull):
                    while True:
                        db.execute(
                            "insert into filler values (convert_to(repeat('x', %s), 'utf8'))",
                            (size,),
                        )
            stored = _stored_until_full(opened)
            db.execute("drop table filler")
        opened.wait(opened.store.accept([Entry(message(5_000))]))
        with psycopg.connect(small) as db:
            assert db.execute("select count(*) from message").fetchone() == (stored + 1,)
    finally:
        opened.close()

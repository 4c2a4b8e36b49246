"""A PostgreSQL for tests: one server for all of them, on a Unix socket, and a database each.

SMPPBRIDGE_POSTGRES_BIN is the folder of the programs of the version that is to be tested; without
it the newest of Debian's packages is.
"""

from __future__ import annotations

import atexit
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from glob import glob
from itertools import count
from pathlib import Path
from typing import Any

import pytest

NOW = 1_800_000_000.0
"""The time by which the databases of tests have their partitions."""
_NUMBERS = count(1)
_NEEDED = ("initdb", "pg_ctl", "postgres")


class Server:
    """A server in a folder of its own; as root it runs under the user postgres, as it must.

    Its data are not safe from a crash of the machine unless *fsync* is given as "on".
    """

    within: tuple[str, ...] = ()
    """A command that the server's programs are started by."""

    def __init__(self, programs: Path, **settings: str) -> None:
        self.programs = programs
        self.folder = Path(tempfile.mkdtemp(prefix="pg", dir="/tmp"))
        self._as: dict[str, Any] = {}
        if os.getuid() == 0:
            user = pwd.getpwnam("postgres")
            os.chown(self.folder, user.pw_uid, user.pw_gid)
            self._as = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        self._make()
        lines = {
            "listen_addresses": "''",
            "unix_socket_directories": f"'{self.folder}'",
            "shared_buffers": "'32MB'",
            "max_connections": "40",
            "fsync": "off",
            **settings,
        }
        with open(self.folder / "data/postgresql.conf", "a", encoding="utf-8") as conf:
            conf.writelines(f"{name} = {value}\n" for name, value in lines.items())

    def dsn(self, database: str = "postgres") -> str:
        """Return where a database is."""
        return f"host={self.folder} user=bridge dbname={database}"

    def start(self) -> None:
        """Start the server, and wait until it takes connections."""
        self._run("pg_ctl", "-D", "data", "-l", "log", "-w", "-t", "60", "start")

    def stop(self, how: str = "fast") -> None:
        """Stop the server: smart, fast or immediate."""
        self._run("pg_ctl", "-D", "data", "-w", "-t", "60", "-m", how, "stop")

    def promote(self) -> None:
        """Let a standby be the primary from now on."""
        self._run("pg_ctl", "-D", "data", "-w", "-t", "60", "promote")

    def remove(self) -> None:
        """Delete the server's data; it must be stopped."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def execute(self, statement: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Execute a statement on a connection of its own."""
        import psycopg

        with psycopg.connect(self.dsn(database), autocommit=True) as db:
            done = db.execute(statement.encode())
            return done.fetchall() if done.description else []

    def _make(self) -> None:
        """Make the server's data."""
        self._run("initdb", "-D", "data", "-U", "bridge", "-A", "trust", "-E", "UTF8", "-N")

    def _run(self, program: str, *args: str) -> None:
        done = subprocess.run(
            [*self.within, self.programs / program, *args],
            cwd=self.folder,
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,  # not a pipe: the server would keep it open
            stderr=subprocess.DEVNULL,
            timeout=120,
            env={"PATH": f"{self.programs}:/usr/bin:/bin", "HOME": str(self.folder), "LC_ALL": "C"},
            **({} if self.within else self._as),
        )
        if done.returncode:
            log = self.folder / "log"
            said = log.read_text(errors="replace")[-2_000:] if log.exists() else ""
            raise RuntimeError(f"{program} {' '.join(args)} failed: {said}")


def programs() -> Path:
    """Return the folder of PostgreSQL's programs; skips loudly without them."""
    pytest.importorskip("psycopg", reason="NO psycopg: THE STORE ON POSTGRESQL IS NOT TESTED")
    given = os.environ.get("SMPPBRIDGE_POSTGRES_BIN")
    found = glob("/usr/lib/postgresql/*/bin") if given is None else [given]
    newest = max(map(Path, found), key=lambda path: (path.parent.name.zfill(3), path), default=None)
    if newest is None or not all((newest / name).exists() for name in _NEEDED):
        pytest.skip(f"NO PostgreSQL in {newest or '/usr/lib/postgresql'}: ITS STORE IS NOT TESTED")
    if os.getuid() == 0 and "postgres" not in {user.pw_name for user in pwd.getpwall()}:
        pytest.skip("NO USER postgres, AND ROOT MAY NOT RUN IT: ITS STORE IS NOT TESTED")
    return newest


@cache
def server() -> Server:
    """Return the server of all tests, started; it ends with the process."""
    made = Server(programs())
    made.start()
    atexit.register(made.remove)
    atexit.register(made.stop, "immediate")  # the last that is registered comes first
    return made


@cache
def template(kind: str) -> str:
    """Return the name of a migrated database to copy: "whole" with one partition, or of "days".

    The one partition takes any message_id.
    """
    from smppbridge.store.postgres import migrate, partitions

    name = f"template_{kind}"
    server().execute(f"create database {name}")
    migrate.migrate(server().dsn(name), NOW)
    if kind == "whole":
        for table in partitions.TABLES:
            parts = f"from pg_inherits where inhparent = '{table}'::regclass"
            for old in server().execute(f"select inhrelid::regclass::text {parts}", name):
                server().execute(f"drop table {old[0]}", name)
            server().execute(
                f"create table {table}_any partition of {table} for values from (minvalue) "
                "to (maxvalue)",
                name,
            )
    return name


def made_database(kind: str = "whole") -> str:
    """Return the dsn of a new database."""
    name = f"bridge{next(_NUMBERS)}"
    source = template(kind)
    server().execute(f"create database {name} template {source}")
    return server().dsn(name)


@contextmanager
def database(kind: str = "whole") -> Iterator[str]:
    """Make a database for a while; return its dsn."""
    made = made_database(kind)
    yield made
    drop_database(made)


_SHAPE = (
    "select md5(string_agg(shape, ',' order by shape)) from ("
    " select oid || relname || relfilenode || reltablespace || coalesce(reloptions::text, '')"
    " from pg_class where relnamespace = 'public'::regnamespace"
    " union all select oid || tgname || tgenabled::text from pg_trigger"
    " union all select oid || proname from pg_proc where pronamespace = 'public'::regnamespace"
    " union all select oid || nspname from pg_namespace where nspname !~ '^pg_(toast_)?temp'"
    " union all select oid || attname || atttypid || attnum from (select attrelid as oid, *"
    " from pg_attribute where attrelid >= 16384) a"
    " union all select setconfig::text from pg_db_role_setting"
    " where setdatabase = (select oid from pg_database where datname = current_database())"
    ") s(shape)"
)
"""A digest of everything in a database but its rows."""
_OTHERS = (
    "select pg_terminate_backend(pid) from pg_stat_activity"
    " where datname = current_database() and pid <> pg_backend_pid()"
)
_TABLES = (
    "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'"
)
_RESTART = (
    "select setval(oid::regclass, 1, false) from pg_class"
    " where relnamespace = 'public'::regnamespace and relkind = 'S'"
)
_lent: dict[str, tuple[str, dict[str, bytes]]] = {}
"""The shape and the rows that each lent database began with."""
_free: list[str] = []


def lent_database() -> str:
    """Return the dsn of a database as new, to be given back: to make one costs a quarter second."""
    import psycopg

    if _free:
        return _free.pop()
    dsn = made_database()
    with psycopg.connect(dsn, autocommit=True) as db:
        names = [name for (name,) in db.execute(_TABLES).fetchall()]
        _lent[dsn] = _shape(db), {name: rows for name in names if (rows := _rows(db, name))}
    return dsn


def give_back(dsn: str) -> None:
    """Make a lent database as new; one of another shape than before is deleted."""
    import psycopg

    shape, kept = _lent[dsn]
    with psycopg.connect(dsn, autocommit=True) as db:
        db.execute(_OTHERS)
        if as_before := _shape(db) == shape:
            names = [name for (name,) in db.execute(_TABLES).fetchall()]
            db.execute("".join([f"delete from {name};" for name in names]).encode())
            db.execute(_RESTART)
            for name, rows in kept.items():
                with db.cursor().copy(f"copy {name} from stdin".encode()) as copy:
                    copy.write(rows)
    if as_before:
        _free.append(dsn)
    else:
        drop_database(dsn)


def _shape(db: Any) -> str:
    return str(db.execute(_SHAPE).fetchone()[0])


def _rows(db: Any, name: str) -> bytes:
    with db.cursor().copy(f"copy {name} to stdout".encode()) as copy:
        return b"".join(copy)


def drop_database(dsn: str) -> None:
    """Delete a database, with whoever is connected to it."""
    server().execute(f"drop database if exists {dsn.rpartition('dbname=')[2]} with (force)")

"""Migrations of a store's file: numbered scripts, each applied once, in order."""

from __future__ import annotations

import os
import sqlite3
from importlib.resources import files
from pathlib import Path


class UnfitStore(Exception):
    """A bridge cannot serve this store before a person has done something about it."""


class TooNew(UnfitStore):
    """The file was written by a newer version of smppbridge."""


class NotOurs(UnfitStore):
    """The file belongs to another program."""


def migrations() -> list[tuple[int, str]]:
    """Return (number, script) of every migration, in order."""
    folder = files("smppbridge.store").joinpath("sql/sqlite")
    scripts = [entry for entry in folder.iterdir() if entry.name.endswith(".sql")]
    return sorted((int(entry.name.split("_")[0]), entry.read_text()) for entry in scripts)


def refuse_foreign(path: str) -> None:
    """Raise NotOurs for a file that another program has written; nothing is changed in the file."""
    if not os.path.exists(path) or not os.path.getsize(path):
        return
    db = sqlite3.connect(f"{Path(path).absolute().as_uri()}?mode=ro", uri=True, timeout=10)
    try:
        version = db.execute("pragma user_version").fetchone()[0]
        tables = {name for (name,) in db.execute("select name from sqlite_schema")}
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError:
        raise NotOurs(f"{path} is no SQLite database") from None
    finally:
        db.close()
    if tables and not (version and "decision" in tables):
        raise NotOurs(f"{path} is a database of another program")


def migrate(db: sqlite3.Connection) -> int:
    """Apply the missing migrations; return the schema's number.  Raises TooNew."""
    version: int = db.execute("pragma user_version").fetchone()[0]
    known = migrations()
    if version > known[-1][0]:
        raise TooNew(f"the store has schema {version}, this program knows {known[-1][0]}")
    for number, script in known:
        if number > version:
            db.executescript(
                f"begin immediate;\n{script}\npragma user_version = {number};\ncommit;"
            )
    return known[-1][0]

"""Migrations of a store's file: numbered scripts, each applied once, in order."""

from __future__ import annotations

import sqlite3
from importlib.resources import files


class TooNew(Exception):
    """The file was written by a newer version of smppbridge."""


def migrations() -> list[tuple[int, str]]:
    """Return (number, script) of every migration, in order."""
    folder = files("smppbridge.store").joinpath("sql/sqlite")
    scripts = [entry for entry in folder.iterdir() if entry.name.endswith(".sql")]
    return sorted((int(entry.name.split("_")[0]), entry.read_text()) for entry in scripts)


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

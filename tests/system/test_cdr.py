"""CDR files, backup and restore beside a daemon; kill -9 in an export."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.patience import PATIENCE
from tests.system.daemon import COMMAND, Daemon
from tests.system.esme import Load, ids
from tests.system.provider import Provider

pytestmark = [pytest.mark.slow]
MESSAGES = 200
DEAD = "http://127.0.0.1:9/"
HOURS_AGO = "update message set accepted_at = accepted_at - {0}, done_at = done_at - {0}"
DYING = """
import os, signal, sys
left = [int(sys.argv.pop(1))]
def or_die(real):
    def call(*args):
        left[0] -= 1
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*args)
    return call
os.fsync, os.replace = or_die(os.fsync), or_die(os.replace)
from smppbridge.cli.main import main
main()
"""


def command(*words: object) -> subprocess.CompletedProcess[str]:
    given = [str(COMMAND), *map(str, words)]
    return subprocess.run(given, capture_output=True, text=True, timeout=PATIENCE)


def delivered(daemon: Daemon, count: int, finally_: str = "stop") -> set[str]:
    """Let so many messages be delivered by a daemon that ends then; return their message_ids."""
    with daemon.start().bound() as esme:
        for number in range(count):
            esme.submit(f"text {number}")
        found = ids(esme.await_receipts(count))
    getattr(daemon, finally_)()
    return found


def set_back(daemon: Daemon, seconds: float) -> None:
    """Let all messages have come and ended that much earlier."""
    with closing(sqlite3.connect(daemon.database)) as db:
        db.execute(HOURS_AGO.format(seconds))
        db.commit()


def records(folder: Path) -> list[dict[str, Any]]:
    """Return the records of all files that the manifest names."""

    def lines(name: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (folder / name).read_text().splitlines()]

    return [record for entry in lines("manifest.jsonl") for record in lines(entry["file"])]


def test_a_daemon_writes_the_hours_and_forgets_nothing_before(
    daemon: Daemon, tmp_path: Path
) -> None:
    folder = tmp_path / "cdr"
    sent = delivered(daemon, 3, "kill")
    set_back(daemon, 7_200)
    folder.write_text("in the way")
    daemon.settings |= {"retention": 1, "receipts": {"keep": 1}, "cdr": {"folder": str(folder)}}
    daemon.start()
    assert "cdr" in daemon.await_event("cdr_failed")["reason"]
    assert daemon.rows("select count(*) from message") == [(3,)]
    folder.unlink()
    daemon.settings["cdr"] = {"folder": str(tmp_path / "other")}
    daemon.write()
    daemon.signal(signal.SIGHUP)
    daemon.await_rows("select count(*) from message", [(0,)], PATIENCE + 20)
    assert {record["message_id"] for record in records(tmp_path / "other")} == sent
    assert "smppbridge_cdr_exported_timestamp_seconds 1." in daemon.get("/metrics")[1]
    assert daemon.stop() == 0


def test_killed_while_a_file_is_written(daemon: Daemon, tmp_path: Path) -> None:
    delivered(daemon, 3)
    set_back(daemon, 7_200)
    given = ["export", "--store", str(daemon.database), "--folder"]
    whole = tmp_path / "whole"
    assert command(*given, whole).returncode == 0
    for point in (4, 6, 9):  # the file: half, and renamed; the manifest: renamed
        folder = tmp_path / str(point)
        dying = [sys.executable, "-c", DYING, str(point), *given, str(folder)]
        assert subprocess.run(dying, timeout=PATIENCE).returncode == -signal.SIGKILL
        assert command(*given, folder).returncode == 0
        names = {path.name for path in folder.iterdir() if not path.name.endswith(".part")}
        assert names == set(os.listdir(whole))
        for name in names:
            assert (folder / name).read_bytes() == (whole / name).read_bytes()
    assert len(records(whole)) == 3


def test_a_backup_is_restored_and_nothing_is_sent_twice(
    daemon: Daemon, provider: Provider, tmp_path: Path
) -> None:
    url, daemon.keccel["base_url"] = daemon.keccel["base_url"], DEAD
    copy = tmp_path / "copy.db"
    with daemon.start().bound() as esme:
        waiting = esme.submit("before the backup").message_id.decode()
        daemon.await_rows("select stage from message", [(1,)])
        assert command("backup", "--config", daemon.file, copy).returncode == 0
    daemon.stop()
    daemon.keccel["base_url"] = url
    with daemon.start().bound() as esme:
        assert ids(esme.await_receipts(1)) == {waiting}
        later = esme.submit("after the backup").message_id.decode()
        esme.await_receipts(2)
        refused = command("restore", "--config", daemon.file, copy, "--replace")
        assert "stop the bridge" in refused.stderr
        daemon.kill()
    assert command("restore", "--config", daemon.file, copy, "--replace").returncode == 0
    with daemon.start().bound() as esme:
        newest = esme.submit("after the restore").message_id.decode()
        assert ids(esme.await_receipts(1)) == {newest}
        assert int(newest) > int(later) > int(waiting)
        assert daemon.rows("select message_id from message where stage = 2") == [(int(waiting),)]
        command("messages", "--config", daemon.file, "fail", "--yes", waiting)
        stats = {each.message_id: each.stat for each in esme.await_receipts(2)}
        assert stats == {newest: "DELIVRD", waiting: "UNDELIV"}
    taken = {"before the backup": 1, "after the backup": 1, "after the restore": 1}
    assert provider.taken == taken


def test_segments_of_a_backup_are_not_sent_without_the_rest(
    daemon: Daemon, provider: Provider, tmp_path: Path
) -> None:
    copy = tmp_path / "copy.db"
    gather = daemon.settings["accounts"][0]["gather"] = {"when_incomplete": "send"}
    first, rest = b"\5\0\3\7\2\1before the ", b"\5\0\3\7\2\2backup"
    with daemon.start().bound() as esme:
        part = esme.submit("", short_message=first, esm_class=0x40).message_id.decode()
        assert command("backup", "--config", daemon.file, copy).returncode == 0
        esme.submit("", short_message=rest, esm_class=0x40)
        esme.await_receipts(2)
        daemon.kill()
    assert command("restore", "--config", daemon.file, copy, "--replace").returncode == 0
    gather["timeout"] = "1s"
    with daemon.start().bound() as esme:
        stats = {each.message_id: each.stat for each in esme.await_receipts(1)}
    assert stats == {part: "EXPIRED"}
    assert provider.taken == {"before the backup": 1}


def test_the_identity_holds_while_a_load_runs_and_after_a_kill(
    daemon: Daemon, tmp_path: Path
) -> None:
    load = Load([f"text {n}" for n in range(MESSAGES)])
    given = ["export", "--store", daemon.database, "--folder", tmp_path / "cdr"]

    def figures() -> dict[str, Any]:
        found = command(*given, "--reconcile", "--json")
        assert found.returncode == 0, found.stdout
        figures: dict[str, Any] = json.loads(found.stdout)["all"]
        return figures

    daemon.start()
    load.run(daemon.smpp, at=MESSAGES // 2, then=daemon.kill)
    before = figures()["accepted"]
    assert before >= len(load.answered)
    set_back(daemon, 7_200)
    assert command(*given).returncode == 0
    daemon.start()
    load.run(daemon.smpp)
    assert figures()["accepted"] > before  # while it runs
    daemon.await_rows("select count(*) from message where stage in (1, 3)", [(0,)])
    daemon.stop()
    set_back(daemon, 7_200)
    assert command(*given).returncode == 0
    found = figures()
    assert (found["finished"], found["gathering"]) == (0, 0)
    assert found["accepted"] == found["exported"] + found["open"]
    assert found["accepted"] >= len(load.answered) > before - load.window
    assert len({r["message_id"] for r in records(tmp_path / "cdr")}) == found["exported"]

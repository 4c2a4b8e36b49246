"""What doctor says of a database."""

from __future__ import annotations

import json
import os
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from smppbridge.cli.doctor import doctor
from smppbridge.doctor import database as examined
from smppbridge.doctor.diagnosis import Diagnosis
from smppbridge.doctor.listening import listener
from smppbridge.settings.store import StoreSection
from tests.store.postgres.server import database, drop_database, server

AWAY = "postgresql://bridge:geheim@127.0.0.1:1/sms"


@pytest.fixture
def dsn() -> Iterator[str]:
    with database() as made:
        yield made


@pytest.fixture
def bare() -> Iterator[str]:
    server().execute("create database bare")
    yield server().dsn("bare")
    drop_database(server().dsn("bare"))


def url_of(dsn: str) -> str:
    """Return the URL of a database that is given as words."""
    words = dict(word.split("=", 1) for word in dsn.split())
    parameters = "&".join(f"{key}={value}" for key, value in words.items() if key != "dbname")
    return f"postgresql:///{words['dbname']}?{parameters}&application_name=x"


def said(dsn: str, **more: Any) -> list[tuple[str, str]]:
    store = StoreSection.model_validate({"url": url_of(dsn), **more})
    return [(each.verdict, each.says) for each in examined.database(store)]


def test_a_database_that_lacks_nothing(dsn: str) -> None:
    first, second = said(dsn, synchronous="off")
    assert (first[0], second[0]) == ("good", "good")
    assert first[1].startswith("PostgreSQL 1")
    assert second[1].startswith("schema ")


@pytest.mark.parametrize(("synchronous", "verdict"), [("require", "fault"), ("warn", "look")])
def test_a_database_whose_commits_no_standby_confirms(
    dsn: str,
    synchronous: str,
    verdict: str,
) -> None:
    first, *_ = said(dsn, synchronous=synchronous)
    assert first == (verdict, "no standby confirms commits: a fail-over may lose answered messages")


def test_a_database_without_tables_wants_to_be_migrated(bare: str) -> None:
    assert said(bare, synchronous="off")[-1][0] == "fault"
    assert "`smppbridge migrate` makes it" in said(bare, synchronous="off")[-1][1]


@pytest.mark.parametrize(("skew", "verdict"), [(-2.0, "look"), (60.0, "fault")])
def test_clocks_that_differ(
    dsn: str,
    monkeypatch: pytest.MonkeyPatch,
    skew: float,
    verdict: str,
) -> None:
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + skew)
    first, *_ = said(dsn, synchronous="off")
    assert first[0] == verdict
    assert "differ by" in first[1]


def test_a_version_that_is_too_old(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examined, "OLDEST", 99)
    assert said(dsn, synchronous="off")[0][0] == "fault"


def diagnoses(folder: Path, text: str) -> dict[str, list[Diagnosis]]:
    file = folder / "bridge.yaml"
    file.write_text(f"{text}\nweb: null\nsmpp: {{listen: 'tcp:0:interface=127.0.0.1'}}\n")
    file.chmod(0o600)
    result = CliRunner().invoke(doctor, ["--config", str(file), "--json"])
    assert "geheim" not in result.output
    found: dict[str, list[Diagnosis]] = {}
    for each in json.loads(result.stdout):
        found.setdefault(each["check"], []).append(Diagnosis(**each))
    return found


def test_a_database_that_does_not_answer(tmp_path: Path) -> None:
    found = diagnoses(tmp_path, f"store: {AWAY}\nadmin_socket: off")
    [store] = found["store"]
    assert (store.subject, store.verdict) == ("postgresql://bridge@127.0.0.1:1/sms", "fault")
    assert store.says.startswith("cannot be asked: ")
    assert store.advice
    assert "disk" not in found
    assert found["bridge"][0].says == "is not running"


def test_a_machine_without_the_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    [found] = examined.database(StoreSection(url="postgresql://db/sms"))
    assert (found.verdict, found.advice) == ("fault", "pip install 'smppbridge[postgresql]'")


@pytest.fixture
def place() -> Iterator[str]:
    """Return a path that is short enough for a unix socket."""
    with tempfile.TemporaryDirectory() as folder:
        yield f"{folder}/admin.sock"


def test_the_process_of_a_bridge_is_that_which_listens_for_commands(place: str) -> None:
    assert listener(place) is None
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        listening.bind(place)
        assert listener(place) is None
        listening.listen()
        assert listener(place) == os.getpid()

"""The API on a database answers as on a file, with the same messages in both."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.store.opened import Opened
from tests.store.postgres.mirrored import mirror
from tests.store.postgres.server import drop_database, made_database
from tests.store.postgres.written import written
from tests.web.desk import Desk

Desks = tuple[Desk, Desk]
LISTED = (
    "/messages",
    "/messages?limit=3",
    "/messages?number=%2B243810000001&account=shop",
    "/messages?prefix=24399",
    "/messages?sender=BANK&limit=2",
    "/messages?provider=d7&stage=waiting",
    "/messages?state=DELIVERED",
    "/messages?since=2027-01-15T08:00:20Z&until=2027-01-15T08:00:24Z",
    "/messages?id=0P2",
    "/messages?id=10",
    "/uncertain",
    *(f"/messages/{n}" for n in (1, 3, 10, 20, 21, 22, 23, 24, 26, 31, 41, 43, 99)),
    *(f"/messages/{n}/timeline" for n in (21, 23, 26, 40, 43, 99)),
    "/refused?number=243810000001",
    "/unmatched",
    "/unmatched?limit=2&kind=report",
    "/mo/unrouted",
    "/mo",
    "/mo?account=shop&number=243990000007",
    "/optouts?limit=2",
    "/optouts?number=1",
    "/audit",
    "/audit?limit=1",
    "/unmatched/suggestion?provider=keccel",
)
ACTS = {
    "decided": ("/uncertain/decisions", {"verb": "fail", "message_ids": ["21", "22", "99"]}),
    "decided by filter": (
        "/uncertain/decisions",
        {"verb": "resend", "filter": {"provider": "keccel"}, "expect": 1},
    ),
    "revealed": ("/messages/3/reveal", {"what": ["number", "text"]}),
    "revealed text": ("/messages/20/reveal", {"what": ["text"]}),
    "matched": (
        "/unmatched/try",
        {"provider": "keccel", "rule": "zeros", "dry_run": True},
    ),
    "paused": ("/providers/keccel/pause", None),
    "resumed": ("/providers/d7/resume", None),
}


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    opened = Opened(tmp_path_factory.mktemp("sqlite"))
    written(opened)
    opened.store.stop()
    dsn = made_database()
    mirror(opened.path, dsn)
    with psycopg.connect(dsn) as db:
        url = f"postgresql:///{db.info.dbname}?host={db.info.host}&user=bridge"
    yield opened.path, url
    drop_database(dsn)


@pytest.fixture
def desks(both: tuple[Path, str]) -> Desks:
    return Desk(both[0]), Desk(both[1])


@pytest.mark.parametrize("path", LISTED)
def test_a_list_is_the_same(desks: Desks, path: str) -> None:
    on_file, on_base = (desk.call("GET", path) for desk in desks)
    assert on_base.body == on_file.body
    assert on_base.status == on_file.status == (404 if "/99" in path else 200)


def test_pages_follow_each_other(desks: Desks) -> None:
    for path in ("/messages", "/unmatched", "/audit", "/optouts"):
        for desk in desks:
            whole = desk.call("GET", path).body["items"]
            items, cursor = [], ""
            while cursor is not None:
                page = desk.call("GET", f"{path}?limit=1{cursor and '&cursor='}{cursor}").body
                items += page["items"]
                cursor = page["next"]
            assert items == whole


@pytest.mark.parametrize("act", ACTS)
def test_an_act_has_the_same_answer(desks: Desks, act: str) -> None:
    path, body = ACTS[act]
    on_file, on_base = (desk.call("POST", path, body=body) for desk in desks)
    assert on_base.body == on_file.body
    assert on_base.status == on_file.status == 200


def test_what_is_deleted_is_gone(desks: Desks) -> None:
    for desk in desks:
        desk.clock.advance(1_000)
    for path in ("/optouts/d7/1", "/unmatched?provider=d7"):
        first = [desk.call("DELETE", path) for desk in desks]
        again = [desk.call("DELETE", path) for desk in desks]
        assert first[0].body == first[1].body
        assert (again[0].status, again[0].body) == (again[1].status, again[1].body)
        assert first[0].body != again[0].body

"""Refused submissions, and what belongs to nothing."""

from __future__ import annotations

from typing import Any

import pytest

from smppbridge.model.notes import RefusedSubmission, Unmatched
from smppbridge.smpp.constants import CommandStatus
from smppbridge.store.port import EarlyReport
from tests.store.opened import NOW, Opened
from tests.web.desk import Desk

STATUS = int(CommandStatus.ESME_RINVDSTADR)


def refused(at: float, system_id: str = "bank", **more: Any) -> RefusedSubmission:
    given: dict[str, Any] = {
        "source": "BANK",
        "destination": "2438*****001",
        "command_status": STATUS,
        "reason": "no_route",
    }
    return RefusedSubmission(at, system_id, **(given | more))


def stray(at: float, name: str, provider: str = "keccel", **more: Any) -> Unmatched:
    return Unmatched(at, more.pop("kind", "report"), provider, name, "unknown_id", **more)


@pytest.fixture
def noted(opened: Opened) -> Opened:
    """Three refused submissions, four strays of one moment, an early report."""
    refusals = [
        refused(NOW),
        refused(NOW + 1, "shop", reason="throttled", destination="+243******001"),
        refused(NOW + 2, detail="x", count=7, destination=""),
    ]
    strays = [
        stray(NOW, "0017", state=2),
        stray(NOW, "0018", "d7", state=5, error=11),
        stray(NOW, "M1", kind="mo", source="+243******001", destination="12345"),
        stray(NOW, "0019", state=2),
    ]
    opened.wait(opened.store.keep_noted([], refusals, strays))
    opened.wait(opened.store.keep_early([EarlyReport("keccel", "0020", 2, 0, NOW + 3)]))
    return opened


@pytest.mark.parametrize(
    ("query", "counts"),
    [
        ("", [7, 1, 1]),
        ("account=shop", [1]),
        ("account=none", []),
        ("reason=throttled", [1]),
        ("number=243810000001", [1, 1]),
        ("number=%2B243+810-000-001", [1, 1]),
        ("number=00243810000001", [1, 1]),
        ("since=2027-01-15T08:00:02Z", [7]),
        ("until=2027-01-15T08:00:01Z", [1]),
        ("account=bank&limit=1", [7]),
    ],
)
def test_refused_submissions_are_found(
    desk: Desk, noted: Opened, query: str, counts: list[int]
) -> None:
    reply = desk.call("GET", f"/refused?{query}", role="viewer")
    assert [item["count"] for item in reply.body["items"]] == counts


def test_a_refused_submission_says_why_and_what_to_do(desk: Desk, noted: Opened) -> None:
    last, _, first = desk.call("GET", "/refused").body["items"]
    assert (last["detail"], last["count"]) == ("x", 7)
    assert (first["status"], first["reason"]) == ("ESME_RINVDSTADR", "no_route")
    assert (first["source"], first["destination"]) == ("BANK", "2438*****001")
    assert "No route" in first["says"]
    assert "route" in first["remedy"]


def paged(desk: Desk, path: str, name: str) -> list[str]:
    found: list[str] = []
    query = "?limit=1"
    for _ in range(9):
        page = desk.call("GET", path + query).body
        found += [item[name] for item in page["items"]]
        if page["next"] is None:
            break
        query = f"?limit=1&cursor={page['next']}"
    return found


def test_pages_follow_each_other_also_within_one_moment(desk: Desk, noted: Opened) -> None:
    assert paged(desk, "/refused", "reason") == ["no_route", "throttled", "no_route"]
    names = ["0020", "0019", "M1", "0018", "0017"]
    assert paged(desk, "/unmatched", "provider_message_id") == names


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("?provider=keccel", ["0020", "0019", "M1", "0017"]),
        ("?provider=keccel&kind=report", ["0020", "0019", "0017"]),
        ("?kind=mo", ["M1"]),
        ("?id=0018", ["0018"]),
        ("?id=18", []),
        ("?reason=early", ["0020"]),
        ("?number=243810000001", ["M1"]),
        ("?since=2027-01-15T08:00:03Z", ["0020"]),
        ("?until=2027-01-15T08:00:00Z", []),
    ],
)
def test_what_belongs_to_nothing_is_found(
    desk: Desk, noted: Opened, query: str, names: list[str]
) -> None:
    reply = desk.call("GET", f"/unmatched{query}", role="viewer")
    assert [item["provider_message_id"] for item in reply.body["items"]] == names


def test_a_stray_says_what_it_is(desk: Desk, noted: Opened) -> None:
    (d7,) = desk.call("GET", "/unmatched?provider=d7").body["items"]
    assert (d7["state"], d7["error"], d7["kind"]) == ("UNDELIVERABLE", 11, "report")
    assert "d7" in d7["says"] or d7["says"]
    (mo,) = desk.call("GET", "/mo/unrouted", role="viewer").body["items"]
    assert (mo["source"], mo["destination"], mo["state"]) == ("+243******001", "12345", None)


@pytest.mark.parametrize(
    "query",
    [
        "?cursor=1",
        "?cursor=7ff8000000000000-1",
        "?cursor=fff0000000000000-1",
        "?kind=x",
        "?number=x",
        "?provider=",
        "?limit=0",
        "?reason=X",
    ],
)
def test_odd_filters_are_refused(desk: Desk, noted: Opened, query: str) -> None:
    assert desk.call("GET", f"/unmatched{query}").status == 422


def test_strays_are_dismissed(desk: Desk, noted: Opened) -> None:
    desk.clock.advance(10)
    path = "/unmatched?provider=keccel&before="
    gone = desk.call("DELETE", f"{path}2027-01-15T08:00:00Z", role="operator")
    assert gone.body == {"deleted": 0}
    assert desk.call("DELETE", "/unmatched?provider=none").body == {"deleted": 0}
    assert desk.call("DELETE", f"{path}9999-01-01T00:00:00Z").body == {"deleted": 3}
    left = desk.call("GET", "/unmatched").body["items"]
    assert [item["provider_message_id"] for item in left] == ["0020", "0018"]
    acts = {(action, facts["provider"]) for _, action, _, facts in desk.noted}
    assert acts == {("dismiss_unmatched", "keccel"), ("dismiss_unmatched", "none")}
    assert desk.call("DELETE", "/unmatched").status == 422


def test_a_dismissal_that_cannot_be_written_is_refused(desk: Desk, noted: Opened) -> None:
    desk.failing = True
    assert desk.call("DELETE", "/unmatched?provider=keccel").status == 503

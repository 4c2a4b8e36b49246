from __future__ import annotations

import pytest

from tests.web.desk import Desk
from tests.web.fake_parts import TAG


def test_settings_and_their_origins(desk: Desk) -> None:
    page = desk.call("GET", "/config", role="viewer").body
    assert page["items"] == [{"key": "accounts[0].password", "value": "secret", "origin": "env"}]
    assert (page["next"], page["file"], page["changed"]) == (None, "bridge.yaml", True)
    assert desk.call("GET", "/config?limit=0").status == 422


def test_changes_have_a_tag_with_which_they_are_applied(desk: Desk) -> None:
    reply = desk.call("GET", "/config/diff", role="viewer")
    assert reply.body == {
        "changes": [{"key": "accounts[bank].window", "from": "100", "to": None, "takes": "now"}],
        "refused": None,
        "faults": [],
        "node": None,
    }
    assert reply.headers["etag"] == f'"{TAG}"'
    headers = {"If-Match": reply.headers["etag"]}
    assert desk.call("POST", "/config/apply", headers=headers).body == reply.body
    assert desk.configuration.applied == [TAG]
    assert [note[1] for note in desk.noted] == ["apply_settings"]


@pytest.mark.parametrize(
    ("given", "status"),
    [(None, 422), ("", 422), ("*", 422), (TAG, 422), (f'W/"{TAG}"', 422), (f'"{TAG[::-1]}"', 412)],
)
def test_only_changes_that_were_looked_at_are_applied(
    desk: Desk, given: str | None, status: int
) -> None:
    headers = {} if given is None else {"If-Match": given}
    reply = desk.call("POST", "/config/apply", headers=headers)
    assert (reply.status, desk.configuration.applied) == (status, [])
    if status == 412:
        assert reply.body["type"] == "urn:smppbridge:problem:stale"


def test_a_reload_is_of_the_file_as_it_is_now(desk: Desk) -> None:
    assert desk.call("POST", "/config/reload").body["changes"][0]["takes"] == "now"
    assert desk.configuration.applied == ["as it is now"]
    assert [note[1] for note in desk.noted] == ["reload_settings"]


def test_a_check_tells_places(desk: Desk) -> None:
    found = desk.call("POST", "/config/check").body
    assert (found["ok"], found["faults"][0]["line"]) == (False, 3)


@pytest.mark.parametrize("path", ["/config/check", "/config/apply", "/config/reload"])
def test_only_an_admin_checks_and_applies(desk: Desk, path: str) -> None:
    assert desk.call("POST", path, role="operator").status == 403

"""The bridge is restarted in a browser: a daemon of its own, for one that does not come back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.stage import Heard, Stage
from tests.patience import PATIENCE

RESTARTED = re.compile(r"Version .* runs: 1 session taken over, 0 lost")
LONG = PATIENCE * 1_000
"""Milliseconds for a process to start: one checks the file, another takes over."""


@pytest.fixture
def own(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    stage = Stage(tmp_path_factory.mktemp("restarted"), browser)
    yield stage
    stage.close()


def test_the_bridge_is_restarted_and_keeps_its_sessions(own: Stage) -> None:
    with own.bound() as esme, own.page("/settings", heard=Heard()) as page:
        page.get_by_text("none before this program").wait_for()
        page.get_by_role("button", name="Restart…").click()
        dialog = page.get_by_role("dialog", name="Restart the bridge?")
        assert "No message is lost or sent twice" in dialog.inner_text()
        dialog.get_by_role("button", name="Restart the bridge").click()
        page.get_by_text(RESTARTED).wait_for(timeout=2 * LONG)
        page.get_by_text("live", exact=True).wait_for()  # and nobody has to log in again
        page.get_by_text("1 session taken over, 0 lost").last.wait_for()
        assert esme.submit("after the restart").command_status == 0
        assert not esme.unbound


def test_a_bad_file_stops_the_restart_and_a_dialog_that_is_left_begins_none(own: Stage) -> None:
    own.daemon.settings["accounts"][0]["windoww"] = 1
    own.daemon.write()
    with own.page("/settings", heard=Heard()) as page:
        page.get_by_role("button", name="Restart…").click()
        page.get_by_role("button", name="Cancel").click()
        page.get_by_role("dialog").wait_for(state="hidden")
        assert not own.daemon.events("restart_refused")
        page.get_by_role("button", name="Restart…").click()
        page.get_by_role("button", name="Restart the bridge").click()
        said = page.get_by_role("status").get_by_text(re.compile("new program refuses.*windoww"))
        said.wait_for(timeout=LONG)
        page.get_by_text("live", exact=True).wait_for()
        assert own.daemon.await_event("restart_refused")
        assert not own.daemon.events("restarting")

"""The console's frame in a browser."""

from __future__ import annotations

from tests.browser.stage import Stage


def test_log_in_by_link(stage: Stage) -> None:
    with stage.page() as page:
        page.get_by_role("heading", name="Overview").wait_for()
        assert page.url == stage.url + "#/"

"""Hostile texts in every answer of the API: inert on every screen, and no screen grows wider."""

from __future__ import annotations

import pytest

from tests.browser.hostile import play
from tests.browser.stage import HOSTILE, NARROW, Stage, overflow, settle

SCREENS = (
    "/",
    "/messages",
    "/messages/7",
    "/uncertain",
    "/unmatched",
    "/refused",
    "/providers",
    "/providers/x",
    "/accounts",
    "/accounts/x",
    "/phones",
    "/send",
    "/trace",
    "/trace/7",
    "/settings",
    "/audit",
    "/cdr",
)


@pytest.mark.parametrize("path", SCREENS)
def test_hostile_texts_are_inert(stage: Stage, path: str) -> None:
    document = stage.ask("GET", "/openapi.json")
    with stage.page(width=NARROW) as page:
        play(page, document)
        page.goto(f"{stage.url}#{path}")
        page.reload()  # a stream that is open goes on with what is true
        settle(page)
        page.get_by_text(HOSTILE[:20]).first.wait_for(state="attached")
        assert not page.locator("img, #main script, #main s").count()
        assert page.evaluate("typeof window.x") == "undefined"
        assert overflow(page) == 0

"""Parts of screens whose operation does not answer, and acts that a role may not do."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.browser.stage import PASSWORD, Heard, Stage, settle

SCREENS = (
    "/providers",
    "/providers/keccel",
    "/accounts",
    "/accounts/bank",
    "/refused",
    "/unmatched",
    "/phones",
    "/settings",
)
HARMLESS = {"Newer", "Older", "15 min", "24 h", "Show the receipt"}
"""Buttons that change nothing."""


def refuse(page: Any, status: int, *operations: str) -> None:
    """Let operations answer with an error."""
    body = json.dumps({"status": status, "title": "No", "detail": "no"})
    for each in operations:
        page.route(
            f"**/api/v1{each}*",
            lambda route: route.fulfill(
                status=status, content_type="application/problem+json", body=body
            ),
        )


def lose_first(page: Any, operation: str) -> None:
    """Give the first request for an operation no answer."""
    lost: list[Any] = []
    page.route(
        f"**/api/v1{operation}",
        lambda route: route.continue_() if lost else lost.append(route),
    )


def test_a_viewer_is_offered_no_act(stage: Stage) -> None:
    found: dict[str, set[str]] = {}
    with stage.bound(), stage.page(role="viewer") as page:
        for path in SCREENS:
            page.goto(f"{stage.url}#{path}")
            settle(page)
            found[path] = set(page.locator("#main button").all_inner_texts()) - HARMLESS
        assert not page.get_by_role("link", name="Send a test").count()
        page.goto(f"{stage.url}#/send")
        page.get_by_text("This screen is not for the role viewer").wait_for()
    assert found == {path: set() for path in SCREENS}


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (404, "This bridge does not tell the last errors"),
        (403, "The last errors: not for the role admin"),
        (504, "Ask for less"),
    ],
)
def test_a_part_without_an_answer_says_why(stage: Stage, status: int, words: str) -> None:
    with stage.page(heard=Heard()) as page:
        refuse(page, status, "/providers/keccel/errors")
        page.goto(f"{stage.url}#/providers/keccel")
        page.get_by_text(words).wait_for()
        page.get_by_role("heading", name="Answers").wait_for()  # the others are there


def test_what_is_old_says_how_old(stage: Stage) -> None:
    with stage.page("/providers", heard=Heard()) as page:
        page.get_by_role("link", name="keccel").first.wait_for()
        page.route("**/api/v1/providers", lambda route: route.abort())
        page.get_by_text("The providers: what is shown is").wait_for()
        page.get_by_role("link", name="keccel").first.wait_for()
        page.unroute("**/api/v1/providers")
        page.get_by_role("button", name="Try again").click()
        page.get_by_text("what is shown is").wait_for(state="detached")


def test_a_refused_act_is_told(stage: Stage) -> None:
    with stage.page("/providers/keccel", heard=Heard()) as page:
        refuse(page, 503, "/providers/keccel/pause")
        page.get_by_role("button", name="Pause…").click()
        page.get_by_role("button", name="Pause keccel").click()
        page.get_by_role("alert").get_by_text("No").wait_for()
        assert stage.ask("GET", "/providers/keccel")["state"] == "up"


def test_what_is_not_answered_in_time_is_told(stage: Stage) -> None:
    with stage.stranger(heard=Heard()) as page:
        page.clock.install()
        page.reload()
        lose_first(page, "/session")
        page.get_by_label("User").fill("viewer")
        page.get_by_label("Password").fill(PASSWORD)
        with page.expect_request("**/api/v1/session"):
            page.get_by_role("button", name="Log in").click()
        page.clock.fast_forward(30_000)
        page.get_by_role("alert").get_by_text("has not answered for 30 seconds").wait_for()
        stage.log_in(page, "viewer")  # the next try goes its way


def test_a_part_that_is_not_answered_in_time_is_asked_for_again(stage: Stage) -> None:
    with stage.stranger(heard=Heard()) as page:
        page.clock.install()
        page.reload()
        stage.log_in(page, "admin")
        lose_first(page, "/providers")
        with page.expect_request("**/api/v1/providers"):
            page.goto(f"{stage.url}#/providers")
        page.clock.fast_forward(30_000)
        page.get_by_role("link", name="keccel").first.wait_for()

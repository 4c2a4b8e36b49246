"""Providers in a browser: looked at, paused, and their errors."""

from __future__ import annotations

import re

from tests.browser.stage import HOSTILE, Heard, Stage, inked


def test_an_operator_pauses_and_resumes(stage: Stage) -> None:
    paused = "keccel is paused by hand."
    with stage.page("/providers/keccel", role="operator") as page:
        page.get_by_role("button", name="Pause…").click()
        dialog = page.get_by_role("dialog")
        assert "not even after a restart" in dialog.inner_text()
        dialog.get_by_role("button", name="Pause keccel").click()
        page.get_by_role("heading", name=paused).wait_for()
        assert stage.ask("GET", "/providers/keccel")["state"] == "held"
        page.get_by_role("button", name="Resume").click()
        page.get_by_role("heading", name=paused).wait_for(state="detached")
        assert stage.ask("GET", "/providers/keccel")["state"] == "up"


def test_what_waits_is_given_up_or_stays_where_it_may_not_go(stage: Stage) -> None:
    stage.ask("POST", "/providers/keccel/pause")
    try:
        ids = stage.submit(HOSTILE, "last")
        stage.brought(ids, lambda each: each["stage"] == "waiting")
        with stage.page("/providers/keccel", role="operator") as page:
            page.get_by_role("button", name="Move 2…").click()
            page.get_by_role("button", name="Move 2 messages").click()
            page.get_by_text(
                "0 messages moved. 2 stay: The provider is not on its route"
            ).wait_for()
            page.get_by_role("button", name="Give up 2…").click()
            assert "UNDELIV" in page.get_by_role("dialog").inner_text()
            page.get_by_role("button", name="Give up 2 messages").click()
            page.get_by_text("2 messages given up.").wait_for()
            page.get_by_role("button", name="Give up 2…").wait_for(state="detached")
        stage.brought(ids, lambda each: each["state"] == "UNDELIVERABLE")
    finally:
        stage.ask("POST", "/providers/keccel/resume")


def test_who_cancels_has_paused_nothing(stage: Stage) -> None:
    with stage.page("/providers/keccel", role="operator") as page:
        page.get_by_role("button", name="Pause…").click()
        page.get_by_role("button", name="Cancel").click()
        page.get_by_role("dialog").wait_for(state="hidden")
        page.get_by_role("button", name="Pause…").click()
        page.get_by_role("dialog").wait_for()
        page.keyboard.press("Escape")
        page.get_by_role("dialog").wait_for(state="hidden")
        assert stage.ask("GET", "/providers/keccel")["state"] == "up"


def test_the_last_error_leads_to_its_message(stage: Stage) -> None:
    (message_id,) = stage.refused("No", reason=HOSTILE)
    with stage.page("/providers") as page:
        page.get_by_role("link", name="keccel").first.click()
        errors = page.get_by_role("table", name="Last errors")
        errors.get_by_role("link", name=f"…{message_id[-6:]}").click()
        page.get_by_role("heading", name=message_id).wait_for()
        assert not page.locator("img").count()


def test_the_balance_is_asked_for(stage: Stage) -> None:
    with stage.page("/providers/keccel", role="operator") as page:
        page.get_by_role("button", name="Ask for the balance").click()
        page.get_by_text("keccel says: 100 SMS.").wait_for()


def test_a_provider_that_is_not_there_says_so(stage: Stage) -> None:
    with stage.page("/providers/nobody", heard=Heard()) as page:
        page.get_by_text("This bridge does not tell the provider nobody").wait_for()
        page.get_by_role("button", name="Try again").first.wait_for()


def test_the_credit_is_drawn_from_its_first_amount_on(stage: Stage) -> None:
    with stage.page("/providers/keccel", role="operator") as page:
        page.get_by_role("button", name="Ask for the balance").click()
        page.get_by_text("keccel says: 100 SMS.").wait_for()
        page.reload()
        chart = page.get_by_role("img", name="Credit at keccel over 30 days, now 100 SMS")
        chart.wait_for()
        assert inked(chart.locator("canvas"))
    with stage.page("/providers/smscx", role="viewer") as page:
        page.get_by_text("The credit here was never told").wait_for()


def test_a_single_answer_is_a_point(stage: Stage) -> None:
    answers = {"t0": "2026-11-26T14:05:00.000Z", "step": 1}
    names = [f"provider.keccel.{each}" for each in ("taken", "failing", "p50", "p99", "waiting")]
    alone = [None] * 400 + [0.1] + [None] * 400
    body = answers | {"series": dict.fromkeys(names, alone)}
    with stage.page(role="viewer") as page:
        page.route("**/api/v1/history?*", lambda route: route.fulfill(json=body))
        page.goto(f"{stage.url}#/providers/keccel")
        for label in ("Requests to keccel by outcome", re.compile("Time to the answers")):
            chart = page.get_by_role("img", name=label)
            chart.wait_for()
            assert inked(chart.locator("canvas"))

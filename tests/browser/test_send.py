"""A test message in a browser: looked at before it is sent, and sent once."""

from __future__ import annotations

from typing import Any

from tests.browser.stage import HOSTILE, Stage


def test_a_dry_run_sends_nothing_and_names_the_culprit(stage: Stage) -> None:
    before = stage.provider.taken.total()
    with stage.page("/send", role="operator") as page:
        page.get_by_role("textbox", name="To").fill("+243 810 000 042")
        page.get_by_role("textbox", name="Text").fill("Votre code \u2013 4711")
        page.get_by_role("button", name="Only show what would happen").click()
        plan = page.get_by_role("list").filter(has_text="segment")
        plan.get_by_text("UCS-2, 1 segment").wait_for()
        assert "\u2013" in plan.inner_text()
        plan.get_by_text("keccel").first.wait_for()
        page.get_by_role("textbox", name="Text").fill(HOSTILE)
        page.get_by_text("the form has changed since").wait_for()
        page.get_by_role("button", name="Only show what would happen").click()
        page.get_by_text("the form has changed since").wait_for(state="detached")
        assert stage.provider.taken.total() == before


def test_a_message_is_sent_after_a_question(stage: Stage) -> None:
    with stage.page("/send", role="operator") as page:
        page.get_by_role("textbox", name="To").fill("+243 810 000 042")
        page.get_by_role("textbox", name="Text").fill("from the console")
        page.get_by_role("button", name="Send…").click()
        dialog = page.get_by_role("dialog")
        assert "243 810 000 042" in dialog.inner_text()
        dialog.get_by_role("button", name="Send 1 message").click()
        page.get_by_text("The message is on its way.").wait_for()
        message_id = page.get_by_text("The bridge has taken it as").get_by_role("link").inner_text()
        stage.brought([message_id], lambda each: each["stage"] in ("submitted", "finished"))
        assert stage.provider.taken["from the console"] == 1


def test_a_number_that_is_none_is_refused_in_words(stage: Stage) -> None:
    with stage.page("/send", role="operator") as page:
        page.get_by_role("textbox", name="To").fill("nobody")
        page.get_by_role("textbox", name="Text").fill("hello")
        page.get_by_role("button", name="Only show what would happen").click()
        page.get_by_text("It would be refused: The destination is no phone number.").wait_for()


def test_as_long_as_no_account_is_known_nothing_can_be_asked(stage: Stage) -> None:
    answer: list[Any] = []
    with stage.page(role="operator") as page:
        page.route("**/api/v1/accounts", lambda held: answer.append(held))
        with page.expect_request("**/api/v1/accounts"):
            page.goto(f"{stage.url}#/send")
        page.get_by_role("textbox", name="To").fill("nobody")
        page.get_by_role("textbox", name="Text").fill("hello")
        look = page.get_by_role("button", name="Only show what would happen")
        assert look.is_disabled()
        assert page.get_by_role("button", name="Send…").is_disabled()
        for each in answer:
            each.continue_()
        look.click()
        page.get_by_text("It would be refused: The destination is no phone number.").wait_for()

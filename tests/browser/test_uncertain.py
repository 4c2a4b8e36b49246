"""The desk of Uncertain messages in a browser."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.stage import Heard, Stage, settle


@pytest.fixture(autouse=True)
def clean(stage: Stage) -> Iterator[None]:
    """Leave no Uncertain message, and begin with none."""
    _decide_all(stage)
    yield
    _decide_all(stage)


def _decide_all(stage: Stage) -> None:
    if ids := left(stage):
        stage.ask("POST", "/uncertain/decisions", {"verb": "fail", "message_ids": ids})
        stage.brought(ids, lambda each: each["stage"] == "finished")


def left(stage: Stage) -> list[str]:
    """Return the Uncertain messages."""
    return [each["message_id"] for each in stage.ask("GET", "/uncertain")["items"]]


def select(page: Any, *ids: str) -> None:
    for each in ids:
        page.get_by_label(f"Select {each}").check()


def test_two_of_three_are_given_up(stage: Stage) -> None:
    first, kept, last = stage.uncertain("a", "b", "c")
    with stage.page("/uncertain", role="operator") as page:
        page.get_by_text("3 messages").wait_for()
        select(page, first, last)
        page.get_by_role("button", name="Give up 2…").click()
        page.get_by_text("bank believes it does not").wait_for()
        page.get_by_role("button", name="Give up 2", exact=True).click()
        page.get_by_text("2 messages will end as UNDELIVERABLE.").wait_for()
        page.get_by_text("1 message", exact=True).wait_for()
    assert left(stage) == [kept]
    stage.brought([first, last], lambda each: each["state"] == "UNDELIVERABLE")


def test_one_is_resent_and_reaches_its_phone(stage: Stage) -> None:
    (id,) = stage.uncertain("again")
    with stage.page(f"/messages/{id}", role="operator") as page:
        page.get_by_role("heading", name="Nobody knows whether the phone has it.").wait_for()
        page.get_by_role("button", name="Resend…").click()
        page.get_by_text("the phone gets a second SMS").wait_for()
        page.get_by_role("button", name="Resend 1", exact=True).click()
        page.get_by_text("1 message will be sent once more.").wait_for()
        page.get_by_text("Final: DELIVRD").wait_for()


def test_a_dialog_that_is_left_decides_nothing(stage: Stage) -> None:
    ids = stage.uncertain("a", "b")
    with stage.page("/uncertain") as page:
        page.get_by_label("Select all").check()
        for leave in ("Escape", "Cancel"):
            page.get_by_role("button", name="Resend 2…").click()
            page.get_by_role("dialog", name="Resend 2?").wait_for()
            if leave == "Cancel":
                page.get_by_role("button", name="Cancel").click()
            else:
                page.keyboard.press(leave)
            page.get_by_role("dialog", name="Resend 2?").wait_for(state="hidden")
    assert sorted(left(stage)) == sorted(ids)


def test_all_of_a_filter_want_their_number(stage: Stage) -> None:
    ids = stage.uncertain("a", "b", "c")
    with stage.page("/uncertain?provider=keccel") as page:
        page.get_by_text("3 messages").wait_for()
        page.get_by_role("button", name="Give up all…").click()
        act = page.get_by_role("button", name="Give up 3", exact=True)
        act.wait_for()
        assert act.is_disabled()
        page.get_by_label("Type their number").fill("2")
        assert act.is_disabled()
        page.get_by_label("Type their number").fill("3")
        act.click()
        page.get_by_text("3 messages will end as UNDELIVERABLE.").wait_for()
        page.get_by_text("The fate of every message is known").wait_for()
        page.get_by_role("table", name="Decided").get_by_text("3 messages").first.wait_for()
    stage.brought(ids, lambda each: each["state"] == "UNDELIVERABLE")


def test_a_filter_that_has_others_now_decides_nothing(stage: Stage) -> None:
    stage.uncertain("a", "b")
    with stage.page("/uncertain", heard=Heard()) as page:
        page.get_by_text("2 messages").wait_for()
        page.get_by_role("button", name="Resend all…").click()
        page.get_by_label("Type their number").wait_for()
        stage.uncertain("late")
        page.get_by_label("Type their number").fill("2")
        with page.expect_response("**/uncertain/decisions") as waiting:
            page.get_by_role("button", name="Resend 2", exact=True).click()
        assert waiting.value.status == 409
        page.get_by_role("alert").get_by_text("messages are Uncertain now, not 2").wait_for()
    assert len(left(stage)) == 3


def test_a_viewer_only_looks(stage: Stage) -> None:
    stage.uncertain("a", "b")
    with stage.page("/uncertain", role="viewer") as page:
        page.get_by_text("2 messages").wait_for()
        settle(page)
        assert page.get_by_role("checkbox").count() == 0
        assert page.get_by_role("button", name="Resend").count() == 0

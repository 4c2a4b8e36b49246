"""Messages in a browser: found, looked at, shown in full, decided about."""

from __future__ import annotations

import csv
from typing import Any

from tests.browser.stage import HOSTILE, HOSTILE_ID, HOSTILE_SENDER, Stage, settle

NUMBER = "243897000042"  # nobody else sends to it
FORMS = ("+243 897 000 042", "243897000042", "00243897000042", "0897000042")


def found(page: Any) -> list[str]:
    """Return the message_ids that the table has."""
    settle(page)
    rows: list[str] = page.locator("tbody tr td:first-child").all_inner_texts()
    return rows


def search(page: Any, text: str) -> None:
    """Search from anywhere, as everybody does."""
    settle(page)
    page.keyboard.press("/")
    page.keyboard.type(text)
    page.keyboard.press("Enter")
    page.wait_for_function(
        "text => location.hash.includes(new URLSearchParams({q: text}))", arg=text
    )


def test_a_number_is_found_in_any_form(stage: Stage) -> None:
    first, second = stage.delivered("one", "two", to=NUMBER)
    (other,) = stage.delivered("other", to="243810000043")
    with stage.page() as page:
        for form in FORMS:
            search(page, form)
            assert found(page) == [second, first], form
            page.goto(f"{stage.url}#/")
        search(page, "243810000049")
        page.get_by_text("No message to 243810000049").wait_for()
        page.get_by_label("Number or id").fill("")
        page.get_by_role("button", name="Find").click()
        assert {first, second, other} <= set(found(page))


def test_an_id_of_ours_and_of_a_provider_is_found(stage: Stage) -> None:
    (ours,) = stage.delivered("by id")
    theirs = stage.ask("GET", f"/messages/{ours}")["provider_message_id"]
    with stage.page() as page:
        for word in (ours, theirs):
            search(page, word)
            assert found(page) == [ours], word
        page.get_by_role("link", name=ours).click()
        page.get_by_role("heading", name=ours).wait_for()
        page.get_by_text("Attempt 1 at keccel: taken").wait_for()


def test_filters_stand_in_the_address_and_can_be_taken_away(stage: Stage) -> None:
    (good,) = stage.delivered("fine")
    (bad,) = stage.refused("not fine", reason="no")
    with stage.page("/messages") as page:
        assert good in found(page)
        page.get_by_label("State").select_option("REJECTED")
        page.get_by_label("Since").select_option("1h")
        page.get_by_role("button", name="Find").click()
        page.wait_for_url("**state=REJECTED*")
        page.get_by_role("link", name=good).wait_for(state="detached")
        rows = found(page)
        assert bad in rows
        assert good not in rows
        page.reload()
        assert found(page) == rows
        page.get_by_role("button", name="Remove state").click()
        page.wait_for_url("**since=1h")
        page.get_by_role("link", name=good).wait_for()


def test_a_file_of_the_messages_has_no_formula_and_no_text(stage: Stage) -> None:
    ids = stage.delivered(HOSTILE, "mid", HOSTILE, to="243810000051", source_addr=b"=1+1")
    with stage.page("/messages?q=243810000051") as page:
        found(page)
        with page.expect_download() as waiting:
            page.get_by_role("button", name="CSV").click()
        lines = waiting.value.path().read_text().splitlines()
    rows = list(csv.DictReader(lines))
    assert [row["message_id"] for row in rows] == ids[::-1]
    assert {row["source"] for row in rows} == {"'=1+1"}
    assert all("*" in row["destination"] for row in rows)
    assert "alert" not in "".join(lines)


def test_markup_is_a_text_wherever_it_stands(stage: Stage) -> None:
    (good,) = stage.delivered(HOSTILE, source_addr=HOSTILE_SENDER.encode())
    (bad,) = stage.refused("Hello", reason=HOSTILE)  # the bridge hides what quotes the text
    with stage.page(f"/messages/{good}") as page:
        page.get_by_text(HOSTILE_ID).first.wait_for()
        assert page.get_by_text(HOSTILE_SENDER, exact=True).is_visible()
        page.get_by_role("button", name="Show the text").click()
        page.get_by_role("button", name="Show", exact=True).click()
        page.get_by_text(HOSTILE, exact=True).wait_for()
        page.goto(f"{stage.url}#/messages/{bad}")
        page.get_by_text(HOSTILE).first.wait_for()
        page.goto(f"{stage.url}#/messages?q={HOSTILE_ID.replace('&', '%26')}")
        assert good in found(page)
        assert page.locator("main b#x, main img, main script, main s").count() == 0


def test_what_is_hidden_is_shown_for_a_reason_that_is_written_down(stage: Stage) -> None:
    (id,) = stage.delivered("the secret words", to="243810000061")
    with stage.page(f"/messages/{id}") as page:
        page.get_by_text("2438*****061").wait_for()
        assert "the secret words" not in page.content()
        for what, shown in (("number", "243810000061"), ("text", "the secret words")):
            page.get_by_role("button", name=f"Show the {what}").click()
            page.get_by_label("Reason").fill("ticket 7")
            page.keyboard.press("Enter")
            page.get_by_text(shown, exact=True).wait_for()
    acts = stage.ask("GET", "/audit")["items"]
    told = [
        act["detail"] for act in acts if (act["action"], act["object"]) == ("reveal_message", id)
    ]
    assert told == [{"what": [what], "reason": "ticket 7"} for what in ("text", "number")]


def test_numbers_of_a_page_are_shown_for_a_reason_that_is_written_down_once(stage: Stage) -> None:
    numbers = ("243810000071", "243810000072", "243810000073")
    ids = [stage.delivered("hello", to=each)[0] for each in numbers]
    with stage.page("/messages", role="operator") as page:
        page.get_by_text("2438*****073").wait_for()
        page.get_by_role("button", name="Show the numbers…").click()
        show = page.get_by_role("button", name="Show the numbers", exact=True)
        assert show.is_disabled()  # without a reason
        page.get_by_label("Reason").fill("ticket 8")
        page.keyboard.press("Enter")
        for each in numbers:
            page.get_by_text(each, exact=True).first.wait_for()
        page.get_by_text("numbers shown to you").wait_for()
        later = stage.delivered("later", to="243810000074")  # comes by itself, and is masked
        page.get_by_text("2438*****074").wait_for()
        page.get_by_role("button", name="Show the numbers…").click()
        page.get_by_role("dialog", name="Show the numbers of 1 message?").wait_for()
        page.keyboard.press("Escape")
        page.goto(f"{stage.url}#/messages?account=pbx")
        page.get_by_text("numbers shown to you").wait_for(state="detached")
        page.go_back()
        page.get_by_text("2438*****073").wait_for()
        assert not page.get_by_text(numbers[0], exact=True).count()
    acts = stage.ask("GET", "/audit")["items"]
    told = [act["detail"] for act in acts if act["action"] == "reveal_messages"]
    assert [each["reason"] for each in told] == ["ticket 8"]
    assert set(ids) <= set(told[0]["message_ids"])
    assert not set(later) & set(told[0]["message_ids"])


def test_a_viewer_is_not_offered_numbers(stage: Stage) -> None:
    stage.delivered("hello")
    with stage.page("/messages", role="viewer") as page:
        page.get_by_role("table", name="Messages found").wait_for()
        assert not page.get_by_role("button", name="Show the numbers").count()


def test_each_role_sees_what_it_may(stage: Stage) -> None:
    (id,) = stage.uncertain("whose")
    try:
        offered = {"viewer": set(), "operator": {"Show the number", "Resend…", "Give up…"}}
        for role, wanted in offered.items():
            with stage.page(f"/messages/{id}", role=role) as page:
                page.get_by_text("Copy for a ticket").wait_for()
                acts = ("Show the number", "Show the text", "Resend…", "Give up…")
                assert {
                    name for name in acts if page.get_by_role("button", name=name).count()
                } == wanted
    finally:
        stage.ask("POST", "/uncertain/decisions", {"verb": "fail", "message_ids": [id]})


def test_a_ticket_has_the_verdict_and_no_number(stage: Stage) -> None:
    (id,) = stage.refused("Hello", reason="no such route")
    number = "243810000001"
    with stage.page() as page:
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page.goto(f"{stage.url}#/messages/{id}")
        page.get_by_text("Attempt 1 at keccel: refused").wait_for()
        page.get_by_role("button", name="Copy for a ticket").click()
        page.get_by_text("Copied").wait_for()
        ticket = page.evaluate("navigator.clipboard.readText()")
    assert id in ticket
    assert "keccel refused it." in ticket
    assert "no such route" in ticket
    assert number not in ticket


def test_it_copies_without_the_clipboard_of_tls(stage: Stage) -> None:
    (id,) = stage.delivered("Copy me")
    with stage.page() as page:
        page.add_init_script(
            "Object.defineProperty(navigator, 'clipboard', {value: undefined});"
            "window.copied = [];"
            "addEventListener('copy', () => copied.push(document.activeElement.value));"
        )
        page.reload()
        page.goto(f"{stage.url}#/messages/{id}")
        page.get_by_text("Final: DELIVRD").wait_for()
        page.get_by_role("button", name="Copy for a ticket").click()
        page.get_by_text("Copied").wait_for()
        (ticket,) = page.evaluate("window.copied")
        assert id in ticket
        assert page.locator("textarea").count() == 0


def test_a_message_that_waits_is_moved_and_given_up(stage: Stage) -> None:
    stage.ask("POST", "/providers/keccel/pause")
    try:
        moved, ended = stage.submit("to be moved", "to be given up")
        with stage.page(f"/messages/{moved}", role="operator") as page:
            page.get_by_role("button", name="Move…").click()
            page.get_by_role("dialog").get_by_label("Provider").select_option("smscx")
            page.get_by_text("smscx is not on its route").wait_for()
            page.get_by_role("button", name="Move to smscx").click()
            page.get_by_text("It waits for smscx now.").wait_for()
            page.goto(f"{stage.url}#/messages/{ended}")
            page.get_by_role("button", name="Give up…").click()
            page.get_by_text("The phone does not get it").wait_for()
            page.get_by_role("button", name="Give up 1", exact=True).click()
            page.get_by_text("Final: UNDELIV").wait_for()
        assert stage.ask("GET", f"/messages/{moved}")["provider"] == "smscx"
    finally:
        stage.ask("POST", "/waiting/failures", {"message_ids": [moved]})
        stage.ask("POST", "/providers/keccel/resume")

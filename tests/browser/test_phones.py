"""What begins at a phone, and reports that belong to nothing, in a browser."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from urllib.parse import quote

from tests.browser.callers import NOBODYS, PHONE, say, tell
from tests.browser.stage import HOSTILE, HOSTILE_ID, Stage, inked


def test_an_opt_out_is_ended_by_who_knows_the_number(stage: Stage) -> None:
    tell(stage, "new_optout", phoneNumber=f"+{PHONE}", optoutType="link")
    stage.daemon.await_rows("select count(*) from optout", [(1,)])
    with stage.page("/phones", role="operator") as page:
        optouts = page.get_by_role("table", name="Numbers that opted out")
        optouts.get_by_text(f"{PHONE[:4]}*****{PHONE[-3:]}").wait_for()
        assert not optouts.get_by_role("button").count()
        assert PHONE not in page.content()
        page.get_by_label("Number").fill(f"+{PHONE[:3]} {PHONE[3:]}")
        optouts.get_by_role("button", name="End opt-out…").click()
        page.get_by_role("button", name="End 1 opt-out").click()
        page.get_by_text("This number has not opted out").wait_for()


def test_messages_of_phones_and_nobodys(stage: Stage) -> None:
    say(stage, "<b>A</b>", HOSTILE)
    say(stage, "<b>B</b>", HOSTILE, NOBODYS)
    with stage.page("/phones", role="viewer") as page:
        mine = page.get_by_role("table", name="Messages from phones", exact=True)
        mine.get_by_text("1 owed").wait_for()
        nobodys = page.get_by_role("table", name="Messages from phones that nobody owns")
        nobodys.get_by_text("No account owns this destination.").wait_for()
        assert "alert" not in page.content()  # texts are shown nowhere
    stage.hear()


def test_a_report_that_belongs_to_nothing_is_inert(stage: Stage) -> None:
    unknown = f"{HOSTILE_ID}?"
    stage.provider.report(quote(unknown))
    with stage.page("/unmatched?provider=keccel", role="operator") as page:
        table = page.get_by_role("table", name="Unmatched reports")
        table.get_by_text(unknown).first.wait_for()
        assert not page.locator("img").count()


def test_what_is_dismissed_is_gone(stage: Stage) -> None:
    say(stage, "<b>C</b>", "hello", NOBODYS)
    with stage.page("/unmatched?provider=smscx&kind=mo", role="operator") as page:
        table = page.get_by_role("table", name="Unmatched reports")
        table.get_by_text("<b>C</b>").wait_for()
        page.get_by_role("button", name="Dismiss those of smscx…").click()
        page.get_by_role("button", name="Dismiss those of smscx", exact=True).click()
        page.get_by_text("of smscx dismissed").wait_for()
        page.get_by_text("Nothing of that kind in the last 24 hours").wait_for()


def test_reports_that_fit_by_a_rule_settle_their_messages(stage: Stage) -> None:
    stage.ask("DELETE", f"/unmatched?provider=keccel&before={datetime.now(UTC):%FT%TZ}")
    with stage.silent(), stage.page("/unmatched?provider=keccel", role="operator") as page:
        ids = stage.submit(*(f"text {number}" for number in range(30)))
        stage.brought(ids, lambda each: each["stage"] == "submitted")
        stage.stray(ids, "DLR-")
        page.reload()
        page.get_by_role("heading", name="keccel: Reports put DLR- before the ids.").wait_for()
        page.get_by_text("No setting means that rule").wait_for()
        page.get_by_role("button", name="Try it on these reports").click()
        page.get_by_text("30 would fit one message each").wait_for()
        assert stage.ask("GET", f"/messages/{ids[0]}")["stage"] == "submitted"
        page.get_by_role("button", name="Settle 30 messages now").click()
        page.get_by_text("30 messages settled by keccel's reports.").wait_for()
        table = page.get_by_role("table", name="Unmatched reports")
        table.get_by_text("DLR-").first.wait_for(state="detached")
        stage.brought(ids, lambda each: each["state"] == "DELIVERED")


def test_messages_of_phones_are_drawn_by_the_hour(stage: Stage) -> None:
    say(stage, "<b>D</b>", HOSTILE)
    with stage.page("/phones", role="viewer") as page:
        page.get_by_role("img", name=re.compile("by the hour over 24 hours, [1-9]")).wait_for()
        assert inked(page.locator(".chart canvas").first)
    stage.hear()

"""The console's frame in a browser: coming in, keys, themes, and the stream that is lost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.stage import Heard, Stage, settle

ROWS = "tbody tr[tabindex]"
STREAMS = """
window.streams = [];
window.EventSource = class extends EventSource {
  constructor(...all) { super(...all); streams.push(this); }
};
"""

PRESSES_AT_ONCE = """
new MutationObserver((_, observer) => {
  if (!document.getElementById("main")) return;
  observer.disconnect();
  dispatchEvent(new KeyboardEvent("keydown", {key: "?"}));
}).observe(document, {childList: true, subtree: true});
"""


@pytest.fixture(scope="module")
def fresh(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A daemon through which nothing has gone."""
    stage = Stage(tmp_path_factory.mktemp("fresh"), browser)
    yield stage
    stage.close()


def test_a_link_leads_in_once(stage: Stage) -> None:
    link = stage.link()
    with stage.stranger(heard=Heard()) as page:
        page.goto(link)
        page.locator("#main").wait_for()
        page.reload()
        page.locator("#main").wait_for()
        assert page.url == stage.url + "#/"
        page.get_by_role("button", name="Log out").click()
        page.get_by_label("User").wait_for()
        page.goto(link)
        page.get_by_role("alert").get_by_text("this link has been used").wait_for()


def test_a_link_that_is_opened_in_the_login_leads_in(stage: Stage) -> None:
    with stage.stranger() as page:
        page.get_by_label("User").wait_for()
        page.goto(stage.link())
        page.locator("#main").wait_for()


def test_a_wrong_password_is_told_and_the_right_one_leads_in(stage: Stage) -> None:
    heard = Heard()
    with stage.stranger(heard=heard) as page:
        page.get_by_label("User").fill("viewer")
        page.get_by_label("Password").fill("wrong")
        page.keyboard.press("Enter")
        page.get_by_role("alert").get_by_text("Wrong user or password").wait_for()
        assert page.get_by_label("Password").input_value() == ""
        stage.log_in(page, "viewer")
        page.get_by_text("viewer · viewer").wait_for()
        assert page.get_by_role("link", name="Audit log").count() == 0
    assert [line for line in heard.lines if "401" not in line] == []


def test_who_may_see_one_screen_alone_comes_to_it(stage: Stage) -> None:
    with stage.page(role="billing") as page:
        page.get_by_role("heading", name="Billing").wait_for()
        assert page.get_by_role("navigation").get_by_role("link").all_inner_texts() == ["Billing"]


def test_who_is_logged_out_elsewhere_comes_to_the_login(stage: Stage) -> None:
    with stage.page("/messages", heard=Heard()) as page:
        settle(page)
        page.context.clear_cookies()
        page.get_by_role("link", name="Uncertain").click()
        page.get_by_label("User").wait_for()


def test_keys_alone_lead_to_a_message(stage: Stage) -> None:
    first, *_, last = stage.delivered("one", "two", "three")
    with stage.page() as page:
        page.keyboard.press("?")
        page.get_by_role("dialog", name="Keys").wait_for()
        page.keyboard.press("Escape")
        page.get_by_role("dialog", name="Keys").wait_for(state="hidden")
        page.keyboard.type("gm")
        page.get_by_role("heading", name="Messages").first.wait_for()
        settle(page)
        page.keyboard.type("jjk")
        assert page.locator(ROWS).first.evaluate("row => row === document.activeElement")
        page.keyboard.press("Enter")
        page.get_by_role("heading", name=last).wait_for()
        settle(page)
        page.keyboard.press("/")
        page.keyboard.type(f"{first}?")
        assert page.locator("#q").input_value() == f"{first}?"
        page.keyboard.press("Escape")
        page.keyboard.type("go")
        page.get_by_role("heading", name="Overview").wait_for()


def test_a_key_counts_from_the_moment_at_which_the_screen_is_there(stage: Stage) -> None:
    with stage.stranger() as page:
        page.add_init_script(PRESSES_AT_ONCE)
        page.reload()
        stage.log_in(page, "viewer")
        page.get_by_role("dialog", name="Keys").wait_for()


def test_g_and_a_letter_lead_to_every_screen_that_has_one(stage: Stage) -> None:
    screens = {
        "o": "Overview",
        "m": "Messages",
        "u": "Uncertain",
        "p": "Providers",
        "a": "Accounts",
        "t": "Trace",
        "s": "Send a test",
    }
    with stage.page() as page:
        for key, name in screens.items():
            page.keyboard.press("g")
            page.keyboard.press(key)
            page.wait_for_function("name => document.title.startsWith(name + ' ·')", arg=name)
            current = page.locator("nav [aria-current]")
            assert current.inner_text().startswith(name)


def test_the_theme_is_the_systems_until_a_person_chooses(stage: Stage) -> None:
    theme = "document.documentElement.dataset.theme"
    with stage.page(theme="dark") as page:
        assert page.evaluate(theme) == "dark"
        page.keyboard.press("d")
        assert page.evaluate(theme) == "light"
        page.reload()
        assert page.evaluate(theme) == "light"
        page.get_by_role("button", name="Dark or light").click()
        assert page.evaluate(theme) == "dark"


def test_a_hidden_page_has_no_stream(stage: Stage) -> None:
    with stage.stranger() as page:
        page.add_init_script(STREAMS)
        page.reload()
        stage.log_in(page, "viewer")
        page.get_by_text("live", exact=True).wait_for()
        turn(page, hidden=True)
        assert page.evaluate("streams.map(each => each.readyState)") == [2]
        turn(page, hidden=False)
        page.get_by_text("live", exact=True).wait_for()
        page.wait_for_function("() => streams.length === 2 && streams[1].readyState === 1")


def turn(page: Any, *, hidden: bool) -> None:
    """Hide a page, or show it again."""
    page.evaluate(
        """hidden => {
            Object.defineProperty(document, "hidden", {value: hidden, configurable: true});
            document.dispatchEvent(new Event("visibilitychange"));
        }""",
        hidden,
    )


def test_nothing_has_been_sent_yet(fresh: Stage, axe_source: str) -> None:
    with fresh.page() as page:
        page.get_by_role("heading", name="Nothing has been sent yet").wait_for()
        page.get_by_role("link", name="Send a test message").wait_for()
        page.evaluate(axe_source)
        assert page.evaluate("axe.run(document).then(found => found.violations)") == []


def test_a_stream_that_is_lost_comes_back_by_itself(fresh: Stage) -> None:
    with fresh.stranger(heard=Heard()) as page:
        page.add_init_script(STREAMS)
        page.reload()
        fresh.log_in(page, "operator")
        page.get_by_text("live", exact=True).wait_for()
        page.context.set_offline(True)  # Chromium leaves a stream that is open alone
        page.evaluate("streams.at(-1).onerror()")
        page.get_by_text("The bridge does not answer").wait_for()
        page.get_by_text("no connection, retrying in").wait_for()
        page.context.set_offline(False)
        page.get_by_text("live", exact=True).wait_for()
        page.get_by_text("The bridge does not answer").wait_for(state="detached")


def test_every_screen_says_that_nobody_answers_and_asks_again_by_itself(fresh: Stage) -> None:
    with fresh.stranger(heard=Heard()) as page:
        page.add_init_script(STREAMS)
        page.reload()
        fresh.log_in(page, "viewer")
        page.get_by_text("live", exact=True).wait_for()
        page.context.set_offline(True)
        page.evaluate("streams.at(-1).onerror()")
        page.get_by_text("What you see is").wait_for()
        for name in ("Messages", "Accounts", "Providers"):
            page.get_by_role("navigation").get_by_role("link", name=name).click()
            page.get_by_role("heading", name=name, exact=True).first.wait_for()
            page.get_by_text("What you see is").wait_for()
        routes = page.get_by_role("table", name="Routes")  # which are asked for once
        assert not routes.count()
        page.context.set_offline(False)
        page.get_by_text("What you see is").wait_for(state="detached")
        routes.wait_for()
        page.get_by_role("table", name="Providers").wait_for()


def test_a_bridge_that_was_killed_wants_a_new_login(fresh: Stage) -> None:
    with fresh.page(heard=Heard()) as page:
        page.get_by_text("live", exact=True).wait_for()
        fresh.daemon.kill()
        page.get_by_text("What you see is").wait_for()
        page.get_by_role("button", name="Try now").click()
        fresh.daemon.start()
        page.get_by_label("User").wait_for()

"""Every screen in both themes and two widths: accessible, no wider than its window, silent."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.stage import (
    HOSTILE,
    HOSTILE_SENDER,
    NARROW,
    WIDE,
    Stage,
    Theme,
    overflow,
    settle,
)

SCREENS = {
    "overview": "/",
    "messages": "/messages",
    "no message": "/messages?q=0899999942&since=7d",
    "delivered": "/messages/{delivered}",
    "refused": "/messages/{refused}",
    "uncertain message": "/messages/{uncertain}",
    "unknown message": "/messages/7",
    "uncertain": "/uncertain",
    "none uncertain": "/uncertain?account=pbx",
    "unmatched": "/unmatched",
    "no submission refused": "/refused?account=pbx",
    "refused submissions": "/refused",
    "providers": "/providers",
    "provider": "/providers/keccel",
    "accounts": "/accounts",
    "account": "/accounts/bank",
    "nobody bound": "/accounts/pbx",
    "phones": "/phones",
    "send": "/send",
    "trace": "/trace",
    "traced": "/trace/{trace}",
    "settings": "/settings",
    "audit": "/audit",
    "cdr": "/cdr",
    "no screen": "/nowhere",
}
"""Addresses by name; the names in braces are ids."""
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


@pytest.fixture(scope="session")
def ids(stage: Stage) -> dict[str, str]:
    """Messages in different states, with odd elements first and last."""
    odd: dict[str, Any] = {"source_addr": HOSTILE_SENDER.encode()}
    trace = stage.ask("POST", "/traces", {"of": "account", "value": "bank"})["id"]
    with stage.bound() as esme:
        assert esme.submit("", source_addr=HOSTILE_SENDER.encode()).command_status != 0
    found = {
        "trace": trace,
        "delivered": stage.delivered(HOSTILE, "Hello", HOSTILE, **odd)[0],
        "refused": stage.refused("No", reason=HOSTILE)[0],
        "uncertain": stage.uncertain("One", HOSTILE)[1],
    }
    stage.ask("POST", f"/traces/{trace}/stop")  # it can be read for an hour
    return found


def faults(page: Any, source: str) -> list[tuple[str, list[str]]]:
    """Return what axe-core finds: the rule, and the elements that break it."""
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(source)
    found = page.evaluate("rules => axe.run(document, rules)", RULES)
    return [(each["id"], [node["html"] for node in each["nodes"]]) for each in found["violations"]]


@pytest.mark.parametrize("width", [NARROW, WIDE])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_screen(
    stage: Stage, ids: dict[str, str], axe_source: str, theme: Theme, width: int
) -> None:
    found: dict[str, Any] = {}
    with stage.page(theme=theme, width=width) as page:
        for name, path in SCREENS.items():
            page.goto(f"{stage.url}#{path.format(**ids)}")
            settle(page)
            assert page.evaluate("document.documentElement.dataset.theme") == theme
            found[name] = faults(page, axe_source), overflow(page)
    assert found == dict.fromkeys(SCREENS, ([], 0))


@pytest.mark.parametrize("width", [NARROW, WIDE])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_login(stage: Stage, axe_source: str, theme: Theme, width: int) -> None:
    with stage.stranger(theme=theme, width=width) as page:
        page.get_by_label("User").wait_for()
        assert (faults(page, axe_source), overflow(page)) == ([], 0)

"""How a provider's reports write ids: suggested, tried, put to use."""

from __future__ import annotations

from typing import Any

import pytest

from smppbridge.model.notes import Unmatched
from smppbridge.smpp.constants import MessageState
from smppbridge.store.port import EarlyReport
from tests.store.opened import NOW, Opened, accept, message, taken, told, tried
from tests.web.desk import Desk, Reply

TRY = {"provider": "keccel", "rule": "zeros", "dry_run": False}


def named(opened: Opened, message_id: int, name: str) -> None:
    accept(opened, [message(message_id)], begun=True)
    opened.wait(opened.store.record([taken(tried(message(message_id)), name)]))


def strays(opened: Opened, *names: str, kind: Any = "report", provider: str = "keccel") -> None:
    found = [
        Unmatched(NOW + n, kind, provider, name, "unknown_id", 2) for n, name in enumerate(names, 9)
    ]
    opened.wait(opened.store.keep_noted([], [], found))


@pytest.fixture
def stored(opened: Opened) -> Opened:
    """Twenty messages with zeros in front of their ids, and nineteen reports without."""
    for each in range(20):
        named(opened, 1001 + each, f"00{7001 + each}")
    strays(opened, *(str(7001 + each) for each in range(19)))
    return opened


def suggested(desk: Desk, provider: str = "keccel") -> Any:
    reply = desk.call("GET", f"/unmatched/suggestion?provider={provider}", role="viewer")
    assert reply.status == 200
    return reply.body


def test_a_rule_is_suggested_with_enough_reports(desk: Desk, stored: Opened) -> None:
    few = suggested(desk)
    assert (few["reports"], few["suggestion"]) == (19, None)
    assert few["tried"][1] == {"rule": "zeros", "fits": 19, "ambiguous": 0}
    strays(stored, "7020")
    found = suggested(desk)["suggestion"]
    assert (found["rule"], found["fits"], found["of"]) == ("zeros", 20, 20)
    assert found["setting"] == "providers.keccel.ids: zeros"
    assert found["examples"][0] == {
        "provider_message_id": "7020",
        "ours": "007020",
        "message_id": "1020",
    }


@pytest.mark.parametrize(("odd", "good"), [(2, True), (3, False)])
def test_nine_of_ten_reports_must_fit(desk: Desk, stored: Opened, odd: int, good: bool) -> None:
    strays(stored, *(f"odd{each}" for each in range(odd)))
    assert (suggested(desk)["suggestion"] is not None) is good


def test_one_ambiguous_report_is_too_many(desk: Desk, stored: Opened) -> None:
    strays(stored, "7020")
    named(stored, 2001, "0007020")
    found = suggested(desk)
    assert found["suggestion"] is None
    assert found["tried"][1] == {"rule": "zeros", "fits": 19, "ambiguous": 1}


def test_an_affix_has_no_setting_and_is_named(desk: Desk, opened: Opened) -> None:
    for each in range(20):
        named(opened, 1001 + each, str(7001 + each))
    strays(opened, *(f"DLR-{7001 + each}" for each in range(20)))
    found = suggested(desk)["suggestion"]
    assert (found["rule"], found["setting"]) == ("prefix", None)
    assert found["says"] == "Reports put DLR- before the ids."


def test_hexadecimal_ids_are_a_setting_of_upstreams_alone(desk: Desk, opened: Opened) -> None:
    for each in range(20):
        named(opened, 1001 + each, f"{0xABCDE0 + each:x}")
    strays(opened, *(str(0xABCDE0 + each) for each in range(20)))
    found = suggested(desk)["suggestion"]
    assert (found["rule"], found["setting"]) == ("hex_to_decimal", None)
    desk.types["keccel"] = "smpp"
    found = suggested(desk)["suggestion"]
    assert found["setting"] == "providers.keccel.ids: hex_to_decimal"


def test_nothing_is_suggested_without_reports(desk: Desk, opened: Opened) -> None:
    assert suggested(desk)["reports"] == 0
    for provider, status in (("none", 404), ("", 422)):
        path = f"/unmatched/suggestion?provider={provider}"
        assert desk.call("GET", path).status == status
    assert desk.call("GET", "/unmatched/suggestion").status == 422


# -- tried ----------------------------------------------------------------------------------------


def tried_rule(desk: Desk, **more: Any) -> Reply:
    return desk.call("POST", "/unmatched/try", role="operator", body=TRY | more)


def left(desk: Desk) -> list[str]:
    items = desk.call("GET", "/unmatched?limit=500").body["items"]
    return [item["provider_message_id"] for item in items]


def test_a_dry_run_counts(desk: Desk, stored: Opened) -> None:
    strays(stored, "odd")
    opened_before = left(desk)
    body = {"provider": "keccel", "rule": "zeros"}
    shown = desk.call("POST", "/unmatched/try", role="operator", body=body).body
    assert {key: shown[key] for key in ("reports", "fits", "ambiguous", "ended", "settled")} == {
        "reports": 20,
        "fits": 19,
        "ambiguous": 0,
        "ended": 0,
        "settled": 0,
    }
    assert len(shown["examples"]) == 5
    assert (desk.played.rematch.settled, left(desk)) == ([], opened_before)


def test_reports_settle_their_messages_and_are_forgotten(desk: Desk, stored: Opened) -> None:
    named(stored, 2001, "0007005")  # so that 7005 fits two
    attempt = tried(message(1001))
    stored.wait(stored.store.settle([told(attempt, MessageState.DELIVERED)]))
    strays(stored, "odd")
    stored.wait(stored.store.keep_early([EarlyReport("keccel", "7020", 5, 3, NOW + 99)]))
    shown = tried_rule(desk).body
    assert (shown["fits"], shown["ambiguous"], shown["ended"], shown["settled"]) == (19, 1, 1, 18)
    settled = desk.played.rematch.settled
    assert [each.report.provider_message_id for each in settled[:2]] == ["007002", "007003"]
    assert settled[0].report.done_at == NOW + 10
    last = settled[-1]
    assert (last.report.state, last.report.error) == (MessageState.UNDELIVERABLE, 3)
    assert last.early == ("keccel", "7020", NOW + 99)
    assert [each.early for each in settled[:-1]] == [None] * 17
    # the early one is for the movement to forget
    assert sorted(left(desk)) == ["7005", "7020", "odd"]
    assert desk.noted[0][1] == "try_rule"


def test_many_reports_are_settled_piece_by_piece(
    desk: Desk, stored: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    from smppbridge.web.api import rematching

    monkeypatch.setattr(rematching, "AT_ONCE", 4)
    assert tried_rule(desk).body["settled"] == 19
    assert left(desk) == []


def test_other_providers_and_mo_messages_stay(desk: Desk, stored: Opened) -> None:
    strays(stored, "7001", provider="d7")
    strays(stored, "7001", kind="mo")
    tried_rule(desk)
    assert left(desk) == ["7001", "7001"]


@pytest.mark.parametrize("failing", ["rematch", "store"])
def test_what_cannot_be_written_is_kept(desk: Desk, stored: Opened, failing: str) -> None:
    desk.played.rematch.failing = failing == "rematch"
    desk.failing = failing == "store"
    assert tried_rule(desk).status == 503
    desk.failing = False
    assert len(left(desk)) == 19


@pytest.mark.parametrize(
    ("more", "status"),
    [({"provider": "none"}, 404), ({"rule": "same"}, 422), ({"dry_run": "x"}, 422)],
)
def test_odd_trials(desk: Desk, stored: Opened, more: dict[str, Any], status: int) -> None:
    assert tried_rule(desk, **more).status == status
    assert desk.played.rematch.settled == []

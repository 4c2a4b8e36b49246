from __future__ import annotations

from typing import get_args

import pytest

from smppbridge.model.reason_words import Act
from smppbridge.web.api.reasons import ActWord
from tests.web.desk import Desk


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["breaker_open", "wrong_password", "no_route"]),
        ("?act=bind", ["wrong_password"]),
        ("?about=keccel", ["breaker_open"]),
        ("?reason=no_route&about=bank", ["no_route"]),
        ("?reason=no_route&about=shop", []),
        ("?limit=1", ["breaker_open"]),
    ],
)
def test_reasons_are_listed_the_latest_first(desk: Desk, query: str, found: list[str]) -> None:
    desk.reasons.count("no_route", "bank", detail="to 243810000001")
    desk.reasons.count("wrong_password", "bank", 2, detail="from 10.0.0.1")
    desk.reasons.count("breaker_open", "keccel")
    reply = desk.call("GET", f"/reasons{query}", role="viewer")
    assert reply.status == 200
    assert [each["reason"] for each in reply.body["items"]] == found


def test_a_reason_says_what_to_do_and_shows_no_number(desk: Desk) -> None:
    desk.reasons.count("no_route", "bank", detail="to 243810000001")
    desk.reasons.count("credit_low", "keccel", 3)
    low, route = desk.call("GET", "/reasons", role="viewer").body["items"]
    assert (low["act"], low["count"]) == ("diversion", 3)
    assert low["says"] == "The credit at keccel is low."
    assert low["remedy"] == "Top up the account at keccel."
    assert route["detail"] == "to 2438*****001"


def test_a_strangers_system_id_is_cut_and_words_of_no_list_are_shown(desk: Desk) -> None:
    desk.reasons.count("sunspots", "x" * 500, detail="<script>")
    (item,) = desk.call("GET", "/reasons", role="viewer").body["items"]
    assert len(item["about"]) == 64
    assert (item["act"], item["says"], item["remedy"]) == ("", "sunspots", "")
    assert desk.call("GET", "/reasons?act=none", role="viewer").status == 422


def test_every_act_can_be_asked_for() -> None:
    assert set(get_args(ActWord)) == {act.value for act in Act}

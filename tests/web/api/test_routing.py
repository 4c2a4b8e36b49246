from __future__ import annotations

import pytest

from tests.web.desk import Desk

WAY = {"account": "bank", "source": "BANK", "destination": "243810000001"}


def test_routes_and_mo_rules_are_listed(desk: Desk) -> None:
    items = desk.call("GET", "/routes", role="viewer").body["items"]
    assert [(each["rule"], each["to"], each["via"]) for each in items] == [
        (0, ["2438"], ["keccel", "d7"]),
        (1, ["24399"], ["d7"]),
        (2, ["44"], ["d7"]),
    ]
    assert (items[1]["accounts"], items[2]["senders"]) == (["shop"], ["BANK*"])
    rules = desk.call("GET", "/mo/rules", role="viewer").body["items"]
    assert [(each["to"], each["keyword"]) for each in rules] == [("12345", "bal"), ("*", None)]


def test_a_route_is_explained(desk: Desk) -> None:
    desk.lanes.by_name["keccel"].is_low = True
    shown = desk.call("POST", "/routes/explain", role="viewer", body=WAY).body
    assert shown["hit"] == {"rule": 0, "to": "2438", "via": ["keccel", "d7"]}
    assert shown["destination"] == "2438*****001"
    keccel, d7 = shown["providers"]
    assert (keccel["state"], keccel["takes"], keccel["why"]) == ("credit_low", False, "credit_low")
    assert (d7["takes"], d7["why"], shown["first"]) == (True, None, "d7")
    assert [(each["rule"], each["why"]) for each in shown["missed"]] == [
        (1, "other_prefix"),
        (2, "other_prefix"),
    ]
    assert desk.noted == []


def test_a_message_without_a_route_is_explained(desk: Desk) -> None:
    body = WAY | {"destination": "+44 7700 900123", "source": "SHOP"}
    shown = desk.call("POST", "/routes/explain", body=body).body
    assert (shown["hit"], shown["providers"], shown["first"]) == (None, [], None)
    assert shown["missed"][0]["why"] == "other_sender"


def test_a_national_number_is_the_accounts(desk: Desk) -> None:
    body = WAY | {"destination": "0810000001"}
    assert desk.call("POST", "/routes/explain", body=body).body["hit"]["rule"] == 0


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"account": "none"}, 404),
        ({"destination": "abc"}, 422),
        ({"destination": "+0"}, 422),
        ({"destination": ""}, 422),
        ({"source": "x" * 21}, 422),
        ({"text": "x"}, 422),
    ],
)
def test_odd_ways(desk: Desk, more: dict[str, str], status: int) -> None:
    assert desk.call("POST", "/routes/explain", body=WAY | more).status == status

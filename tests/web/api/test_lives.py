"""Refused binds, the preview of a receipt, a balance that is asked for."""

from __future__ import annotations

import pytest

from smppbridge.smpp import codec
from smppbridge.smpp.pdus import DeliverSm
from smppbridge.web.api.live import RefusedFacts
from tests.store.opened import NOW
from tests.web.desk import Desk

BINDS = [
    RefusedFacts(NOW, "nobody", "10.0.0.9", "receiver", 0x0E, "unknown_system_id"),
    RefusedFacts(NOW - 1, "bank", "10.0.0.1", "transceiver", 0x0E, "wrong_password"),
    RefusedFacts(NOW - 2, "243810000001", "10.0.0.1", "transmitter", 0x0D, "binds"),
]


def test_refused_binds_are_those_of_all_and_of_nobody(desk: Desk) -> None:
    desk.live.binds = BINDS
    first, second, third = desk.call("GET", "/sessions/refused", role="viewer").body["items"]
    assert (first["system_id"], first["is_account"], first["reason"]) == (
        "nobody",
        False,
        "unknown_system_id",
    )
    assert (first["status"], first["says"]) == (
        "ESME_RINVPASWD",
        "No account has this system_id.",
    )
    assert (second["is_account"], second["at"]) == (True, "2027-01-15T07:59:59.000Z")
    assert third["system_id"] == "2438*****001"
    for query, wanted in (
        ("account=bank", [second]),
        ("account=nobody", [first]),
        ("address=10.0.0.1", [second, third]),
        ("account=none", []),
    ):
        assert desk.call("GET", f"/sessions/refused?{query}").body["items"] == wanted
    assert desk.call("GET", "/accounts/bank").body["refused_binds"] == [second]


@pytest.mark.parametrize(("version", "tagged"), [("3.3", False), ("3.4", True)])
def test_the_preview_is_the_receipt_itself(desk: Desk, version: str, tagged: bool) -> None:
    body = {"state": "UNDELIVERABLE", "interface_version": version}
    reply = desk.call("POST", "/accounts/bank/receipt-preview", role="viewer", body=body)
    assert reply.status == 200
    shown = reply.body
    pdu = codec.decode(bytes.fromhex(shown["octets_hex"]))
    assert isinstance(pdu, DeliverSm)
    assert pdu.short_message.decode() == shown["text"]
    assert "stat:UNDELIV" in shown["text"]
    names = {field["name"]: field["value"] for field in shown["fields"]}
    assert names["destination_addr"] == "BANK"
    assert ("receipted_message_id" in names) is tagged
    assert desk.noted == []


def test_the_preview_has_the_words_of_providers(desk: Desk) -> None:
    def words(state: str, account: str = "bank") -> list[tuple[str, str, str | None]]:
        path = f"/accounts/{account}/receipt-preview"
        found = desk.call("POST", path, body={"state": state}).body["reported_as"]
        return [(each["provider"], each["status"], each.get("err")) for each in found]

    assert ("keccel", "FAILED", "001") in words("UNDELIVERABLE")
    assert [word[1:] for word in words("DELIVERED") if word[0] == "keccel"] == [
        ("DELIVERED", "000"),
        ("READ", "000"),
    ]
    assert words("DELETED") == []


def test_other_terms_and_another_text_are_tried(desk: Desk) -> None:
    def shown(**body: object) -> str:
        reply = desk.call("POST", "/accounts/bank/receipt-preview", role="viewer", body=body)
        return str(reply.body["text"])

    assert "err:027" in shown(state="UNDELIVERABLE")
    assert "err:000" in shown(state="UNDELIVERABLE", error=0)
    assert "err:999" in shown(error=65_535)
    assert shown(message="h\u00e9 \U0001f600 *").endswith("text:h? ? *")
    assert shown(message="").endswith("text:none")
    assert shown(quotes=False).endswith("text:none")
    assert "done date:2701150800" in shown()
    assert "done date:2701151030" in shown(utc_offset="+02:30")
    assert "done date:2701142200" in shown(utc_offset="-10:00")
    assert desk.account.receipts.utc_offset == 0


@pytest.mark.parametrize(
    "body",
    [
        {"error": -1},
        {"error": 65_536},
        {"utc_offset": "2"},
        {"utc_offset": "+15:00"},
        {"message": "x" * 161},
        {"quotes": "perhaps"},
    ],
)
def test_odd_terms_are_refused(desk: Desk, body: object) -> None:
    assert desk.call("POST", "/accounts/bank/receipt-preview", body=body).status == 422


def test_no_preview_of_no_account_and_no_state(desk: Desk) -> None:
    assert desk.call("POST", "/accounts/none/receipt-preview", body={}).status == 404
    bad = desk.call("POST", "/accounts/bank/receipt-preview", body={"state": "LOST"})
    assert bad.status == 422
    assert desk.call("POST", "/accounts/bank/receipt-preview", body={}).body["pdu"] == "deliver_sm"


def test_a_balance_is_asked_for(desk: Desk) -> None:
    reply = desk.call("POST", "/providers/keccel/balance", role="operator")
    assert (reply.status, reply.body["amount"]) == (200, 12.5)
    assert desk.noted[-1][1:3] == ("ask_balance", "keccel")
    desk.live.no_balance = "no answer within 10 s"
    reply = desk.call("POST", "/providers/keccel/balance")
    assert reply.status in (409, 504)
    assert reply.body["detail"] == "no answer within 10 s"
    assert desk.call("POST", "/providers/none/balance").status == 404
    assert desk.call("POST", "/providers/keccel/balance", role="viewer").status == 403

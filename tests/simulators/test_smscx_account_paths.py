from __future__ import annotations

import pytest
from twisted.internet.testing import MemoryReactorClock

from smppbridge.simulators.smscx.books import RENTED
from smppbridge.simulators.smscx.simulator import SmsCxSimulator
from tests.simulators.smscx import RecordingPusher, SmsCxRequest

UUID = "7f8f1c5a-8a3e-4d0a-9a55-0a2c1a4b9d10"


@pytest.fixture
def clock():
    clock = MemoryReactorClock()
    clock.advance(1_767_322_800.0)  # 2026-01-02 03:00:00
    return clock


@pytest.fixture
def simulator(clock):
    simulator = SmsCxSimulator(clock, delay=2.0, rate=1000)
    simulator.pusher = RecordingPusher()
    return simulator


def get(simulator, path):
    return SmsCxRequest(simulator, "GET", path)


def post(simulator, path, **fields):
    return SmsCxRequest(simulator, "POST", path, fields)


def sent(simulator, *numbers):
    answer = post(simulator, "sms", to=list(numbers), **{"from": "ACME", "text": "Hello"})
    return [item["msgId"] for item in answer.json["data"]]


def test_the_balance_goes_down(simulator):
    before = get(simulator, "account/balance").json
    assert before == {"balance": 10_000.0, "currency": "eur", "billing": "prepaid"}
    sent(simulator, "+254722000001")
    assert get(simulator, "account/balance").json["balance"] == 9999.959


def test_an_estimate_costs_nothing_and_sends_nothing(simulator):
    wanted = {"to": ["+254722000001"], "from": "ACME", "text": "Hello"}
    answer = post(simulator, "sms/estimate", **wanted).json
    assert answer["info"]["totalCost"] == 0.041
    assert get(simulator, f"reports/single/{answer['data'][0]['msgId']}").status == 404
    assert simulator.books.credit == 10_000.0
    assert (simulator.requests, simulator.accepted) == (0, 0)


def test_channels_and_prices(simulator):
    assert get(simulator, "account/channels/status").json == {
        "sms": True,
        "viber": False,
        "whatsapp": False,
        "multichannel": False,
    }
    prices = get(simulator, "account/pricing/sms/transactional").json
    assert prices["KE"] == {"Safaricom": 0.041, "Airtel": 0.041}
    assert list(get(simulator, "account/pricing/sms/2way/fr").json) == ["FR"]


@pytest.mark.parametrize(
    ("path", "fault"),
    [
        ("account/pricing/fax/transactional", (400, "invalid_param", 1521)),
        ("account/pricing/sms/rush", (400, "invalid_param", 1522)),
        ("account/pricing/viber/2way", (403, "access_denied", 1523)),
        (f"applications/{UUID}", (404, "not_found", 1500)),
        (f"reports/single/{UUID}", (404, "not_found", 1160)),
        ("reports/single/7", (400, "invalid_param", 1165)),
        ("reports", (400, "invalid_param", 1820)),
        ("reports?start_date=x&end_date=y", (400, "invalid_param", 1821)),
        ("optouts?limit=x", (400, "invalid_param", 1828)),
        ("numbers/validate/7", (400, "invalid_param", 1207)),
        ("numbers/lookup/7", (400, "invalid_param", 1207)),
        (f"numbers/rent/{UUID}/inbound", (404, "not_found", 1270)),
    ],
)
def test_questions_that_are_wrong_have_their_codes(simulator, path, fault):
    sent(simulator, "+254722000001")
    assert get(simulator, path).fault == fault


def test_applications_and_scopes(simulator):
    (application,) = get(simulator, "applications").json["data"]
    found = get(simulator, f"applications/{application['applicationId']}").json["data"]
    assert "sms" in found["settings"]
    assert "reports" in get(simulator, "applications/scopes").json


def test_reports_are_filtered_and_paged_newest_first(simulator, clock):
    first, second = sent(simulator, "+254722000001", "+33612000090")
    clock.advance(2.0)
    (third,) = sent(simulator, "+254722000002")

    def found(query):
        return [item["msgId"] for item in get(simulator, f"reports?{query}").json["data"]]

    today = "start_date=2026-01-02&end_date=2026-01-02"
    assert found(today) == found("period=2026-01") == found("period=2026") == [third, second, first]
    assert found("period=2025") == found("start_date=2026-01-03&end_date=2026-01-04") == []
    assert found(f"{today}&delivery_report=failed") == [second]
    assert found(f"{today}&country_iso=FR") == [second]
    assert found(f"{today}&channel=viber") == found(f"{today}&short_response=true") == []
    page = get(simulator, f"reports?{today}&limit=2").json
    assert page["info"] == {"totalPhoneNumbers": 3, "totalCost": 0.123, "totalParts": 3}
    assert page["paging"] == {"next": "2", "previous": None, "size": 2}
    for limit, size in ((9999, 500), (-1, 1)):
        assert get(simulator, f"reports?{today}&limit={limit}").json["paging"]["size"] == size
    page = get(simulator, f"reports?{today}&limit=2&next=2").json
    assert [item["msgId"] for item in page["data"]] == [first]
    assert page["paging"] == {"next": None, "previous": "2", "size": 2}
    page = get(simulator, f"reports?{today}&limit=2&previous=2").json
    assert [item["msgId"] for item in page["data"]] == [third, second]


def test_a_report_says_when_it_came(simulator, clock):
    (msg_id,) = sent(simulator, "+254722000090")
    assert get(simulator, f"reports/single/{msg_id}").json["data"]["updatedAt"] is None
    clock.advance(2.0)
    report = get(simulator, f"reports/single/{msg_id}").json["data"]
    assert (report["status"], report["errorCode"]) == ("FAILED", 2001)
    assert (report["updatedAt"], report["source"]) == ("2026-01-02 03:00:02", "api")


def test_numbers_are_validated(simulator):
    data = get(simulator, "numbers/validate/%2B254722000001").json["data"]
    assert (data["phoneNumber"], data["countryIso"]) == ("+254722000001", "KE")
    numbers = ["7", "0722000001"]
    answer = post(simulator, "numbers/validate", phoneNumbers=numbers, countryIso="KE").json
    assert [item["invalid"] for item in answer["data"]] == [True, False]
    assert answer["info"] == {"totalPhoneNumbers": 2, "totalValid": 1, "totalInvalid": 1}
    for numbers, code in (([], 1203), ("+1", 1203), (["7"] * 40_001, 1208)):
        fault = post(simulator, "numbers/validate", phoneNumbers=numbers).fault
        assert fault == (400, "invalid_param", code)


def test_a_lookup_is_charged(simulator):
    data = get(simulator, "numbers/lookup/%2B254722000001").json["data"]
    assert (data["status"], data["cost"]) == ("ACTIVE", 0.005)
    assert simulator.books.credit == 9999.995
    simulator.books.credit = 0.0
    fault = get(simulator, "numbers/lookup/%2B254722000001").fault
    assert fault == (400, "insufficient_credit", 1113)


def test_what_phones_sent_is_fetched_newest_first(simulator):
    for text in ("one", "two"):
        simulator.receive("+254722000001", RENTED[1], text)
    simulator.receive("+254722000001", "+15550100", "to another")
    page = get(simulator, f"numbers/rent/{RENTED[0]}/inbound?limit=1").json
    assert [item["text"] for item in page["data"]] == ["two"]
    assert page["info"]["phoneNumber"] == RENTED[1]
    page = get(simulator, f"numbers/rent/{RENTED[0]}/inbound?next=1").json
    assert [item["text"] for item in page["data"]] == ["one"]


def test_opt_outs_come_and_go(simulator):
    numbers = ["+254722000001", "+254722000001", "+254722000002", "7"]
    refused = post(simulator, "optouts", phoneNumbers=numbers)
    assert refused.fault == (400, "invalid_param", 1210)
    info = post(simulator, "optouts", phoneNumbers=numbers, allowInvalid=True).json["info"]
    assert info == {
        "totalValid": 3,
        "totalInvalid": 1,
        "totalDuplicates": 1,
        "totalPhoneNumbers": 4,
        "invalid": ["7"],
    }
    again = post(simulator, "optouts", phoneNumbers=numbers[:1]).json["info"]
    assert (again["totalValid"], again["totalDuplicates"]) == (1, 1)
    page = get(simulator, "optouts").json
    assert page["info"]["total"] == 2
    first, second = page["data"]
    deleted = SmsCxRequest(simulator, "DELETE", f"optouts/{first['id']}").json["info"]
    assert deleted == {"id": str(first["id"]), "phoneNumber": "+254722000001"}
    assert SmsCxRequest(simulator, "DELETE", f"optouts/{first['id']}").fault[0] == 404
    assert get(simulator, "optouts").json["data"] == [second]


def test_who_opted_out_through_the_link_stays_out(simulator):
    simulator.opt_out("+254722000001")
    (entry,) = get(simulator, "optouts").json["data"]
    fault = SmsCxRequest(simulator, "DELETE", f"optouts/{entry['id']}").fault
    assert fault == (403, "access_denied", 1443)


def test_originators_come_and_go(simulator):
    info = post(simulator, "originators", originator="ACME").json["info"]
    assert get(simulator, "originators").json["data"] == [
        {
            "id": info["id"],
            "originator": "ACME",
            "isDefault": True,
            "approved": True,
            "createdAt": "2026-01-02 03:00:00",
        }
    ]
    for name, code in ((None, 1301), ("A", 1303), ("A" * 12, 1303), ("ACME", 1306)):
        assert post(simulator, "originators", originator=name).fault[2] == code
    path = f"originators/{info['id']}"
    assert SmsCxRequest(simulator, "DELETE", path).json["info"] == info
    assert SmsCxRequest(simulator, "DELETE", path).fault == (404, "not_found", 1300)

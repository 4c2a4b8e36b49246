from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smppbridge.model.outcome import Accepted, Outcome, Postponed, Refused, Uncertain
from smppbridge.providers.smscx.error_object import FAULTS
from smppbridge.smpp.constants import CommandStatus
from tests.providers.smscx import (
    FIRST,
    ID,
    KEY,
    NOW,
    OTHER,
    SECOND,
    SMSCX,
    TEXT,
    batch,
    fault,
    item,
    message,
    octets,
    submitted,
)


def test_outcomes_are_found_by_number_in_whatever_order():
    data = [item("+33612000002", msgId=OTHER), item()]
    assert batch({"info": {}, "data": data}) == [Accepted(ID), Accepted(OTHER)]


@pytest.mark.parametrize(
    "to", ["+254722000001", "254722000001", "00254722000001", "+254 722 000-001", 254722000001]
)
def test_a_number_may_be_written_differently_in_the_answer(to):
    assert batch({"data": [item(to)]}, FIRST) == [Accepted(ID)]


def test_a_national_number_is_found_by_its_country():
    smscx = replace(SMSCX, country_iso="KE")
    local = message("0722000001")
    assert batch({"data": [item()]}, local, SECOND, smscx=smscx)[0] == Accepted(ID)
    assert isinstance(batch({"data": [item(), item("+1")]}, local)[0], Uncertain)


@pytest.mark.parametrize("status", ["ACCEPTED", "SCHEDULED", "SENT", "DELIVERED", " accepted "])
def test_what_was_taken_is_accepted(status):
    assert submitted({"data": [item(status=status)]}) == Accepted(ID)
    assert submitted({"data": [item(status=status)]}, 202) == Accepted(ID)


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        ("REJECTED", Refused("REJECTED")),
        ("FAILED", Refused("FAILED")),
        (
            "NO COVERAGE",
            Refused("NO COVERAGE", CommandStatus.ESME_RINVDSTADR, provider_fault=True),
        ),
        (
            "no_coverage",
            Refused("NO COVERAGE", CommandStatus.ESME_RINVDSTADR, provider_fault=True),
        ),
    ],
)
def test_what_was_not_taken_of_a_batch_is_refused_alone(status, outcome):
    data = [item("+33612000002", status), item()]
    assert batch({"data": data}) == [Accepted(ID), outcome]


def test_an_invalid_number_is_refused_and_what_is_not_mentioned_is_uncertain():
    third = message("12025550101")
    answer = {"info": {"invalid": ["+33612000002"]}, "data": [item()]}
    accepted, invalid, nothing = batch(answer, FIRST, SECOND, third)
    assert accepted == Accepted(ID)
    assert invalid == Refused("invalid number", CommandStatus.ESME_RINVDSTADR)
    assert isinstance(nothing, Uncertain)


def test_what_was_taken_is_not_invalid_whatever_else_it_says():
    answer = {"info": {"invalid": ["+254722000001"]}, "data": [item()]}
    assert batch(answer, FIRST) == [Accepted(ID)]


def test_an_answer_without_number_is_not_about_a_number_that_is_none():
    odd = message("9" * 40)
    answer = {"data": [item(to=None), item()]}
    assert isinstance(batch(answer, odd, FIRST)[0], Uncertain)


def test_a_number_that_is_named_twice_was_taken_if_it_says_so_once():
    data = [item(status="REJECTED"), item(), item(msgId=OTHER)]
    assert batch({"data": data}, FIRST) == [Accepted(ID)]


def test_a_lone_answer_to_a_lone_number_need_not_repeat_it():
    lone = item()
    del lone["to"]
    assert submitted({"data": [lone]}) == Accepted(ID)
    assert submitted({"data": lone}) == Accepted(ID)
    assert isinstance(submitted({"data": [item("+33612000002")]}), Uncertain)
    assert all(isinstance(one, Uncertain) for one in batch({"data": [lone, lone]}))


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"null",
        b"[]",
        b"7",
        b"<html><body>OK</body></html>",
        b"[" * 50_000,
        b'{"data":' * 5_000,
        octets({"data": [item()]})[:-1],
        octets({"data": [item()]}).decode().encode("utf-16"),
        b" " * 10_000_000 + octets({"data": [item()]}),
        {},
        {"data": None},
        {"data": []},
        {"data": {}},
        {"data": "ACCEPTED"},
        {"data": [None, 7, [], "x", {}]},
        {"data": [item(to=None)]},
        {"data": [item(to=["+254722000001"])]},
        {"data": [item(to="+254722000001" * 10)]},
        {"data": [item(to=True)]},
        {"data": [item(status=None)]},
        {"data": [item(status=1)]},
        {"data": [item(status="QUEUED")]},
        {"data": [item(msgId=None)]},
        {"data": [item(msgId="")]},
        {"data": [item(msgId="x" * 65)]},
        {"data": [item(msgId="a\nb")]},
        {"data": [item(msgId={"id": ID})]},
        {"info": {"invalid": "+254722000001"}},
        {"info": {"invalid": [None, {}, ["+254722000001"]]}},
        {"info": [], "data": []},
        {"error": "invalid_api_key"},
        {"error": {}},
        {"error": {"code": "x", "type": 7, "message": []}},
        {"error": {"code": 9999, "type": "odd"}},
    ],
)
def test_what_makes_no_sense_is_uncertain(document):
    assert isinstance(submitted(document), Uncertain)


def test_nonsense_about_one_number_does_not_spoil_the_others():
    data = [None, item("+33612000002", status=["ACCEPTED"]), {"to": {}}, item()]
    accepted, odd = batch({"info": 7, "data": data})
    assert accepted == Accepted(ID)
    assert isinstance(odd, Uncertain)


def test_the_answer_to_a_full_batch_is_read():
    smscx = replace(SMSCX, batch=25_000)
    messages = [message(f"2547{number:08}") for number in range(25_000)]
    data = [item(f"+{one.number}", msgId=f"{ID}{at}") for at, one in enumerate(messages)]
    details = {"createdAt": "2026-01-02 03:04:05", "inQuietHours": False, "cost": 0.041}
    data = [{**one, **details, "countryIso": "KE", "from": "ACME", "parts": 1} for one in data]
    outcomes = batch({"data": data[::-1]}, *messages, smscx=smscx)
    assert outcomes == [Accepted(f"{ID}{at}") for at in range(25_000)]


# -- faults --------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [name for name in FAULTS if isinstance(name, int)])
def test_a_documented_code_says_whose_fault_it_is(code):
    words = f"invalid_param {code}: No"
    expected = Refused(f"HTTP 400 error {code}: refused", *FAULTS[code], words=words)
    assert batch(fault(code), status=400) == [expected] * 2
    assert batch(fault(str(code)), status=400) == [expected] * 2
    assert (
        batch(fault(code)) == [replace(expected, reason=expected.reason.replace("400", "200"))] * 2
    )


@pytest.mark.parametrize(
    ("code", "command_status", "provider_fault"),
    [
        (1104, CommandStatus.ESME_RINVDSTADR, False),
        (1207, CommandStatus.ESME_RINVDSTADR, False),
        (1210, CommandStatus.ESME_RINVDSTADR, False),
        (1119, CommandStatus.ESME_RINVDSTADR, True),
        (1105, CommandStatus.ESME_RINVSRCADR, False),
        (1106, CommandStatus.ESME_RINVSRCADR, False),
        (1107, CommandStatus.ESME_RINVMSGLEN, False),
        (1108, CommandStatus.ESME_RINVSCHED, False),
        (1116, CommandStatus.ESME_RINVSCHED, False),
        (1103, CommandStatus.ESME_RINVNUMDESTS, True),
        (1113, CommandStatus.ESME_RSUBMITFAIL, True),
        (1114, CommandStatus.ESME_RSUBMITFAIL, True),
        *(
            (code, CommandStatus.ESME_RSYSERR, True)
            for code in (1109, 1110, 1111, 1112, 1135, 1136)
        ),
        *((code, CommandStatus.ESME_RSYSERR, True) for code in (1137, 1503, 1101, 1102, 1140)),
    ],
)
def test_codes_have_the_command_status_of_what_they_mean(code, command_status, provider_fault):
    refused = submitted(fault(code), 400)
    assert (refused.command_status, refused.provider_fault) == (command_status, provider_fault)


@pytest.mark.parametrize(
    ("kind", "status", "command_status", "provider_fault"),
    [
        ("invalid_api_key", 401, CommandStatus.ESME_RSUBMITFAIL, True),
        ("invalid_client", 401, CommandStatus.ESME_RSUBMITFAIL, True),
        ("insufficient_scope", 403, CommandStatus.ESME_RSUBMITFAIL, True),
        ("insufficient_credit", 400, CommandStatus.ESME_RSUBMITFAIL, True),
        ("no_coverage", 403, CommandStatus.ESME_RINVDSTADR, True),
        ("not_found", 404, CommandStatus.ESME_RSUBMITFAIL, True),
        ("invalid_method", 405, CommandStatus.ESME_RSYSERR, True),
        ("invalid_body", 400, CommandStatus.ESME_RSYSERR, True),
        ("invalid_param", 400, CommandStatus.ESME_RSUBMITFAIL, False),
        ("odd", 400, CommandStatus.ESME_RSUBMITFAIL, False),
        ("odd", 401, CommandStatus.ESME_RSUBMITFAIL, True),
        ("odd", 403, CommandStatus.ESME_RSUBMITFAIL, True),
    ],
)
def test_an_unknown_code_goes_by_its_type_and_then_by_http(
    kind, status, command_status, provider_fault
):
    for code in (9999, None, "x", [], 10**30):
        refused = submitted(fault(code, kind), status)
        assert (refused.command_status, refused.provider_fault) == (command_status, provider_fault)


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (400, Refused("HTTP 400")),
        (401, Refused("HTTP 401", provider_fault=True)),
        (403, Refused("HTTP 403", provider_fault=True)),
        (404, Refused("HTTP 404")),
        (408, Uncertain("HTTP 408")),
        (301, Uncertain("HTTP 301")),
        (302, Uncertain("HTTP 302")),
        (500, Uncertain("HTTP 500")),
        (502, Uncertain("HTTP 502")),
        (503, Uncertain("HTTP 503")),
        (504, Uncertain("HTTP 504")),
        (0, Uncertain("HTTP 0")),
        (100, Uncertain("HTTP 100")),
    ],
)
def test_an_http_status_without_json_speaks_for_itself(status, outcome):
    for body in (b"", b"<html>", b"[]", b'{"error": 7}', b"[" * 50_000):
        assert batch(body, status=status) == [outcome] * 2


def test_a_fault_that_nobody_knows_is_told_in_its_own_words():
    assert submitted(fault(9999, "odd"), 400) == Refused("HTTP 400", words="odd 9999: No")
    assert submitted(fault(9999, "odd"), 408) == Uncertain("HTTP 408", "odd 9999: No")


def test_a_server_error_is_uncertain_whatever_it_says():
    for document in (fault(1699, "server_error"), fault(1210), {"data": [item()]}):
        assert isinstance(submitted(document, 500), Uncertain)


@pytest.mark.parametrize("kind", ["duplicate_id", "duplicate_value"])
def test_a_request_that_it_knows_already_may_have_been_heeded(kind):
    assert isinstance(submitted(fault(1111, kind), 400), Uncertain)


@pytest.mark.parametrize("place", ["both", "inside", "beside"])
def test_invalid_numbers_are_named_inside_the_error_or_beside_it(place):
    document = fault(1210, invalid=["+33612000002"])
    if place == "inside":
        del document["invalid"]
    if place == "beside":
        del document["error"]["invalid"]
    other, invalid = batch(document, status=400)
    assert isinstance(other, Postponed)
    assert not other.whole_lane
    assert (invalid.command_status, invalid.provider_fault) == (
        CommandStatus.ESME_RINVDSTADR,
        False,
    )


def test_only_invalid_numbers_are_told_apart():
    outcomes = batch(fault(1107, invalid=["+33612000002"]), status=400)
    assert [type(outcome) for outcome in outcomes] == [Refused, Refused]


@pytest.mark.parametrize("invalid", [[], ["+301"], None, "x", [7, {}, None]])
def test_invalid_numbers_that_are_not_named_refuse_all(invalid):
    outcomes = batch(fault(1210, invalid=invalid), status=400)
    assert [type(outcome) for outcome in outcomes] == [Refused, Refused]


@pytest.mark.parametrize(
    ("headers", "pause"),
    [
        ({"x-rate-limit-reset": str(int(NOW) + 30)}, 30.0),
        ({"x-rate-limit-reset": f" {int(NOW) + 30}.75 "}, 30.0),
        ({"x-rate-limit-reset": str(int(NOW) - 30)}, 1.0),
        ({"x-rate-limit-reset": "0"}, 1.0),
        ({"x-rate-limit-reset": "9" * 400}, 3600.0),
        ({"x-rate-limit-reset": "soon"}, None),
        ({"x-rate-limit-reset": "-1"}, None),
        ({"x-rate-limit-reset": "\u0661"}, None),
        ({"x-rate-limit-reset": ""}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "7", "x-rate-limit-reset": str(int(NOW) + 30)}, 30.0),
        ({}, None),
    ],
)
def test_a_rate_limit_holds_the_lane_until_its_reset(headers, pause):
    document = fault(1604, "rate_limit", "Slow down")
    reason, words = "HTTP 429: too many requests", "rate_limit 1604: Slow down"
    expected = [Postponed(reason, pause, whole_lane=True, words=words)] * 2
    assert batch(document, status=429, headers=headers) == expected
    assert batch(b"<html>", status=429, headers=headers)[0].after == pause
    assert batch(document, status=403, headers=headers)[0].after == pause


def test_errors_and_statuses_can_be_added_and_go_before_ours():
    smscx = replace(
        SMSCX,
        states={"queued": "enroute", "blocked": "rejected", "lost": "unknown"},
        errors={1234: "destination", 1107: "provider", "odd": "throttled"},
    )
    assert submitted({"data": [item(status="QUEUED")]}, smscx=smscx) == Accepted(ID)
    assert submitted({"data": [item(status="blocked")]}, smscx=smscx) == Refused("BLOCKED")
    assert isinstance(submitted({"data": [item(status="lost")]}, smscx=smscx), Uncertain)
    assert submitted(fault(1234), 400, smscx=smscx).command_status == CommandStatus.ESME_RINVDSTADR
    assert submitted(fault(1107), 400, smscx=smscx).provider_fault
    reason = "HTTP 400: too many requests"
    throttled = Postponed(reason, whole_lane=True, words="odd 9999: No")
    assert submitted(fault(9999, "odd"), 400, smscx=smscx) == throttled


NESTED = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["ACCEPTED", "REJECTED", ID, "+254722000001", "rate_limit", ""]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["data", "info", "error", "invalid", "to", "msgId", "status", "code", "type"]
            ),
            inner,
        )
    ),
    max_leaves=12,
)
ANSWERS = st.binary(max_size=60) | NESTED.map(lambda value: json.dumps(value).encode())


@given(ANSWERS, st.sampled_from([200, 202, 302, 400, 401, 403, 429, 500, 999]))
def test_whatever_comes_every_message_has_an_outcome(body, status):
    outcomes = batch(body, status=status)
    assert len(outcomes) == 2
    assert all(isinstance(outcome, Outcome) for outcome in outcomes)


def test_words_that_repeat_credentials_or_text_do_not_carry_them_on():
    where = "https://b/callbacks/it/secret-key"
    reported = replace(SMSCX, callback_url=where)
    assert "secret-key" not in submitted(fault(1109, words=where), 400, smscx=reported).words
    words = "no secret-key there"
    assert submitted(fault(0, words=words), 400, smscx=reported).words.endswith("no *** there")
    words = f"{KEY} for {TEXT}\x1b[2J" + "x" * 500
    for outcome in (
        submitted(fault(1105, words=words), 400),
        submitted(fault(0, words=words), 500),
    ):
        assert KEY not in outcome.words
        assert TEXT not in outcome.words
        assert outcome.words.isprintable()
        assert len(outcome.words) <= 120
    uncertain = submitted({"data": [item(status=f"odd {KEY}")]})
    assert uncertain == Uncertain("unknown status", "odd ***")

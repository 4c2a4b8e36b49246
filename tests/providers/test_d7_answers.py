from __future__ import annotations

import json
from dataclasses import replace
from time import process_time
from urllib.parse import quote_plus

import pytest

from smppbridge.model.outcome import Accepted, Postponed, Refused, Uncertain
from smppbridge.providers.d7.answers import FAULTS, failed_state
from smppbridge.smpp.constants import CommandStatus, MessageState
from tests.providers.d7 import ID, MESSAGE, PASSWORD, PLAIN, TEXT, message, submitted

SUBMITFAIL, SYSERR = CommandStatus.ESME_RSUBMITFAIL, CommandStatus.ESME_RSYSERR
DESTINATION, SOURCE = CommandStatus.ESME_RINVDSTADR, CommandStatus.ESME_RINVSRCADR
LENGTH, EXPIRY = CommandStatus.ESME_RINVMSGLEN, CommandStatus.ESME_RINVEXPIRY
PRIORITY, SCHEDULE = CommandStatus.ESME_RINVPRTFLG, CommandStatus.ESME_RINVSCHED


def relayed(words):
    """Return an error as the REST layer hands it on: the closing quote is lost."""
    return {"message": f'Error "{words}'}


@pytest.mark.parametrize(
    "data",
    [
        f'Success "{ID}',
        f'Success "{ID}"',
        f'"Success "{ID}""',
        f"Success {ID}",
        f' Success: "{ID}", thank you',
        f'Success "{ID}" and 00000000-0000-0000-0000-000000000000',
    ],
)
def test_the_first_uuid_after_success_is_the_id(data):
    assert submitted({"data": data}) == Accepted(ID)
    assert submitted({"data": data}, 202) == Accepted(ID)


def test_an_id_keeps_its_case():
    assert submitted({"data": f'Success "{ID.upper()}'}) == Accepted(ID.upper())


@pytest.mark.parametrize(
    ("status", "words", "command_status", "provider_fault"),
    [
        (400, "Mandatory arguments not found, please refer to ...", SYSERR, True),
        (400, "Mandatory argument [to] is not found.", DESTINATION, False),
        (400, "Argument [to] has an invalid value: [x].", DESTINATION, False),
        (400, "Argument to has an invalid value: x", DESTINATION, False),
        (400, "Argument [from] has an invalid value: [x].", SOURCE, False),
        (400, "Argument [sdt] has an invalid value: [x].", SCHEDULE, False),
        (400, "Argument [validity-period] has an invalid value: [x].", EXPIRY, False),
        (400, "Argument [priority] has an invalid value: [9].", PRIORITY, False),
        (400, "Argument [username] has an invalid value: [x].", SUBMITFAIL, True),
        (400, "Argument [dlr-url] has an invalid value: [x].", SYSERR, True),
        (400, "Argument [to] is unknown.", SYSERR, True),
        (400, "Argument [colour] is unknown.", SYSERR, True),
        (400, "content or hex-content not present.", LENGTH, False),
        (400, "content and hex-content cannot be used both in same request.", LENGTH, False),
        (400, "Invalid hex-content data: 'xy'", LENGTH, False),
        (400, "Authorization failed for user [u] (Cannot send MT messages).", SUBMITFAIL, True),
        (400, "Authorization failed for user [u] (Setting priority not ...).", SUBMITFAIL, True),
        (400, "Authorization failed for user [u] (Long content not authorized).", LENGTH, True),
        (400, "Authorization failed for user [u] (Setting source address not ...", SOURCE, True),
        (
            400,
            "Value filter failed for user [u] (destination_address filter ...",
            DESTINATION,
            True,
        ),
        (400, "Value filter failed for user [u] (source_address filter mismatch).", SOURCE, True),
        (400, "Value filter failed for user [u] (priority filter mismatch).", PRIORITY, True),
        (400, "Value filter failed for user [u] (validity_period filter ...).", EXPIRY, True),
        (400, "Value filter failed for user [u] (content filter mismatch).", SUBMITFAIL, True),
        (400, "Failed running interception script, ...", SYSERR, True),
        (403, "Authentication failure for username:u", SUBMITFAIL, True),
        (403, "Cannot charge submit_sm, check RouterPB log file for details", SUBMITFAIL, True),
        (412, "No route found", DESTINATION, True),
    ],
)
def test_a_refusal_says_whose_fault_it_is(status, words, command_status, provider_fault):
    for body in (relayed(words), {"message": words}, {"message": words.upper()}):
        refused = submitted(body, status)
        assert (refused.command_status, refused.provider_fault) == (command_status, provider_fault)
        assert refused.reason.startswith(f"HTTP {status}: ")


@pytest.mark.parametrize(
    ("status", "title", "command_status", "reason"),
    [
        (401, "Authentication required", SUBMITFAIL, "credentials refused"),
        (401, "Invalid token: Basic", SUBMITFAIL, "credentials refused"),
        (412, "Authentication failed", SUBMITFAIL, "credentials refused"),
        (412, "Cannot parse JSON data", SYSERR, "request refused"),
        (415, "Unsupported media type", SYSERR, "request refused"),
    ],
)
def test_the_rest_layer_has_titles(status, title, command_status, reason):
    outcome = submitted({"title": title, "description": "more"}, status)
    assert outcome == Refused(f"HTTP {status}: {reason}", command_status, True, title)


@pytest.mark.parametrize(
    "title", ["Cannot schedule batch in past date", "Cannot parse scheduled_at value"]
)
def test_a_schedule_that_is_none(title):
    assert submitted({"title": title}, 412).command_status == SCHEDULE


@pytest.mark.parametrize(
    ("status", "words", "whole_lane"),
    [
        (403, "User throughput exceeded", True),
        (412, "Failover route has no bound connectors", False),
        (500, "Cannot send submit_sm, check SMPPClientManagerPB log file for details", False),
        (503, "InterceptorPB not set !", False),
        (503, "InterceptorPB not connected !", False),
    ],
)
def test_what_may_be_asked_again(status, words, whole_lane):
    outcome = submitted(relayed(words), status)
    assert isinstance(outcome, Postponed)
    assert (outcome.after, outcome.whole_lane) == (None, whole_lane)


DOWN = (
    "Could not connect to Jasmin http api (http://127.0.0.1:1401): HTTPConnectionPool(host="
    "'127.0.0.1', port=1401): Max retries exceeded with url: /send?content=x&password=y (Caused by"
    " NewConnectionError(\"HTTPConnection(host='127.0.0.1', port=1401): Failed to establish a new"
    ' connection: [Errno 111] Connection refused"))'
)


def test_a_message_that_found_no_inner_api_was_not_taken():
    title = "Jasmin httpapi connection error"
    outcome = submitted({"title": title, "description": DOWN}, 500)
    reason = "HTTP 500: no connection to the inner API"
    assert outcome == Postponed(reason, words=title)
    reset = DOWN.replace("Failed to establish a new connection", "Connection reset by peer")
    assert isinstance(submitted({"title": title, "description": reset}, 500), Uncertain)
    # a text in the URL that is quoted has no blanks
    quoted = quote_plus("Failed to establish a new connection")
    said = reset.replace("content=x", f"content={quoted}")
    assert isinstance(submitted({"title": title, "description": said}, 500), Uncertain)


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
def test_a_status_of_a_proxy_proves_nothing_and_jasmins_own_words_do(status):
    for body in (b"<html>", b"", {"message": "Backend fetch failed"}, {"title": "Timeout"}):
        assert isinstance(submitted(body, status), Uncertain)
    for words in ("InterceptorPB not set !", "Cannot send submit_sm, check ..."):
        assert isinstance(submitted(relayed(words), status), Postponed)


def test_no_fragment_hides_one_that_comes_after_it():
    for place, fragment in enumerate(FAULTS):
        earlier = list(FAULTS)[:place]
        assert not any(other in fragment for other in earlier)


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (429, Postponed("HTTP 429", None, True)),
        (503, Uncertain("HTTP 503")),
        (408, Uncertain("HTTP 408")),
        (500, Uncertain("HTTP 500")),
        (502, Uncertain("HTTP 502")),
        (302, Uncertain("HTTP 302")),
        (307, Uncertain("HTTP 307")),
        (401, Refused("HTTP 401", provider_fault=True)),
        (403, Refused("HTTP 403", provider_fault=True)),
        (400, Refused("HTTP 400")),
        (404, Refused("HTTP 404")),
    ],
)
def test_without_words_the_http_status_decides(status, outcome):
    for body in (b"<html>", b"", b"[]", {"message": 7}, {"data": {}}, {"detail": "x"}):
        assert submitted(body, status) == outcome


def test_a_status_that_says_to_wait_goes_before_the_words():
    assert isinstance(submitted(relayed("No route found"), 429), Postponed)


def test_unknown_words_of_a_refusal_are_kept_beside_the_reason():
    words = 'Error "Weekend'
    assert submitted(relayed("Weekend"), 400) == Refused("HTTP 400", words=words)
    assert submitted(relayed("Weekend"), 500) == Uncertain("HTTP 500", words=words)


@pytest.mark.parametrize(
    ("status", "kind", "fact"),
    [
        (429, Postponed, True),
        (503, Postponed, True),
        (408, Postponed, False),
        (500, Postponed, False),
        (400, Refused, False),
        (403, Refused, True),
    ],
)
def test_an_interceptor_errs_before_the_message_is_sent_whatever_its_number(status, kind, fact):
    outcome = submitted(relayed(f"Interception specific error code {status}"), status)
    assert isinstance(outcome, kind)
    assert fact == (
        outcome.whole_lane if isinstance(outcome, Postponed) else outcome.provider_fault
    )


@pytest.mark.parametrize(
    "words",
    [
        "Unknown error: No route found",
        "Unknown error: authentication failure",
        "500 Internal Server Error",
        "Jasmin httpapi connection error",
        "Jasmin httpapi unknown error",
    ],
)
def test_what_jasmin_did_not_expect_itself_is_uncertain(words):
    uncertain = Uncertain("HTTP 500", words=words)
    assert submitted({"message": words}, 500) == uncertain
    assert submitted({"title": words, "description": "No route found"}, 500) == uncertain


@pytest.mark.parametrize(
    ("on_5xx", "outcome"),
    [
        ("uncertain", Uncertain("HTTP 500")),
        ("retry", Postponed("HTTP 500")),
        ("fail", Refused("HTTP 500", SYSERR)),
    ],
)
def test_what_a_server_error_means_can_be_set(on_5xx, outcome):
    assert submitted(b"", 500, replace(PLAIN, on_5xx=on_5xx)) == outcome


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"null",
        b"7",
        b"<html>Success",
        f'Success "{ID}"'.encode(),
        json.dumps({"data": f'Success "{ID}'}).encode()[:-1],
        json.dumps({"data": f'Success "{ID}'}).encode("utf-16"),
        b"[" * 50_000,
        b" " * 10_000_000 + b"{}",
        {},
        {"data": None},
        {"data": ID},
        {"data": "Success"},
        {"data": 'Success "123456"'},
        {"data": f'Success "{ID}0"'},
        {"data": f'No Success "{ID}"'},
        {"data": f'Unsuccessful "{ID}"'},
        {"data": [f'Success "{ID}"']},
        {"message": f'Success "{ID}"'},
        {"status": "Success", "id": ID},
    ],
)
def test_what_makes_no_sense_is_uncertain(document):
    assert isinstance(submitted(document), Uncertain)


def test_a_200_can_hold_a_refusal():
    for body in (relayed("No route found"), {"data": 'Error "No route found'}):
        assert submitted(body).command_status == DESTINATION
    assert isinstance(submitted(relayed("Whatever")), Uncertain)


def test_errors_of_the_settings_go_first():
    d7 = replace(PLAIN, errors={"No Route": "throttled", "weekend": "provider"})
    assert submitted(relayed("No route found"), 412, d7).whole_lane
    assert submitted(relayed("Weekend"), 400, d7).provider_fault


INNER = (
    "Could not connect to Jasmin http api (http://127.0.0.1:1401): HTTPConnectionPool(host="
    "'127.0.0.1', port=1401): Max retries exceeded with url: /send?to=1&content="
    f"{quote_plus(TEXT)}&username=acme&password={quote_plus(PASSWORD)} (Caused by x)"
)


@pytest.mark.parametrize("status", [200, 400, 403, 412, 500, 503])
@pytest.mark.parametrize(
    "body",
    [
        {"title": "Jasmin httpapi connection error", "description": INNER},
        {"message": INNER},
        {"title": INNER},
        {"data": INNER},
        relayed(f"No route found {INNER}"),
        {"title": f"Invalid token: {dict(PLAIN._headers)['Authorization']}"},
        relayed(f"Argument [content] has an invalid value: [{TEXT}]."),
        relayed(f"Argument [password] has an invalid value: [{PASSWORD}]."),
        relayed(f"Invalid hex-content data: b'{TEXT.encode('utf-16-be').hex()}'"),
    ],
)
def test_no_reason_holds_credentials_or_text(body, status):
    outcome = submitted(body, status)
    reason = f"{outcome.reason} {outcome.words}"
    token = dict(PLAIN._headers)["Authorization"].removeprefix("Basic ")
    secrets = (PASSWORD, quote_plus(PASSWORD), "acme", token, TEXT, quote_plus(TEXT), "1401")
    assert not [secret for secret in secrets if secret in reason]
    assert TEXT.encode("utf-16-be").hex() not in reason
    assert reason.isprintable()
    assert len(reason) <= 180


def test_octets_do_not_come_back_in_a_reason():
    binary = message(text="", binary=b"\xca\xfe\xba\xbe", data_coding=4)
    outcome = submitted(relayed("Invalid hex-content data: 'cafebabe'"), 400, about=binary)
    assert outcome.reason == "HTTP 400: content refused"
    assert outcome.words == "Error \"Invalid hex-content data: '***'"
    assert MESSAGE.binary is None


@pytest.mark.parametrize(
    ("words", "state"),
    [
        ('HTTPAPI error: Error "No route found', MessageState.REJECTED),
        ('HTTPAPI error: Error "Argument [to] has an invalid value: [x].', MessageState.REJECTED),
        ("anything else", MessageState.REJECTED),
        (None, MessageState.REJECTED),
        ('HTTPAPI error: Error "User throughput exceeded', MessageState.UNDELIVERABLE),
        ('HTTPAPI error: Error "Cannot send submit_sm, ...', MessageState.UNDELIVERABLE),
        ('HTTPAPI error: Error "Cannot charge submit_sm, ...', MessageState.UNDELIVERABLE),
        ('HTTPAPI error: Error "Authentication failure for ...', MessageState.UNDELIVERABLE),
        ('HTTPAPI error: Error "Argument [x] is unknown.', MessageState.UNDELIVERABLE),
        (f"HTTPAPI Connection error: {INNER}", MessageState.UNDELIVERABLE),
        ("Unknown error: No route found", MessageState.UNDELIVERABLE),
    ],
)
def test_what_failed_in_a_batch_was_rejected_unless_asking_again_might_help(words, state):
    assert failed_state(words, ()) == state
    assert failed_state(words, (("error", "message"),)) == (
        MessageState.REJECTED if "rror" in str(words) else state
    )


def test_a_long_run_of_letters_does_not_keep_the_bridge_busy():
    """Every octet of a peer's words is looked at a few times at most: this took 12 seconds."""
    begun = process_time()
    for words in ("a" * 60_000, "url" * 20_000, "?" * 30_000 + "a" * 30_000):
        submitted({"message": words}, 400)
        failed_state(words, ())
    assert process_time() - begun < 2

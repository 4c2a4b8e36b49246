"""The outcome of an answer to sendtext, at either API."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smppbridge.model.outcome import Accepted, Outcome, Postponed, Refused, Uncertain
from smppbridge.providers.exchange import NoAnswer, NotSent
from smppbridge.smpp.constants import CommandStatus
from tests.providers.mspace import (
    ANSWERS,
    EVERY,
    GET,
    JSON,
    LEGACY,
    MESSAGE,
    NUMBER,
    QUOTED_SECRET,
    QUOTED_TEXT,
    SECRET,
    TEXT,
    XML,
    carried,
    everyone,
    nonsense,
    submitted,
)

SENT = {
    "messageId": "49032401",
    "recipient": NUMBER,
    "status": 111,
    "statusDescription": "Message sent successfully",
}
PROVIDER = (CommandStatus.ESME_RSUBMITFAIL, True)
SOURCE = (CommandStatus.ESME_RINVSRCADR, False)
DESTINATION = (CommandStatus.ESME_RINVDSTADR, False)
LENGTH = (CommandStatus.ESME_RINVMSGLEN, False)
UNSAID = (CommandStatus.ESME_RSUBMITFAIL, False)


def envelope(*entries):
    return {"message": list(entries)}


def entry(**changed):
    return envelope({**SENT, **changed})


@everyone
@pytest.mark.parametrize(
    "document",
    [
        envelope(SENT),
        [
            {
                "messageId": "49032401",
                "responseTime": "2026-06-25 11:12:19:793",
                "status": "successful",
            }
        ],
        {"messageId": 49032401, "status": "111"},
        entry(recipient="0722000001"),
        entry(recipient="2547****0001"),
        entry(statusDescription=None),
        entry(statusDescription=7),
        {"code": 200, **entry()},
        b"<response><message><messageId>49032401</messageId><status>111</status></message></response>",
        b'\xef\xbb\xbf{"message": [{"messageId": "49032401", "status": 111, "x": "\xff"}]}',
    ],
    ids=range(10),
)
def test_a_message_that_was_taken_is_accepted(provider, document):
    assert submitted(provider, document) == Accepted("49032401")


def test_what_counts_as_taken_can_be_set():
    strange = replace(JSON, accepted=(200, "ok"))
    assert submitted(strange, entry(status="200")) == Accepted("49032401")
    assert submitted(strange, entry(status="OK ")) == Accepted("49032401")
    assert not isinstance(submitted(strange, entry()), Accepted)


@everyone
@pytest.mark.parametrize("identifier", [None, "", " ", "x" * 65, "a\nb", "a\ud800", True, 1.5, [1]])
def test_what_was_taken_without_an_id_is_uncertain(provider, identifier):
    assert isinstance(submitted(provider, entry(messageId=identifier)), Uncertain)


@everyone
@pytest.mark.parametrize(
    ("words", "reason", "fate"),
    [
        ("Error 100: Authentication Failure", "credentials refused", PROVIDER),
        ("Athentication failure", "account refused", PROVIDER),
        ("Error 101: Insufficient Balance", "no credit", PROVIDER),
        ("You are not Authorized to make this transaction", "credentials refused", PROVIDER),
        ("Invalid API key", "credentials refused", PROVIDER),
        ("Invalid username", "credentials refused", PROVIDER),
        ("Error 102: Invalid sender ID", "source refused", SOURCE),
        ("Invalid recipient", "destination refused", DESTINATION),
        ("recipient is required", "destination refused", DESTINATION),
        ("Message too long", "text refused as too long", LENGTH),
    ],
)
def test_words_say_whose_fault_a_refusal_is(provider, words, reason, fate):
    refused = replace(Refused(reason, *fate), words=words)
    assert submitted(provider, words.encode()) == refused
    assert submitted(provider, words) == refused
    assert submitted(provider, {"error": words.upper()}) == replace(refused, words=words.upper())
    assert submitted(provider, entry(status=999, statusDescription=words)) == refused
    assert submitted(provider, entry(status=None, statusDescription=words)) == refused
    assert submitted(provider, [{"status": words}]) == refused
    explained = replace(refused, reason=f"HTTP 400: {reason}")
    assert submitted(provider, {"error": words, "status": 400}, 400) == explained
    assert submitted(provider, words.encode(), 400) == explained


@everyone
def test_an_entry_with_another_number_is_refused_and_one_with_other_words_is_not(provider):
    for status in (112, "112", -1, 0):
        for words in (None, "No idea", "Message failed"):
            outcome = submitted(provider, entry(status=status, statusDescription=words))
            assert outcome == Refused("message refused", *UNSAID, words=words or str(status))
    refused = Refused("message refused", words="FAILED")
    assert submitted(provider, entry(status="FAILED", statusDescription="")) == refused
    for status in ("queued", "odd", None, True, [111], {}, 111.0, 10**30):
        assert isinstance(submitted(provider, entry(status=status)), Uncertain)


@everyone
@pytest.mark.parametrize("words", ["Message sent", "Success", "Submitted", "Pending", "Accepted"])
def test_a_number_and_words_that_contradict_each_other_are_uncertain(provider, words):
    assert isinstance(submitted(provider, entry(status=200, statusDescription=words)), Uncertain)


@everyone
def test_an_error_in_our_own_text_is_not_theirs(provider):
    text = "Authentication failed at your branch: insufficient papers. Internal ref 12"
    told = {"text": text}
    for words in (text, f"Queued: {text}", text[:60]):
        document = entry(status="QUEUED", statusDescription=words)
        assert isinstance(submitted(provider, document, **told), Uncertain)
        assert isinstance(submitted(provider, {"message": words}, **told), Uncertain)
    document = entry(status="QUEUED", statusDescription=f"Insufficient credit for: {text}")
    assert isinstance(submitted(provider, document, **told), Refused)


@everyone
def test_an_internal_error_may_have_been_heeded(provider):
    for words in ("internal service error", "Error 103: Internal service error"):
        documents = (words.encode(), entry(status=115, statusDescription=words), {"error": words})
        for document in documents:
            assert submitted(provider, document) == Uncertain("HTTP 500")
            retried = replace(provider, on_5xx="retry")
            assert submitted(retried, document) == Postponed("HTTP 500")
            failed = replace(provider, on_5xx="fail")
            assert submitted(failed, document) == Refused("HTTP 500", CommandStatus.ESME_RSYSERR)


@everyone
@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (302, Uncertain("HTTP 302")),
        (308, Uncertain("HTTP 308")),
        (400, Refused("HTTP 400")),
        (401, Refused("HTTP 401", provider_fault=True)),
        (402, Refused("HTTP 402", provider_fault=True)),
        (403, Refused("HTTP 403", provider_fault=True)),
        (404, Refused("HTTP 404")),
        (408, Postponed("HTTP 408", 7.0)),
        (429, Postponed("HTTP 429", 7.0, True)),
        (500, Uncertain("HTTP 500")),
        (503, Postponed("HTTP 503", 7.0, True)),
        (505, Uncertain("HTTP 505")),
    ],
)
def test_an_http_status_other_than_2xx_goes_before_the_body(provider, status, outcome):
    for body in (b"", b"<html>", envelope({**SENT, "statusDescription": ""})):
        assert submitted(provider, body, status, {"retry-after": "7"}) == outcome


@everyone
def test_a_4xx_shows_what_its_body_says(provider):
    assert submitted(provider, b"No idea", 400) == Refused("HTTP 400", words="No idea")
    refused = Refused("HTTP 401", provider_fault=True, words="No")
    assert submitted(provider, {"error": "No"}, 401) == refused


@everyone
@nonsense
def test_nonsense_is_uncertain(provider, body):
    assert isinstance(submitted(provider, body), Uncertain)


@everyone
def test_an_answer_of_several_entries_about_one_message(provider):
    failed = {**SENT, "status": 114, "statusDescription": "Invalid recipient"}
    stranger = {**failed, "recipient": "254799999999"}
    assert submitted(provider, envelope(stranger, SENT)) == Accepted("49032401")
    assert submitted(provider, envelope(SENT, SENT)) == Accepted("49032401")
    contradiction = Uncertain("the answer contradicts itself")
    assert submitted(provider, envelope(SENT, failed)) == contradiction
    unmentioned = Uncertain("the answer does not mention it")
    assert submitted(provider, envelope(stranger, stranger)) == unmentioned


@given(ANSWERS, st.integers(0, 999))
def test_whatever_comes_a_submission_is_concluded(body, status):
    for provider in EVERY:
        assert isinstance(submitted(provider, body, status), Outcome)


@everyone
@pytest.mark.parametrize("fault", [NotSent("refused"), NoAnswer("silence")])
def test_a_request_that_failed_is_left_to_the_driver(provider, fault):
    exchange = provider.submit(MESSAGE)
    next(exchange)
    with pytest.raises(type(fault)):
        exchange.throw(fault)


@everyone
def test_reasons_hold_neither_credentials_nor_text_however_they_are_written(provider):
    page = f"/sendtext/{QUOTED_SECRET}/{QUOTED_TEXT} {SECRET} {TEXT}\x1b"
    for words, status in ((f"Invalid recipient {page}", 200), (f"Not Authorized {page}", 404)):
        outcome = submitted(provider, words.encode(), status)
        assert outcome.words.endswith("/sendtext/***/***+?")  # a plus sign is like a blank
        assert "sendtext" not in outcome.reason
    odd = submitted(provider, entry(status=f"odd {page}", statusDescription=page))
    assert isinstance(odd, Uncertain)
    assert not any(word in odd.words for word in (SECRET, TEXT, QUOTED_SECRET, QUOTED_TEXT))
    assert odd.reason == "unknown status"
    long = submitted(provider, ("Invalid recipient " + "x" * 250).encode())
    assert len(long.words) <= 120


@everyone
def test_what_may_be_shown_holds_neither_credentials_nor_text(provider):
    request = next(provider.submit(MESSAGE))
    for shown in (repr(provider), repr(request), repr(next(provider.balance()))):
        for secret in (SECRET, QUOTED_SECRET, TEXT, QUOTED_TEXT):
            assert secret not in shown


@pytest.mark.parametrize("provider", [LEGACY, GET], ids=["legacy", "get"])
def test_a_text_that_makes_the_path_too_long_is_refused_before_it_leaves(provider):
    bound = len(next(provider.submit(MESSAGE)).url)
    tight = replace(provider, max_url=max(bound, 512))
    room = tight.max_url - bound
    assert next(tight.submit(replace(MESSAGE, text=TEXT + "x" * room)))
    with pytest.raises(StopIteration) as end:
        next(tight.submit(replace(MESSAGE, text=TEXT + "x" * (room + 1))))
    outcome = end.value.value
    # another provider, which takes it in a body, might
    assert (outcome.command_status, outcome.provider_fault) == (
        CommandStatus.ESME_RINVMSGLEN,
        True,
    )


@pytest.mark.parametrize("provider", [JSON, XML], ids=["json", "xml"])
def test_a_body_has_no_such_bound(provider):
    tight = replace(provider, max_url=512)
    assert carried(tight.submit(replace(MESSAGE, text="x" * 5_000)), envelope(SENT))


def test_requests_of_a_kind_share_one_tuple_of_headers():
    for provider in EVERY:
        assert next(provider.submit(MESSAGE)).headers is next(provider.submit(MESSAGE)).headers


@everyone
@pytest.mark.parametrize(
    "settings",
    [
        {"username": ""},
        {"base_url": "mspace.test"},
        {"on_5xx": "maybe"},
        {"errors": {"spam": "nobody"}},
        {"accepted": ()},
        {"max_url": 100},
        {"max_url": 10**6},
    ],
)
def test_settings_that_make_no_sense_are_refused(provider, settings):
    with pytest.raises(ValueError) as fault:
        replace(provider, **settings)
    assert SECRET not in str(fault.value)


@everyone
def test_errors_can_be_added_and_go_before_ours(provider):
    own = replace(provider, errors={"Quota": "provider", "recipient": "message"})
    refused = Refused("no credit", provider_fault=True, words="quota used up")
    assert submitted(own, b"quota used up") == refused
    refused = Refused("message refused", words="Invalid recipient")
    assert submitted(own, b"Invalid recipient") == refused
    slow = replace(provider, errors={"slow down": "throttled"})
    throttled = Postponed("too many requests", whole_lane=True, words="Slow down")
    assert submitted(slow, b"Slow down") == throttled


@everyone
def test_equal_settings_make_equal_and_hashable_providers(provider):
    assert replace(provider) == provider
    assert hash(replace(provider)) == hash(provider)
    assert replace(provider, username="x") != provider

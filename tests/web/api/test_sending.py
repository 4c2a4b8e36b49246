"""Messages sent through the API, or only foreseen."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from hashlib import sha256
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.testing import StringTransport

from smppbridge.model.message import Message
from smppbridge.model.reasons import Reason
from smppbridge.relay.accept.fields import Refusal
from smppbridge.relay.others import FarAnswers
from smppbridge.smpp.constants import CommandStatus
from smppbridge.store import keys
from smppbridge.store.port import Entry
from smppbridge.web.api.sending import Submission
from smppbridge.web.idempotency import UNDER_WAY
from tests.store.opened import NOW, Opened, accept, first_attempt
from tests.web.desk import Desk, Reply

BODY = {"account": "bank", "source": "BANK", "destination": "243810000001", "text": "Bonjour"}
SLOTTED = 10**17  # a message_id of slot 0
KEY = {"Idempotency-Key": "k-1"}


def sent(desk: Desk, headers: dict[str, str] | None = None, **more: Any) -> Reply:
    role = more.pop("role", "operator")
    return desk.call("POST", "/messages", role=role, body=BODY | more, headers=headers)


def test_a_dry_run_says_what_would_become_of_it(desk: Desk) -> None:
    shown = sent(desk, dry_run=True, text="Voilà – c’est 4711").body
    assert (shown["message_id"], shown["would_send"], shown["refusal"]) == (None, True, None)
    assert (shown["alphabet"], shown["segments"], shown["characters"]) == ("ucs2", 1, 18)
    assert shown["culprits"] == [
        {"character": "–", "positions": [7], "instead": "-"},
        {"character": "’", "positions": [10], "instead": "'"},
    ]
    assert shown["transliterated_segments"] == 1
    assert shown["route"] == {"rule": 0, "to": "2438", "via": ["keccel", "d7"]}
    assert [(each["name"], each["takes"]) for each in shown["providers"]] == [
        ("keccel", True),
        ("d7", True),
    ]
    assert (shown["provider"], shown["source_as_sent"]) == ("keccel", "BANK")
    assert shown["why"][0] == "routes[0] is for numbers that begin with 2438: by keccel, d7."
    assert (desk.played.compose.taken, desk.noted) == ([], [])
    assert "243810000001" not in str(shown)


def test_a_provider_that_is_shut_is_passed_over(desk: Desk) -> None:
    desk.lanes.hold("keccel", held=True)
    shown = sent(desk, dry_run=True).body
    first, second = shown["providers"]
    assert (first["takes"], first["state"], second["takes"]) == (False, "held", True)
    assert first["why"]
    assert first["says"]
    assert shown["provider"] == "d7"
    assert shown["why"][1].startswith("keccel is passed over: ")


@pytest.mark.parametrize(
    ("more", "reason", "status"),
    [
        ({"destination": "33123456789"}, "no_route", "ESME_RINVDSTADR"),
        ({"destination": "abc"}, "bad_number", "ESME_RINVDSTADR"),
        ({"source": "a" * 12}, "bad_source", "ESME_RINVSRCADR"),
        ({"source": "é"}, "bad_source", "ESME_RINVSRCADR"),
        ({"text": "x" * 39_999}, "too_long", "ESME_RINVMSGLEN"),
    ],
)
def test_a_message_that_is_not_wanted_says_why(
    desk: Desk, more: dict[str, Any], reason: str, status: str
) -> None:
    shown = sent(desk, dry_run=True, **more)
    assert shown.status == 200
    assert shown.body["would_send"] is False
    assert (shown.body["refusal"]["reason"], shown.body["refusal"]["status"]) == (reason, status)
    refused = sent(desk, **more)
    assert (refused.status, refused.body["reason"]) == (422, reason)
    assert refused.body["type"] == "urn:smppbridge:problem:invalid"
    assert desk.played.compose.taken == []


@pytest.mark.parametrize(
    ("reason", "status"),
    [(Reason.THROTTLED, 429), (Reason.BACKLOG_FULL, 503), (Reason.STORE_FAILED, 503)],
)
def test_what_may_come_again_says_so_by_its_status(desk: Desk, reason: Reason, status: int) -> None:
    desk.played.compose.refusal = Refusal(CommandStatus.ESME_RSYSERR, reason)
    reply = sent(desk)
    assert (reply.status, reply.body["reason"]) == (status, reason.value)
    assert ("retry-after" in reply.headers) is (status == 429)


def test_a_message_is_sent_and_written_down_without_its_text(desk: Desk) -> None:
    reply = sent(desk, registered_delivery=1, validity=600)
    assert (reply.status, reply.body["message_id"]) == (200, "5001")
    ((message_id, composed),) = desk.played.compose.taken
    assert (message_id, composed.text, composed.validity) == (5001, "Bonjour", 600)
    assert composed.registered_delivery == 1
    ((actor, action, about, facts),) = desk.noted
    assert (actor, action, about) == ("operator", "send_message", "5001")
    assert facts["destination"] == "2438*****001"
    assert "Bonjour" not in str(facts)


@pytest.mark.parametrize(
    "more",
    [
        {"account": ""},
        {"text": ""},
        {"text": "x" * 40_001},
        {"source": ""},
        {"destination": "1" * 21},
        {"registered_delivery": 4},
        {"validity": 0},
        {"validity": 0.5},
        {"more": 1},
    ],
)
def test_odd_messages_are_refused(desk: Desk, more: dict[str, Any]) -> None:
    assert sent(desk, **more).status == 422
    assert desk.played.compose.taken == []


def test_an_unknown_account_is_404(desk: Desk) -> None:
    assert sent(desk, account="none").status == 404
    assert sent(desk, account="none", dry_run=True).status == 404


def test_nothing_is_sent_that_cannot_be_written_down(desk: Desk) -> None:
    desk.failing = True
    assert sent(desk).status == 503
    assert sent(desk, KEY).status == 503
    assert desk.played.compose.taken == []


# -- the same request again -------------------------------------------------------------------


@pytest.fixture
def writing(desk: Desk, opened: Opened) -> Desk:
    """Messages that are sent are in the store."""

    def written(message: Message) -> None:
        accept(opened, [message])

    desk.played.compose.written = written
    return desk


def test_one_key_sends_one_message(writing: Desk) -> None:
    first, second = sent(writing, KEY), sent(writing, KEY)
    assert (first.body["message_id"], first.body["replayed"]) == ("5001", False)
    assert (second.body["message_id"], second.body["replayed"]) == ("5001", True)
    assert len(writing.played.compose.taken) == 1
    third = sent(writing, {"Idempotency-Key": "k-2"})
    assert (third.body["replayed"], third.body["message_id"]) == (False, "5003")
    assert len(writing.noted) == 2


def test_a_key_is_its_owners(writing: Desk) -> None:
    sent(writing, KEY)
    assert sent(writing, KEY, role="admin").body["replayed"] is False


def test_a_key_with_another_request_is_refused(writing: Desk) -> None:
    sent(writing, KEY)
    reply = sent(writing, KEY, text="Bonsoir")
    assert (reply.status, "Idempotency-Key" in reply.body["detail"]) == (422, True)
    assert len(writing.played.compose.taken) == 1


def test_a_refused_message_has_not_used_its_key(writing: Desk) -> None:
    compose = writing.played.compose
    compose.refusal = Refusal(CommandStatus.ESME_RTHROTTLED, Reason.THROTTLED)
    assert sent(writing, KEY).status == 429
    compose.refusal = None
    assert sent(writing, KEY).body["replayed"] is False
    assert len(compose.taken) == 1


def test_a_key_is_forgotten_after_its_time(writing: Desk) -> None:
    sent(writing, KEY)
    writing.played.wall += 3_599.0
    assert sent(writing, KEY).body["replayed"] is True
    writing.played.wall += 2.0
    assert sent(writing, KEY).body["replayed"] is False


@pytest.mark.parametrize("key", ["", "x" * 65, "a b"])
def test_odd_keys(writing: Desk, key: str) -> None:
    reply = sent(writing, {"Idempotency-Key": key})
    assert reply.status == (200 if not key else 422)


def begun(desk: Desk, body: bytes) -> StringTransport:
    """Send a request whose answer is still to come."""
    connection: Any = desk.site().buildProtocol(None)
    connection.host = "127.0.0.1"
    transport = StringTransport()
    connection.makeConnection(transport)
    head = (
        "POST /api/v1/messages HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer operator\r\n"
        f"Content-Type: application/json\r\nIdempotency-Key: k-1\r\nContent-Length: {len(body)}\r\n"
    )
    connection.dataReceived(head.encode() + b"\r\n" + body)
    return transport


@pytest.mark.parametrize("fails", [False, True])
def test_requests_of_one_key_at_one_time_send_one_message(writing: Desk, fails: bool) -> None:
    from json import dumps

    compose, body = writing.played.compose, dumps(BODY).encode()
    compose.commit = commit = Deferred()
    asked = [begun(writing, body) for _ in range(3)]
    asked.append(begun(writing, body.replace(b"Bonjour", b"Bonsoir")))
    assert not any(transport.value() for transport in asked)
    compose.commit = None
    if fails:
        commit.errback(Refusal(CommandStatus.ESME_RSYSERR, Reason.STORE_FAILED))
    else:
        commit.callback(None)
    statuses = [int(transport.value().split()[1]) for transport in asked]
    assert statuses == ([503, 200, 200, 422] if fails else [200, 200, 200, 422])
    assert [composed.text for _, composed in compose.taken] == ["Bonjour"]


def test_no_more_keys_are_kept_than_there_is_room_for(
    writing: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "MOST", 1)
    assert sent(writing, KEY).status == 200
    reply = sent(writing, {"Idempotency-Key": "k-2"})
    assert (reply.status, reply.headers["retry-after"]) == (429, "3600")
    assert sent(writing, KEY).body["replayed"] is True


def test_a_key_whose_message_was_not_written_sends_it(desk: Desk, opened: Opened) -> None:
    """The bridge died between the two."""
    with closing(sqlite3.connect(opened.path, isolation_level=None)) as db:
        name = ("operator", "k-1")
        assert keys.claim(db, name, "f", 1, 10.0, 60.0) == keys.Claim("new", 1)
        assert keys.claim(db, name, "f", 2, 11.0, 60.0) == keys.Claim("new", 2)
        assert keys.claim(db, name, "g", 3, 11.0, 60.0) == keys.Claim("other")
        message = accepted(opened, 2)
        assert keys.claim(db, name, "f", 4, 12.0, 60.0) == keys.Claim("sent", message)
        assert keys.claim(db, name, "f", 5, 72.0, 60.0) == keys.Claim("new", 5)


def accepted(opened: Opened, message_id: int) -> int:
    from tests.store.opened import message

    made = message(message_id)
    opened.wait(opened.store.accept([Entry(made, attempt=first_attempt(made))]))
    return message_id


def test_a_key_that_another_bridge_may_be_sending_by_is_waited_for(
    writing: Desk, opened: Opened
) -> None:
    """Its answer says that it has ended: then the store knows whether it has sent."""
    theirs, name = SLOTTED + 7, ("operator", "k-1")
    fingerprint = sha256(Submission.model_validate(BODY).model_dump_json().encode()).hexdigest()
    claimed(opened, name, fingerprint, theirs)
    others = writing.played.others
    others.answers = FarAnswers({}, ["b"])
    reply = sent(writing, KEY)
    assert (reply.status, reply.headers["retry-after"]) == (503, "1")
    assert "node b" in reply.body["detail"]
    others.failing = True
    assert sent(writing, KEY).status == 503
    assert writing.played.compose.taken == []
    others.failing, others.answers = False, FarAnswers({"b": {}})
    assert sent(writing, KEY).body["replayed"] is False
    assert others.asked[-1][:3] == ({7}, UNDER_WAY, {"actor": "operator", "key": "k-1"})
    assert len(writing.played.compose.taken) == 1


@pytest.mark.parametrize("slot", [0, 3])
def test_a_key_of_before_a_restart_or_of_a_file_is_waited_for_by_nobody(
    writing: Desk, opened: Opened, slot: int
) -> None:
    fingerprint = sha256(Submission.model_validate(BODY).model_dump_json().encode()).hexdigest()
    claimed(opened, ("operator", "k-1"), fingerprint, SLOTTED + slot)
    assert sent(writing, KEY).body["replayed"] is False
    assert writing.played.others.asked == []


def test_another_bridge_waits_for_a_key_that_is_under_way_here(writing: Desk) -> None:
    from json import dumps

    compose, done = writing.played.compose, list[dict[str, Any]]()
    compose.commit = commit = Deferred()
    begun(writing, dumps(BODY).encode())
    under_way = writing.played.keys.under_way
    for key in ("k-2", "k-1"):
        asked = Deferred.fromCoroutine(under_way({"actor": "operator", "key": key}))
        asked.addCallback(done.append)
    assert done == [{}]
    commit.callback(None)
    assert done == [{}, {}]


def claimed(opened: Opened, name: keys.Name, fingerprint: str, message_id: int) -> None:
    with closing(sqlite3.connect(opened.path, isolation_level=None)) as db:
        assert keys.claim(db, name, fingerprint, message_id, NOW, 60.0).verdict == "new"

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import pytest_twisted
from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred, DeferredQueue, succeed
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.web.resource import Resource
from twisted.web.server import Site

from smppbridge.simulators import serving
from smppbridge.simulators.d7.simulator import D7Simulator

reactor: Any = installed

CALLBACK = "http://127.0.0.1:8776/callbacks/d7/key"
DLR = f"{CALLBACK}?message_id=7"
FIELDS = {"to": "971500000001", "from": "ACME", "content": "Hello", "dlr-url": DLR, "dlr-level": 3}


class RecordingPusher:
    """Stands in for the pusher: records the callbacks, and ends each unless it has to wait."""

    def __init__(self):
        self.calls = []
        self.forms = []
        self.waits = False
        self.waiting = []

    def push(self, method, url, *, headers=None, body=b"", after=0.0, wanted=b"", again=True):
        self.forms.append(body.decode() or urlsplit(url).query)
        fields = parse_qs(self.forms[-1], keep_blank_values=True)
        said = {name: values[0] for name, values in fields.items()}
        self.calls.append((method, url, said, after, wanted, again))
        if not self.waits:
            return succeed(None)
        self.waiting.append(Deferred())
        return self.waiting[-1]

    def close(self):
        for waiting in self.waiting:
            waiting.callback(None)
        return succeed(None)

    def said(self, *names):
        return [tuple(said.get(name) for name in names) for _, _, said, *_ in self.calls]


@pytest.fixture
def clock():
    return MemoryReactorClock()


@pytest.fixture
def simulator(clock):
    simulator = D7Simulator(clock, callback_url=CALLBACK, delay=2.0)
    simulator.pusher = RecordingPusher()
    return simulator


class D7Request:
    """One request to the simulator, and the answer so far."""

    def __init__(self, simulator, method, path, document=b"", *, token=b"acme:any", accept=""):
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        head = f"{method} /{path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
        if token:
            head += f"Authorization: Basic {b64encode(token).decode()}\r\n"
        head += f"Accept: {accept}\r\n" if accept else ""
        self.transport = StringTransport()
        self.channel = simulator.site.buildProtocol(None)
        self.channel.makeConnection(self.transport)
        self.channel.dataReceived(head.encode() + b"\r\n" + body)

    @property
    def answered(self):
        return bool(self.transport.value())

    @property
    def status(self):
        return int(self.transport.value().split(b" ", 2)[1])

    @property
    def head(self):
        return self.transport.value().partition(b"\r\n\r\n")[0].lower()

    @property
    def json(self):
        return json.loads(self.transport.value().partition(b"\r\n\r\n")[2])


def send(simulator, **changed):
    fields = {**FIELDS, **{name.replace("_", "-"): value for name, value in changed.items()}}
    given = {name: value for name, value in fields.items() if value is not None}
    return D7Request(simulator, "POST", "secure/send", given)


def send_batch(simulator, *messages, **more):
    config = {"callback_url": f"{CALLBACK}?batch=k", "errback_url": f"{CALLBACK}?batch=e"}
    document = {"batch_config": config, "messages": messages, **more}
    return D7Request(simulator, "POST", "secure/sendbatch", document)


def identifier_in(asked):
    words, _, identifier = asked.json["data"].partition('"')
    assert words == "Success "
    return identifier


def test_a_message_is_taken_with_odd_quotes_and_reported_twice(simulator):
    identifier = identifier_in(send(simulator))
    assert len(identifier) == 36
    names = ("id", "level", "message_status", "err", "text")
    assert simulator.pusher.said(*names) == [
        (identifier, "1", "ESME_ROK", None, None),
        (identifier, "2", "DELIVRD", "000", "Hello"),
    ]
    for method, url, _, _, wanted, again in simulator.pusher.calls:
        assert (method, url, wanted, again) == ("POST", DLR, b"ACK/Jasmin", True)
    assert [call[3] for call in simulator.pusher.calls] == [2.0, 0.0]
    assert (simulator.requests, simulator.accepted) == (1, 1)
    assert dict(simulator.taken) == {("971500000001", "Hello"): 1}


@pytest.mark.parametrize(("level", "levels"), [(1, ["1"]), (2, ["2"]), (3, ["1", "2"])])
def test_reports_are_those_that_were_asked_for(simulator, level, levels):
    send(simulator, dlr_level=level)
    assert simulator.pusher.said("level") == [(each,) for each in levels]


def test_a_report_url_alone_means_level_1_and_none_means_none(simulator):
    send(simulator, dlr_level=None)
    assert simulator.pusher.said("level") == [("1",)]
    send(simulator, dlr_level=None, dlr_url=None)
    send(simulator, dlr_url=None)
    assert len(simulator.pusher.calls) == 1


def test_reports_can_be_asked_for_by_get(simulator):
    send(simulator, dlr_method="get")
    method, url, said, *_ = simulator.pusher.calls[1]
    assert method == "GET"
    assert url.startswith(f"{DLR}&id=")
    assert (said["message_id"], said["message_status"]) == ("7", "DELIVRD")


@pytest.mark.parametrize(
    ("ending", "reported"),
    [
        ("90", ["ESME_ROK", "UNDELIV"]),
        ("97", ["ESME_ROK", "DELIVRD", "DELIVRD"]),
        ("98", ["ESME_ROK"]),
        ("99", ["ESME_ROK", "EXPIRED"]),
    ],
)
def test_endings_that_are_taken(simulator, ending, reported):
    send(simulator, to=f"9715000000{ending}")
    assert simulator.pusher.said("message_status") == [(word,) for word in reported]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"to": None}, "Mandatory argument [to] is not found."),
        ({"to": "ACME"}, "Argument [to] has an invalid value: [ACME]."),
        ({"to": "971500000091"}, "Argument [to] has an invalid value: [971500000091]."),
        ({"colour": "red"}, "Argument [colour] is unknown."),
        ({"coding": 11}, "Argument [coding] has an invalid value: [11]."),
        ({"priority": 4}, "Argument [priority] has an invalid value: [4]."),
        ({"dlr_level": 4}, "Argument [dlr-level] has an invalid value: [4]."),
        ({"validity_period": "1h"}, "Argument [validity-period] has an invalid value: [1h]."),
        ({"dlr_url": "ftp://x"}, "Argument [dlr-url] has an invalid value: [ftp://x]."),
        ({"content": None}, "content or hex-content not present."),
        (
            {"hex_content": "00"},
            "content and hex-content cannot be used both in same request.",
        ),
        ({"content": None, "hex_content": "0"}, "Invalid hex-content data: '0'"),
    ],
)
def test_arguments_that_are_wrong(simulator, changed, words):
    asked = send(simulator, **changed)
    assert (asked.status, asked.json) == (400, {"message": f'Error "{words}'})
    assert (simulator.accepted, simulator.pusher.calls) == (0, [])


def test_underscores_are_hyphens_and_a_list_is_its_first(simulator):
    given = {"to": ["971500000001", "971500000002"], "hex_content": "0623", "coding": 8}
    asked = D7Request(simulator, "POST", "secure/send", given)
    assert asked.status == 200
    assert dict(simulator.taken) == {("971500000001", "\u0623"): 1}


@pytest.mark.parametrize(
    ("changed", "shown"),
    [
        ({"content": "a" * 766}, "a" * 765),
        ({"content": "a" * 160}, "a" * 160),
        ({"content": "\u0623 or \u20ac"}, "? or \u20ac"),
        ({"content": None, "hex_content": "0623" * 336, "coding": 8}, "\u0623" * 335),
        ({"content": None, "hex_content": "cafe", "coding": 4}, "cafe"),
        ({"content": "\u00e9", "coding": 8}, "\uc3a9"),
    ],
)
def test_what_a_phone_shows(simulator, changed, shown):
    assert send(simulator, **changed).status == 200
    ((_, text),) = simulator.taken
    assert text == shown


def test_credentials(simulator):
    def asked(path, method="GET", document=b"", **more):
        answer = D7Request(simulator, method, path, document, **more)
        return answer.status, answer.json

    missing = asked("secure/balance", token=b"")
    assert (missing[0], missing[1]["title"]) == (401, "Authentication required")
    assert set(missing[1]["link"]) == {"text", "href", "rel"}
    colons = asked("secure/balance", token=b"acme:any:more")
    assert colons == (500, {"title": "500 Internal Server Error"})
    assert asked("secure/balance", token=b"\xff:\xff") == colons
    words = "Authentication failure for username:acme"
    wrong = {"token": b"acme:wrong"}
    assert asked("secure/balance", **wrong) == (403, {"message": words})
    assert asked("secure/rate?to=1", **wrong) == (403, {"message": words})
    said = asked("secure/send", "POST", FIELDS, **wrong)
    assert said == (403, {"message": f'Error "{words}'})
    said = asked("secure/sendbatch", "POST", {"messages": []}, **wrong)
    assert (said[0], said[1]["title"]) == (412, "Authentication failed")


def test_a_token_that_is_not_two_words(simulator):
    transport = StringTransport()
    channel = simulator.site.buildProtocol(None)
    channel.makeConnection(transport)
    channel.dataReceived(b"GET /secure/balance HTTP/1.1\r\nHost: x\r\nAuthorization: abc\r\n\r\n")
    assert b" 401 " in transport.value()
    assert b'"Invalid token: abc"' in transport.value()


def test_what_is_no_request(simulator):
    bad = D7Request(simulator, "POST", "secure/send", b"{")
    assert (bad.status, bad.json["title"]) == (412, "Cannot parse JSON data")
    assert D7Request(simulator, "POST", "secure/send", b"[]").status == 500
    assert D7Request(simulator, "POST", "secure/send", FIELDS, accept="text/xml").status == 415
    assert D7Request(simulator, "POST", "secure/send", FIELDS, accept="text/xml, */*").status == 200
    other = D7Request(simulator, "GET", "secure/send")
    assert (other.status, other.json) == (405, {"title": "405 Method Not Allowed"})
    assert b"allow: post" in other.head
    assert D7Request(simulator, "POST", "secure/nothing").status == 404


def test_93_tells_its_inner_url_with_the_password(simulator):
    asked = send(simulator, to="971500000093")
    assert (asked.status, asked.json["title"]) == (500, "Jasmin httpapi connection error")
    assert "username=acme&password=any" in asked.json["description"]


def test_94_is_throttled_twice_and_then_taken(simulator):
    for _ in range(2):
        asked = send(simulator, to="971500000094")
        assert (asked.status, asked.json) == (403, {"message": 'Error "User throughput exceeded'})
    assert send(simulator, to="971500000094").status == 200


def test_92_is_answered_after_five_seconds_and_95_never(simulator, clock):
    slow, silent = send(simulator, to="971500000092"), send(simulator, to="971500000095")
    clock.advance(4.9)
    assert not slow.answered
    clock.advance(0.1)
    assert identifier_in(slow)
    clock.advance(3600.0)
    assert not silent.answered


def test_96_is_answered_when_it_has_been_reported(simulator):
    simulator.pusher.waits = True
    asked = send(simulator, to="971500000096")
    simulator.pusher.waiting[0].callback(None)
    assert simulator.pusher.said("message_status") == [("ESME_ROK",), ("DELIVRD",)]
    assert not asked.answered
    simulator.pusher.waiting[1].callback(None)
    assert identifier_in(asked) == simulator.pusher.calls[0][2]["id"]


def test_what_is_given_up_at_the_end_makes_no_other_report_follow(simulator):
    simulator.pusher.waits = True
    send(simulator)
    simulator.close()
    assert simulator.pusher.said("level") == [("1",)]


def test_credit_goes_down_by_parts_until_it_is_gone(clock):
    simulator = D7Simulator(clock, credit=0.07)
    send(simulator, content="a" * 161)
    asked = D7Request(simulator, "GET", "secure/balance")
    assert asked.json == {"data": {"balance": 0.03, "sms_count": "ND"}}
    send(simulator)
    refused = send(simulator)
    assert refused.status == 403
    assert refused.json["message"].startswith('Error "Cannot charge submit_sm')


def test_rate_and_ping(simulator):
    rate = D7Request(simulator, "GET", f"secure/rate?to=1&content={'a' * 161}")
    assert rate.json == {"data": {"unit_rate": 0.02, "submit_sm_count": 2}}
    assert D7Request(simulator, "GET", "secure/rate?to=1").json["data"]["submit_sm_count"] == 1
    wrong = D7Request(simulator, "GET", "secure/rate?to=x")
    assert wrong.json == {"message": "Argument [to] has an invalid value: [x]."}
    assert D7Request(simulator, "GET", "ping", token=b"").json == {"data": "Jasmin/PONG"}


# -- batches ---------------------------------------------------------------------------------------


def test_a_batch_has_no_ids_until_its_callbacks(simulator):
    asked = send_batch(simulator, {"to": "971500000001", "content": "Hello"})
    (batch_id,) = {asked.json["data"]["batchId"]}
    assert asked.json["data"] == {"batchId": batch_id, "messageCount": 1}
    ((method, url, said, after, wanted, again),) = simulator.pusher.calls
    assert (method, after, wanted, again) == ("GET", 0.0, b"", False)
    assert url.startswith(f"{CALLBACK}?batch=k&batchId={batch_id}&to=971500000001&status=1")
    assert said["statusText"][:9] + said["statusText"][-1] == 'Success ""'


def test_a_batch_takes_lists_and_globals_and_skips_what_lacks_something(simulator):
    asked = send_batch(
        simulator,
        {"to": ["971500000001", "971500000002"], "content": "Hello"},
        {"content": "Hello"},
        {"to": "971500000003"},
        {"to": "971500000004", "hex_content": "0623", "coding": 8},
        globals={"from": "ACME", "dlr_url": DLR, "dlr-level": 2},
    )
    assert asked.json["data"]["messageCount"] == 3
    assert {to for to, _ in simulator.taken} == {f"97150000000{n}" for n in (1, 2, 4)}
    assert simulator.pusher.said("status", "message_status").count((None, "DELIVRD")) == 3
    empty = D7Request(simulator, "POST", "secure/sendbatch", {"messages": []})
    assert (empty.status, empty.json["data"]["messageCount"]) == (200, 0)


def test_what_fails_in_a_batch_is_told_elsewhere_and_with_everything(simulator):
    hello = {"content": "Hello"}
    endings = ("91", "93", "94", "95")
    send_batch(simulator, *({"to": f"9715000000{n}", **hello} for n in endings))
    told = simulator.pusher.said("batch", "to", "status", "statusText")
    assert [(batch, to[-2:], status) for batch, to, status, _ in told] == [
        ("e", "91", "0"),
        ("e", "93", "0"),
        ("e", "94", "0"),
    ]
    words = [each[3] for each in told]
    assert words[0].startswith('HTTPAPI error: Error "Argument [to] has an invalid value')
    assert words[1].startswith("HTTPAPI Connection error: ")
    assert "password=any" in words[1]
    assert words[2] == 'HTTPAPI error: Error "User throughput exceeded'


def test_96_in_a_batch_is_told_before_the_batch_is_answered(simulator):
    simulator.pusher.waits = True
    asked = send_batch(simulator, {"to": "971500000096", "content": "Hello"})
    assert not asked.answered
    simulator.pusher.waiting[0].callback(None)
    assert asked.json["data"]["messageCount"] == 1


def test_a_batch_can_be_due_later(simulator):
    def scheduled(moment):
        config = {"callback_url": CALLBACK, "schedule_at": moment}
        return send_batch(simulator, {"to": "1", "content": "x"}, batch_config=config)

    assert scheduled("60s").json["data"]["scheduled"] == "60.0s"
    assert simulator.pusher.calls[0][3] == 60.0
    assert "scheduled" in scheduled("2999-12-31 23:59:59").json["data"]
    past, odd = scheduled("2001-01-01 00:00:00"), scheduled("tomorrow")
    assert (past.status, past.json["title"]) == (412, "Cannot schedule batch in past date")
    assert (odd.status, odd.json["title"]) == (412, "Cannot parse scheduled_at value")


@pytest.mark.parametrize(
    "document", [{"messages": 7}, {"messages": ["x"]}, {"batch_config": []}, {"globals": 1}]
)
def test_a_batch_that_is_none(simulator, document):
    assert D7Request(simulator, "POST", "secure/sendbatch", document).status == 500


# -- messages from phones --------------------------------------------------------------------------


def test_a_message_from_a_phone_is_delivered_to_the_callback_url(simulator):
    simulator.receive("971500000001", "3377", "\u20ac5")
    simulator.receive("971500000001", "3377", "\u0623")
    simulator.receive("971500000001", "3377", octets=b"\x00\xff", coded=4)
    asked = {"from": "971500000001", "to": "3377", "text": "STOP"}
    assert D7Request(simulator, "POST", "simulator/receive", asked, token=b"").status == 200
    names = ("from", "to", "origin-connector", "binary", "coding")
    assert [said[3:] for said in simulator.pusher.said(*names)] == [
        ("1b6535", "\x00"),
        ("0623", "\x08"),
        ("00ff", "\x04"),
        (b"STOP".hex(), "\x00"),
    ]
    assert {call[:2] for call in simulator.pusher.calls} == {("POST", CALLBACK)}
    assert all(call[4] == b"ACK/Jasmin" for call in simulator.pusher.calls)
    incomplete = D7Request(simulator, "POST", "simulator/receive", {"from": "1"}, token=b"")
    assert incomplete.status == 412


# What Jasmin 0.11 wrote, after the id.
STOP = "content=STOP&binary=53544f50&priority=0&coding=%00"
CLASS_1 = "content=class1&binary=636c61737331&priority=0&coding=%F1"
CYRILLIC = "content=%04%22&binary=0422&priority=0&coding=%08"
RELATIVE = "&validity=0&validity=0&validity=0&validity=1&validity=0&validity=0"


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ({"text": "STOP"}, STOP),
        ({"text": "\u0422"}, CYRILLIC),
        ({"octets": b"class1", "coded": 0xF1}, CLASS_1),
        ({"text": "\u0422", "validity": tuple("000100")}, CYRILLIC + RELATIVE),
    ],
)
@pytest.mark.parametrize("method", ["POST", "GET"])
def test_a_message_from_a_phone_is_written_as_jasmin_writes_it(simulator, given, written, method):
    simulator.receive("971500000001", "3377", method=method, **given)
    ((called, *_),), (form,) = simulator.pusher.calls, simulator.pusher.forms
    assert called == method
    head, _, rest = form.partition("&")
    assert head.startswith("id=")
    assert rest == f"from=971500000001&to=3377&origin-connector=c1&{written}"


def test_without_a_callback_url_nobody_hears_of_phones(clock):
    simulator = D7Simulator(clock)
    simulator.pusher = pusher = RecordingPusher()
    simulator.receive("971500000001", "3377", "STOP")
    assert not pusher.calls


# -- over TCP --------------------------------------------------------------------------------------


class Deaf(Resource):
    """Answers callbacks with *answers*, one after the other; an empty one is HTTP 500."""

    isLeaf = True

    def __init__(self, *answers):
        Resource.__init__(self)
        self.answers = list(answers)
        self.came = []
        self.calls = DeferredQueue()

    def render(self, request):
        args = request.args.items()
        self.came.append({name.decode(): values[0].decode() for name, values in args})
        self.calls.put(None)
        answer = self.answers.pop(0)
        if not answer:
            request.setResponseCode(500)
        return answer


@pytest_twisted.async_yield_fixture
async def listening():
    started = []

    def start(*answers):
        deaf = Deaf(*answers)
        site = Site(deaf)
        site.log = lambda request: None
        port = reactor.listenTCP(0, site, interface="127.0.0.1")
        url = f"http://127.0.0.1:{port.getHost().port}/callbacks"
        simulator = D7Simulator(reactor, callback_url=url, delay=0.0)
        started.extend((simulator.close, port.stopListening))
        return deaf, simulator

    yield start
    for stop in started:
        await stop()


@pytest_twisted.ensureDeferred
async def test_only_its_own_word_acknowledges_a_callback(listening, monkeypatch):
    monkeypatch.setattr(serving, "PAUSES", (0.0, 0.0))
    deaf, simulator = listening(b"", b"OK", b"ACK/Jasmin\r\n")
    await simulator.receive("971500000001", "3377", "STOP")
    assert [said["content"] for said in deaf.came] == ["STOP"] * 3
    assert (simulator.pusher.pushed, simulator.pusher.failed) == (1, 0)


@pytest_twisted.ensureDeferred
async def test_the_fate_of_a_message_of_a_batch_is_told_but_once(listening, monkeypatch):
    monkeypatch.setattr(serving, "PAUSES", (0.0, 0.0))
    deaf, simulator = listening(b"", *[b"ACK/Jasmin"] * 3)
    config = {"callback_url": simulator.callback_url}
    message = {"to": "971500000001", "content": "x"}
    document = {"batch_config": config, "messages": [message]}
    D7Request(simulator, "POST", "secure/sendbatch", document)
    await deaf.calls.get()
    for _ in range(2):
        await simulator.receive("971500000001", "3377", "STOP")
    assert [said.get("status") for said in deaf.came] == ["1", None, None]
    assert (simulator.pusher.pushed, simulator.pusher.failed) == (2, 1)

from __future__ import annotations

import json
from base64 import b64decode
from contextlib import suppress
from dataclasses import replace
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smppbridge.model.outcome import Postponed, Refused
from smppbridge.providers.exchange import (
    BadReply,
    HttpRequest,
    HttpResponse,
    NoAnswer,
    NotSent,
    alone,
)
from smppbridge.providers.oauth import MAX_TOKEN, ClientCredentials, LoginFailed
from smppbridge.relay.submit.carry import Carrier

SECRET = "sesame-0815"
HEADERS = (("Accept", "application/json"),)
REQUEST = HttpRequest("POST", "https://x.test/sms", HEADERS, b"{}")
OK = HttpResponse(200, b"done")
UNAUTHORIZED = HttpResponse(401)


def credentials(**changed):
    known = {
        "token_url": "https://x.test/oauth/token",
        "client_id": "acme",
        "client_secret": SECRET,
    }
    return ClientCredentials(**{**known, **changed})


def granted(token="t1", **more):
    document = {"access_token": token, "token_type": "Bearer", "expires_in": 3600, **more}
    return HttpResponse(200, json.dumps(document).encode())


class TokenServer:
    """Answers in the order given; keeps the requests and the time."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = []
        self.now = 1000.0

    def carry(self, exchange):
        exchange = alone(exchange, lambda: self.now)
        step, answer = exchange.send, None
        while True:
            try:
                self.asked.append(step(answer))
            except StopIteration as end:
                return end.value
            answer = self.answers.pop(0)
            step = exchange.throw if isinstance(answer, Exception) else exchange.send

    @property
    def operations(self):
        return [request.operation for request in self.asked]


def bearer(request):
    return dict(request.headers)["Authorization"]


def test_a_login_asks_by_basic_authentication_for_a_form():
    server = TokenServer(granted(), OK)
    assert server.carry(credentials().authorized(REQUEST)) is OK
    login, request = server.asked
    assert (login.method, login.url) == ("POST", "https://x.test/oauth/token")
    headers = dict(login.headers)
    assert headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert b64decode(headers["Authorization"].removeprefix("Basic ")) == b"acme:" + SECRET.encode()
    assert parse_qs(login.body.decode()) == {"grant_type": ["client_credentials"]}
    assert request == replace(REQUEST, headers=(*HEADERS, ("Authorization", "Bearer t1")))


def test_id_and_secret_can_go_into_the_form_and_a_scope_beside_them():
    server = TokenServer(granted(), OK)
    server.carry(credentials(credentials="body", scope="sms reports").authorized(REQUEST))
    login = server.asked[0]
    assert "Authorization" not in dict(login.headers)
    assert parse_qs(login.body.decode()) == {
        "grant_type": ["client_credentials"],
        "client_id": ["acme"],
        "client_secret": [SECRET],
        "scope": ["sms reports"],
    }


def test_a_token_serves_until_shortly_before_it_expires():
    server, login = TokenServer(granted(), OK, OK, granted("t2"), OK), credentials()
    server.carry(login.authorized(REQUEST))
    server.now += 3539
    server.carry(login.authorized(REQUEST))
    server.now += 2
    server.carry(login.authorized(REQUEST))
    assert server.operations == ["login", "submit", "submit", "login", "submit"]
    assert bearer(server.asked[-1]) == "Bearer t2"


@pytest.mark.parametrize(
    "expires_in", [0, -1, None, "", "never", True, [], float("nan"), float("inf"), 10**400, "0"]
)
def test_a_token_that_does_not_say_when_it_expires_is_good_until_401(expires_in):
    server, login = TokenServer(granted(expires_in=expires_in), OK, OK), credentials()
    server.carry(login.authorized(REQUEST))
    server.now += 1e12
    server.carry(login.authorized(REQUEST))
    assert server.operations == ["login", "submit", "submit"]


@pytest.mark.parametrize(("expires_in", "good_for"), [(10, 9.0), ("600", 540.0), (86400, 86340.0)])
def test_the_margin_is_a_minute_or_a_tenth(expires_in, good_for):
    for elapsed, answers in ((good_for - 0.01, [OK]), (good_for, [granted(), OK])):
        server, login = TokenServer(granted(expires_in=expires_in), OK), credentials()
        server.carry(login.authorized(REQUEST))
        server.now += elapsed
        server.answers = list(answers)
        server.carry(login.authorized(REQUEST))
        assert server.answers == []


def test_401_renews_the_token_and_repeats_the_request_once():
    server = TokenServer(granted(), UNAUTHORIZED, granted("t2"), OK)
    assert server.carry(credentials().authorized(REQUEST)) is OK
    assert server.operations == ["login", "submit", "login", "submit"]
    assert bearer(server.asked[-1]) == "Bearer t2"


def test_a_second_401_is_the_answer():
    server = TokenServer(granted(), UNAUTHORIZED, granted("t2"), UNAUTHORIZED)
    assert server.carry(credentials().authorized(REQUEST)) is UNAUTHORIZED


def test_a_token_that_another_has_renewed_is_used_without_a_login():
    login = credentials()
    TokenServer(granted(), OK).carry(login.authorized(REQUEST))
    slow = alone(login.authorized(REQUEST), lambda: 1000.0)
    assert bearer(next(slow)) == "Bearer t1"
    TokenServer(UNAUTHORIZED, granted("t2"), OK).carry(login.authorized(REQUEST))
    assert bearer(slow.send(UNAUTHORIZED)) == "Bearer t2"


def test_all_who_need_a_token_at_once_share_one_login():
    asked, concluded = [], []
    carrier = Carrier(lambda provider, steps: asked.extend(steps), lambda: 1000.0)
    login = credentials()

    def answer(*steps):
        asked.clear()
        carrier.answered(steps)

    carrier.carry("it", range(5), lambda _: login.authorized(REQUEST), concluded.extend)
    ((first, request),) = asked
    assert request.operation == "login"
    answer((first, granted()))
    assert [bearer(request) for _, request in asked] == ["Bearer t1"] * 5
    steps = [carried for carried, _ in asked]
    answer(*((carried, UNAUTHORIZED) for carried in steps))
    ((second, request),) = asked
    assert request.operation == "login"
    answer((second, granted("t2")))
    assert [bearer(request) for _, request in asked] == ["Bearer t2"] * 5
    answer(*((carried, OK) for carried, _ in list(asked)))
    assert sorted(about for about, came_to in concluded if came_to is OK) == list(range(5))


def test_a_secret_that_was_put_right_does_not_share_the_login_with_the_wrong_one():
    asked, concluded = [], []
    carrier = Carrier(lambda provider, steps: asked.extend(steps), lambda: 1000.0)
    for about, login in (("before", credentials(client_secret="old")), ("after", credentials())):
        authorized = (lambda to: lambda _: to.authorized(REQUEST))(login)
        carrier.carry("it", [about], authorized, concluded.extend)
    (wrong, _), (right, _) = asked
    asked.clear()
    carrier.answered([(wrong, UNAUTHORIZED), (right, granted())])
    assert [(each.about, bearer(request)) for each, request in asked] == [("after", "Bearer t1")]
    assert [about for about, _ in concluded] == ["before"]


def test_requests_of_a_kind_share_one_tuple_of_headers():
    server, login = TokenServer(granted(), OK, OK, OK), credentials()
    other = HttpRequest("GET", "https://x.test/", (("Accept", "*/*"),))
    for request in (REQUEST, REQUEST, other):
        server.carry(login.authorized(request))
    _, first, second, third = server.asked
    assert first.headers is second.headers
    assert third.headers == (("Accept", "*/*"), ("Authorization", "Bearer t1"))


def failed(answer, **changed):
    with pytest.raises((LoginFailed, NotSent)) as fault:
        TokenServer(answer).carry(credentials(**changed).authorized(REQUEST))
    return fault.value


@pytest.mark.parametrize("answer", [NotSent("refused"), NoAnswer("timed out")])
def test_a_login_that_came_to_nothing_has_sent_no_message(answer):
    assert isinstance(failed(answer), NotSent)


def test_a_silent_login_after_401_has_sent_no_message_either():
    with pytest.raises(NotSent):
        TokenServer(granted(), UNAUTHORIZED, NoAnswer("timed out")).carry(
            credentials().authorized(REQUEST)
        )


def test_silence_after_the_request_is_no_answer():
    with pytest.raises(NoAnswer):
        TokenServer(granted(), NoAnswer("timed out")).carry(credentials().authorized(REQUEST))


def said(document, status=400):
    return HttpResponse(status, json.dumps(document).encode())


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (
            said({"error": "invalid_client"}, 401),
            Refused(
                "login: HTTP 401: credentials refused", provider_fault=True, words="invalid_client"
            ),
        ),
        (
            said({"error": {"type": "invalid_scope", "code": 1600}}),
            Refused(
                "login: HTTP 400: credentials refused", provider_fault=True, words="invalid_scope"
            ),
        ),
        (HttpResponse(403), Refused("login: HTTP 403", provider_fault=True)),
        (HttpResponse(404, b"<html>"), Refused("login: HTTP 404", provider_fault=True)),
        (HttpResponse(301), Postponed("login: HTTP 301", whole_lane=True)),
        (
            HttpResponse(429, b"", {"retry-after": "7"}),
            Postponed("login: HTTP 429", 7.0, whole_lane=True),
        ),
        (HttpResponse(503), Postponed("login: HTTP 503", whole_lane=True)),
        (HttpResponse(500), Postponed("login: HTTP 500", whole_lane=True)),
        (HttpResponse(408), Postponed("login: HTTP 408", whole_lane=True)),
        (HttpResponse(302), Postponed("login: HTTP 302", whole_lane=True)),
        (HttpResponse(200, b"<html>"), Postponed("login: not JSON", whole_lane=True)),
        (HttpResponse(200, b"[]"), Postponed("login: not a JSON object", whole_lane=True)),
    ],
)
def test_a_login_that_is_not_granted_says_whose_fault_it_is(answer, outcome):
    assert failed(answer).outcome == outcome


@pytest.mark.parametrize(
    "answer",
    [
        said({}, 200),
        granted(""),
        granted(None),
        granted(7),
        granted(["t"]),
        granted("a b"),
        granted("a\r\nX-Evil:1"),
        granted("caf\u00e9"),
        granted("x" * (MAX_TOKEN + 1)),
        granted(token_type="mac"),
        granted(token_type=7),
    ],
)
def test_a_token_that_cannot_stand_in_a_header_is_none(answer):
    assert failed(answer).outcome == Postponed("login: no bearer token", whole_lane=True)


def test_the_kind_of_token_may_be_left_out_or_in_lower_case():
    for more in ({"token_type": "bearer"}, {}):
        document = {"access_token": "t1", **more}
        server = TokenServer(said(document, 200), OK)
        assert server.carry(credentials().authorized(REQUEST)) is OK


def test_a_failed_login_is_a_bad_reply_to_who_does_not_send():
    assert issubclass(LoginFailed, BadReply)


def test_a_failed_login_is_tried_again_next_time():
    server, login = TokenServer(granted(), UNAUTHORIZED, HttpResponse(500)), credentials()
    with pytest.raises(LoginFailed):
        server.carry(login.authorized(REQUEST))
    server.answers += [granted("t2"), OK]
    assert server.carry(login.authorized(REQUEST)) is OK


def test_neither_secret_nor_token_shows():
    server, login = TokenServer(granted("token-4711"), OK), credentials()
    server.carry(login.authorized(REQUEST))
    for thing in (login, login._held, *server.asked):
        assert SECRET not in repr(thing)
        assert "token-4711" not in repr(thing)
    fault = failed(said({"error": f"bad {SECRET}"}))
    assert str(fault) == "login: HTTP 400: bad ***"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.dictionaries(
        st.sampled_from(["access_token", "token_type", "expires_in", "error", "type"]), inner
    ),
    max_leaves=6,
)


@given(st.binary(max_size=40) | JSON.map(lambda value: json.dumps(value).encode()), st.integers())
def test_whatever_a_login_answers_it_is_granted_or_failed(body, status):
    server = TokenServer(HttpResponse(status, body), OK)
    with suppress(LoginFailed):
        assert server.carry(credentials().authorized(REQUEST)) is OK


@pytest.mark.parametrize(
    "settings",
    [{"client_id": ""}, {"client_secret": ""}, {"credentials": "query"}],
)
def test_settings_that_make_no_sense_are_refused(settings):
    with pytest.raises(ValueError) as fault:
        credentials(**settings)
    assert SECRET not in str(fault.value)

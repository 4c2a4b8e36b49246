from __future__ import annotations

import re

import pytest

from smppbridge.model.account import in_networks
from smppbridge.web.api.operations import API
from smppbridge.web.door import MOST_UNKNOWN, DoorRules, is_loopback
from smppbridge.web.operations import PREFIX, ApiOperation
from tests.web.desk import MARKER, ROLES, Desk

_WORDS = {"message_id": "123", "name": "keccel", "id": "1", "provider": "keccel", "number": "2438"}
_WORDS["file"] = "cdr-2026-11-26T14.jsonl"


def path_of(operation: ApiOperation) -> str:
    return re.sub(r"{(\w+)}", lambda found: _WORDS[found[1]], operation.path).removeprefix(PREFIX)


def named(operation: ApiOperation) -> str:
    return operation.name


GUARDED = [operation for operation in API.all if operation.roles]


@pytest.mark.parametrize("operation", GUARDED, ids=named)
def test_a_stranger_gets_401(desk: Desk, operation: ApiOperation) -> None:
    reply = desk.call(operation.method, path_of(operation), role=None, socket=False)
    assert reply.status == (403 if operation.socket_only else 401)
    if not operation.socket_only:
        assert reply.headers["www-authenticate"].startswith("bearer")
    assert desk.noted == []


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("operation", GUARDED, ids=named)
def test_a_role_has_its_operations_and_no_others(
    desk: Desk, operation: ApiOperation, role: str
) -> None:
    reply = desk.call(operation.method, path_of(operation), role=role)
    allowed = role in operation.roles and not operation.socket_only
    assert (reply.status == 403) is not allowed
    assert reply.status < 500
    if not allowed:
        assert desk.noted == []


def test_only_logging_in_needs_no_right() -> None:
    assert {operation.name for operation in API.all if not operation.roles} == {
        "log_in",
        "use_link",
    }


def test_every_change_is_audited_or_says_so_itself() -> None:
    own = {operation.name for operation in API.all if operation.changes and not operation.audited}
    nothing_changed = {"explain_route", "preview_receipt"}
    alone = {"log_in", "reveal_message", "send_message", "start_trace", "use_link"}
    assert own == alone | nothing_changed


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("LOCALHOST:8775", 200),
        ("127.0.0.1:1", 200),
        ("127.9.9.9", 200),
        ("[::1]:8775", 200),
        ("sms.example.org", 200),
        ("evil.example", 421),
        ("sms.example.org.evil.example", 421),
        ("localhost.evil.example", 421),
        ("10.0.0.1", 421),
        ("[::1", 421),
        ("", 421),
    ],
)
def test_only_our_own_names_are_answered(desk: Desk, host: str, status: int) -> None:
    assert desk.call("GET", "/version", headers={"Host": host}).status == status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://localhost"}, 200),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
    ],
)
def test_pages_of_others_are_refused(desk: Desk, headers: dict[str, str], status: int) -> None:
    assert desk.call("GET", "/version", headers=headers).status == status


def test_from_another_machine_only_over_tls(desk: Desk) -> None:
    assert desk.call("GET", "/version", host="10.0.0.9").status == 403
    assert desk.call("GET", "/version", host="10.0.0.9", tls=True).status == 200
    assert desk.call("GET", "/version", host="local").status == 200


def test_a_proxy_is_believed_if_it_is_listed(desk: Desk) -> None:
    headers = {"X-Forwarded-For": "192.0.2.1, 10.0.0.9", "X-Forwarded-Proto": "https"}
    assert desk.call("GET", "/version", host="10.0.0.5", headers=headers).status == 403
    from ipaddress import ip_network

    proxies = (ip_network("10.0.0.5/32"),)
    assert in_networks("10.0.0.5", proxies)
    desk.door.change(DoorRules(proxies=proxies))
    assert desk.call("GET", "/version", host="10.0.0.5", headers=headers).status == 200
    plain = headers | {"X-Forwarded-Proto": "http"}
    assert desk.call("GET", "/version", host="10.0.0.5", headers=plain).status == 403
    nobody = {"X-Forwarded-For": "x", "X-Forwarded-Proto": "https"}
    assert desk.call("GET", "/version", host="10.0.0.5", headers=nobody).status == 400


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/versions", 404),
        ("/version/", 404),
        ("/", 404),
        ("/%ff", 404),
        ("/messages/%00", 404),
        ("/messages/0", 404),
        ("/messages/1234567890123456789", 404),
        ("/messages/12%2F3", 404),
        ("/%76ersion", 200),
        ("/version?x=1", 422),
        ("/messages?limit=1&limit=2", 422),
        ("/messages?limit=%ff", 422),
        ("/messages?limit=0", 422),
        ("/messages?cursor=ffffffffffffffff", 422),
        ("/messages?" + "a=1&" * 150, 422),
    ],
)
def test_odd_paths_and_queries(desk: Desk, path: str, status: int) -> None:
    reply = desk.call("GET", path)
    assert reply.status == status
    if status != 200:
        assert reply.headers["content-type"] == "application/problem+json"
        assert reply.body["status"] == status
        assert reply.body["type"].startswith("urn:smppbridge:problem:")


def test_a_double_slash_is_another_path(desk: Desk) -> None:
    assert desk.call("GET", "//api/v1/version").status == 404


def test_a_method_that_is_not_there(desk: Desk) -> None:
    reply = desk.call("PUT", "/session", body={})
    assert (reply.status, reply.headers["allow"]) == (405, "delete, get, head, post")


def test_head_has_no_body(desk: Desk) -> None:
    reply = desk.call("HEAD", "/version")
    assert (reply.status, reply.body) == (200, b"")


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"", "application/json", 422),
        (b"{", "application/json", 422),
        (b"[" * 5_000, "application/json", 422),
        (b'{"verb":"resend"}', "application/json", 422),
        (b'{"verb":"resend","message_ids":["1"],"more":1}', "application/json", 422),
        (b'{"verb":"resend","message_ids":["\\ud800"]}', "application/json", 422),
        (b'{"verb":"resend","message_ids":["1"]}', "text/plain", 415),
        (b"verb=resend", "application/x-www-form-urlencoded", 415),
        (b'{"verb":"resend","message_ids":["1"]}', "application/json; charset=utf-8", 200),
    ],
)
def test_odd_bodies(desk: Desk, body: bytes, kind: str, status: int) -> None:
    headers = {"Content-Type": kind}
    reply = desk.call("POST", "/uncertain/decisions", body=body, headers=headers)
    assert reply.status == status
    assert len(desk.noted) == (status == 200)


def test_a_body_where_none_belongs(desk: Desk) -> None:
    assert desk.call("POST", "/providers/keccel/pause", body={}).status == 422
    assert not desk.lanes.by_name["keccel"].held


def test_a_stranger_sends_no_large_body(desk: Desk) -> None:
    large = b'"' + b"x" * MOST_UNKNOWN + b'"'
    assert desk.call("POST", "/session", role=None, body=large).status == 413


def test_faults_quote_no_value(desk: Desk) -> None:
    reply = desk.call("POST", "/session", body={"user": 1, "password": [MARKER]})
    assert reply.status == 422
    assert [each["loc"] for each in reply.body["errors"]] == ["user", "password"]
    assert MARKER not in str(reply.body)


def test_each_answer_has_the_headers_that_protect(desk: Desk) -> None:
    for path in ("/version", "/nothing", "/messages?x=1"):
        headers = desk.call("GET", path).headers
        assert headers["content-security-policy"].startswith("default-src 'none'")
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cache-control"] == "no-store"
        assert not [name for name in headers if name.startswith("access-control")]


def test_what_cannot_be_written_down_is_not_done(desk: Desk) -> None:
    desk.failing = True
    assert desk.call("POST", "/providers/keccel/pause").status == 503
    assert not desk.lanes.by_name["keccel"].held


def test_no_secret_is_in_any_answer(desk: Desk) -> None:
    for operation in API.all:
        reply = desk.call(operation.method, path_of(operation), socket=True)
        assert MARKER not in f"{reply.headers}{reply.body}", operation.name


def test_other_paths_are_for_the_pages(desk: Desk) -> None:
    reply = desk.ask_raw(b"GET /healthz HTTP/1.1\r\nHost: prometheus\r\n\r\n")
    assert (reply.status, reply.body) == (200, b"ok\n")


@pytest.mark.parametrize(
    ("name", "is_it"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("10.0.0.1", False),
        ("x", False),
    ],
)
def test_loopback(name: str, is_it: bool) -> None:
    assert is_loopback(name) is is_it

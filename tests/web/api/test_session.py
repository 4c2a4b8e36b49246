from __future__ import annotations

from typing import Any

from smppbridge.web.keyring import LINK
from tests.web.desk import Desk, Reply


def log_in(desk: Desk, user: str = "ann", password: str = "secret", **more: Any) -> Reply:
    body = {"user": user, "password": password}
    return desk.call("POST", "/session", role=None, body=body, **more)


def cookie_of(reply: Reply) -> str:
    return reply.headers["set-cookie"].partition(";")[0]


def raw(desk: Desk, method: str, path: str, cookie: str, csrf: str = "", **more: Any) -> Reply:
    lines = f"Host: localhost\r\nCookie: a=b; {cookie}\r\n"
    lines += f"X-CSRF-Token: {csrf}\r\n" if csrf else ""
    return desk.ask_raw(f"{method} /api/v1{path} HTTP/1.1\r\n{lines}\r\n".encode(), **more)


def begun(desk: Desk) -> tuple[str, str]:
    """Return cookie and CSRF token of a session: headers are lowered by the reader of replies."""
    cookie, who = desk.keyring.log_in("ann", "operator")
    return f"smppbridge={cookie}", who.csrf


def test_a_password_begins_a_session(desk: Desk) -> None:
    reply = log_in(desk)
    assert reply.status == 200
    assert (reply.body["user"], reply.body["role"]) == ("ann", "operator")
    given = reply.headers["set-cookie"]
    assert given.startswith("smppbridge=")
    assert "httponly" in given
    assert "samesite=strict" in given
    assert "secure" not in given
    assert desk.noted == [("", "login", "ann", {"role": "operator"})]


def test_over_tls_the_cookie_demands_tls(desk: Desk) -> None:
    given = log_in(desk, tls=True).headers["set-cookie"]
    assert given.startswith("__host-smppbridge=")
    assert given.endswith("; secure")


def test_wrong_passwords_and_unknown_users_look_alike_and_are_audited(desk: Desk) -> None:
    wrong, unknown = log_in(desk, password="no"), log_in(desk, user="eve", password="no")
    assert (wrong.status, wrong.body) == (unknown.status, unknown.body)
    assert wrong.status == 401
    assert [each[1:3] for each in desk.noted] == [
        ("login_refused", "ann"),
        ("login_refused", "eve"),
    ]
    assert "no" not in [each[3] for each in desk.noted]


def test_who_guesses_waits_longer_and_longer(desk: Desk) -> None:
    waits = []
    for _ in range(8):
        before = desk.clock.seconds()
        log_in(desk, password="no")
        waits.append(desk.clock.seconds() - before)
    assert waits[0] == 0
    assert waits == sorted(waits)
    assert waits[-1] == 8.0
    assert log_in(desk, user="zoe", password="z").status == 200


def test_a_session_reads_and_with_its_csrf_token_changes(desk: Desk) -> None:
    cookie, csrf = begun(desk)
    assert raw(desk, "GET", "/session", cookie).body == {
        "user": "ann",
        "role": "operator",
        "csrf": csrf,
    }
    assert raw(desk, "POST", "/providers/keccel/pause", cookie).status == 403
    assert raw(desk, "POST", "/providers/keccel/pause", cookie, "x").status == 403
    assert not desk.lanes.by_name["keccel"].held
    assert raw(desk, "POST", "/providers/keccel/pause", cookie, csrf).status == 200
    assert desk.lanes.by_name["keccel"].held


def test_a_session_of_plain_http_is_none_over_tls(desk: Desk) -> None:
    cookie, _ = begun(desk)
    assert raw(desk, "GET", "/session", cookie, tls=True).status == 401


def test_logging_out_ends_the_session(desk: Desk) -> None:
    cookie, csrf = begun(desk)
    reply = raw(desk, "DELETE", "/session", cookie, csrf)
    assert reply.status == 200
    assert "max-age=0" in reply.headers["set-cookie"]
    assert raw(desk, "GET", "/session", cookie).status == 401


def test_a_link_is_made_over_the_socket_alone_and_works_once(desk: Desk) -> None:
    assert desk.call("POST", "/session/links").status == 403
    lines = b"POST /api/v1/session/links HTTP/1.1\r\nHost: x\r\n\r\n"
    reply = desk.ask_raw(lines, host="uid:0", socket=True)
    assert reply.body["seconds"] == LINK
    address, _, code = reply.body["url"].partition("/#link=")
    assert address == "http://127.0.0.1:8775"
    assert desk.noted == [("uid:0", "make_link", "", {})]
    used = desk.call("POST", "/session/link", role=None, body={"code": code})
    assert (used.status, used.body["role"], used.body["user"]) == (200, "admin", "uid:0")
    again = desk.call("POST", "/session/link", role=None, body={"code": code})
    assert again.status == 401
    assert code not in str(desk.noted)


def test_a_token_is_nobodys_session(desk: Desk) -> None:
    assert desk.call("GET", "/session", role="billing").body == {
        "user": "billing",
        "role": "billing",
        "csrf": None,
    }
    assert desk.call("GET", "/session", role="unknown").status == 401

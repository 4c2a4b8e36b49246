from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from smppbridge.settings.schema import Settings
from smppbridge.settings.web import WebSection, is_private

HASH = "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHRzb21lc2FsdA$dGhpcyBpcyB0aGUgaGFzaA"
DIGEST = "ab" * 32
USER = {"name": "ann", "password": {"hash": HASH}, "role": "admin"}
TOKEN = {"name": "grafana", "sha256": DIGEST}


def web(**keys: Any) -> WebSection:
    found = Settings.model_validate({"web": keys}).web
    assert found
    return found


def faults(**keys: Any) -> str:
    with pytest.raises(ValidationError) as found:
        web(**keys)
    errors = found.value.errors(include_url=False)
    return "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in errors)


def test_users_and_tokens() -> None:
    read = web(users=[USER], tokens=[TOKEN | {"expires": "2027-01-01", "allow_from": ["::1/128"]}])
    assert (read.users[0].role, read.users[0].password) == ("admin", HASH)
    assert (read.tokens[0].role, read.tokens[0].expires) == ("viewer", 1_798_761_600.0)
    assert HASH not in repr(read)
    assert DIGEST not in repr(read)


@pytest.mark.parametrize(
    ("keys", "fault"),
    [
        ({"users": [USER, USER]}, "twice"),
        ({"tokens": [TOKEN, TOKEN | {"name": "b"}]}, "twice"),
        ({"tokens": [TOKEN, TOKEN | {"sha256": "cd" * 32}]}, "twice"),
        ({"users": [USER | {"password": "secret"}]}, "smppbridge hash"),
        ({"users": [USER | {"password": {"hash": "secret"}}]}, "argon2id"),
        ({"users": [USER | {"role": "root"}]}, "viewer"),
        ({"users": [USER | {"name": "a b"}]}, "name"),
        ({"tokens": [TOKEN | {"sha256": "sbt_secret"}]}, "smppbridge token"),
        ({"tokens": [TOKEN | {"expires": "soon"}]}, "must be a date"),
        ({"hosts": ["sms.example.org:8775"]}, "without a port"),
        ({"hosts": ["https://sms.example.org"]}, "without a port"),
    ],
)
def test_faults_are_named_and_secrets_are_not(keys: dict[str, Any], fault: str) -> None:
    found = faults(**keys)
    assert fault in found
    assert "secret" not in found.lower().replace("must be text", "")


@pytest.mark.parametrize("given", [{"users": [USER]}, {"tokens": [TOKEN]}])
def test_no_password_and_no_token_in_the_clear(given: dict[str, Any]) -> None:
    assert "behind_proxy" in faults(listen="tcp:8775", **given)
    assert "tcp:1" in faults(listen=["tcp:8775:interface=127.0.0.1", "tcp:1"], **given)
    web(listen="tcp:8775", behind_proxy=["10.0.0.1/32"], **given)
    web(listen=["tcp:8775:interface=127.0.0.1", r"tcp6:8776:interface=\:\:1"], **given)
    web(listen="tcp:8775")


@pytest.mark.parametrize(
    ("text", "private"),
    [
        ("tcp:1:interface=127.0.0.1", True),
        ("tcp:1:interface=10.0.0.1", False),
        ("tcp:1:interface=localhost", False),
        ("tcp:1", False),
        ("unix:/x", True),
        ("nonsense", True),
    ],
)
def test_private_endpoints(text: str, private: bool) -> None:
    assert is_private(text) is private


@pytest.mark.parametrize("value", ["admin.sock", "/" + "x" * 101, "/a\0b", ""])
def test_the_admin_socket_is_a_whole_path(value: str) -> None:
    with pytest.raises(ValidationError, match="whole path"):
        Settings.model_validate({"admin_socket": value})


def test_the_admin_socket_can_be_off() -> None:
    assert Settings.model_validate({"admin_socket": "off"}).admin_socket is None
    assert Settings().admin_socket == "/run/smppbridge/admin.sock"

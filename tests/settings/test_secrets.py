from __future__ import annotations

from pathlib import Path

import pytest
from argon2 import PasswordHasher

from smppbridge.model.account import Secret
from smppbridge.settings.secrets import BadSecret, clear_text, expand, password

ENVIRONMENT = {"A": "one", "B_2": "$$two", "EMPTY": ""}


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("plain", "plain"),
        ("${A}", "one"),
        ("x${A}y${B_2}", "xoney$$two"),
        ("$${A}", "${A}"),
        ("a$b", "a$b"),
        ("$argon2id$v=19$m=8,t=1,p=1$YQ$YQ", "$argon2id$v=19$m=8,t=1,p=1$YQ$YQ"),
    ],
)
def test_variables_are_expanded(text: str, expanded: str) -> None:
    assert expand(text, ENVIRONMENT) == expanded


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("${NOWHERE}", "NOWHERE is not set"),
        ("${EMPTY}", "EMPTY is not set, or empty"),
        ("${A", "} ends it"),
        ("${}", "name of a variable"),
        ("${a b}", "name of a variable"),
    ],
)
def test_variables_that_cannot_be_expanded(text: str, said: str) -> None:
    with pytest.raises(BadSecret, match=said):
        expand(text, ENVIRONMENT)


@pytest.mark.parametrize(
    ("octets", "text"),
    [(b"pw\n", "pw"), (b"pw\r\n", "pw"), (b"pw\n\n", "pw\n"), (b" pw ", " pw ")],
)
def test_one_newline_is_taken_off_a_file(tmp_path: Path, octets: bytes, text: str) -> None:
    (tmp_path / "secret").write_bytes(octets)
    assert clear_text({"file": "secret"}, tmp_path) == text
    assert clear_text({"file": str(tmp_path / "secret")}, Path("/elsewhere")) == text


@pytest.mark.parametrize(
    ("octets", "said"),
    [(b"\n", "is empty"), (b"\xff", "UTF-8"), (b"x" * 65_537, "too long"), (b"a\0b", "NUL")],
)
def test_files_that_hold_no_secret(tmp_path: Path, octets: bytes, said: str) -> None:
    (tmp_path / "secret").write_bytes(octets)
    with pytest.raises(BadSecret, match=said):
        clear_text({"file": "secret"}, tmp_path)


@pytest.mark.parametrize("name", ["missing", ".", "x" * 300, "a\0b"])
def test_files_that_cannot_be_read(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadSecret, match=r"cannot be read|not the name of a file"):
        clear_text({"file": name}, tmp_path)


def test_an_argon2id_hash_is_kept() -> None:
    hashed = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("demo")
    assert password({"hash": hashed}, Path()) == Secret(hashed=hashed)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"hash": "$argon2i$v=19$m=8,t=1,p=1$YWJj$YWJj"}, "argon2id"),
        ({"hash": "plain"}, "argon2id"),
        ({"hash": "x", "file": "y"}, "in quotes"),
        ({}, "must be"),
        (["pw"], "must be"),
        (None, "must be"),
        (12345678, "in quotes"),
        ("", "is empty"),
    ],
)
def test_what_is_no_password(value: object, said: str) -> None:
    with pytest.raises(BadSecret, match=said) as caught:
        password(value, Path())
    assert "plain" not in str(caught.value)

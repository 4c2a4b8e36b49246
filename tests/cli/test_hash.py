from __future__ import annotations

from pathlib import Path

import pytest
from argon2 import PasswordHasher
from click.testing import CliRunner

from smppbridge.cli.hash import hash as hash_command
from smppbridge.settings.secrets import password


@pytest.mark.parametrize("given", ["secret\n", "secret", "secret\r\n"])
def test_a_password_from_a_pipe(given: str) -> None:
    result = CliRunner().invoke(hash_command, input=given)
    assert (result.exit_code, result.stderr) == (0, "")
    hashed = result.stdout.strip()
    assert PasswordHasher().verify(hashed, "secret")
    assert password({"hash": hashed}, Path()).hashed == hashed


def test_a_password_that_no_client_can_send_is_doubted() -> None:
    result = CliRunner().invoke(hash_command, input="123456789\n")
    assert (result.exit_code, "more than 8 characters" in result.stderr) == (0, True)
    assert "123456789" not in result.stderr


@pytest.mark.parametrize("given", ["", "\n", "a\0b\n"])
def test_no_password(given: str) -> None:
    result = CliRunner().invoke(hash_command, input=given)
    assert (result.exit_code, result.stdout) == (1, "")

"""Hashes that do not hold, and addresses that allow_from shuts out."""

from __future__ import annotations

from typing import Any

import pytest

from smppbridge.cli.bridge_client import NoBridge
from smppbridge.doctor.accounts import passwords, refused_addresses
from smppbridge.doctor.diagnosis import Diagnosis
from smppbridge.settings.schema import Settings

_SALT_HASH = "c29tZXNhbHRzb21lc2FsdA$dGhpcyBpcyB0aGUgaGFzaCBvZiBubyBwYXNzd29yZC4"
GOOD = f"$argon2id$v=19$m=32768,t=1,p=1${_SALT_HASH}"


def settings(*passwords: Any, **keys: Any) -> Settings:
    accounts = [
        {"system_id": f"a{n}", "password": password, **keys} for n, password in enumerate(passwords)
    ]
    return Settings.model_validate({"accounts": accounts, "admin_socket": "/run/x.sock"})


@pytest.mark.parametrize(
    ("hashed", "verdict", "says"),
    [
        ("$argon2id$v=19$m=8,t=1,p=1$YQ$YQ", "fault", "cannot be verified (Output is too short)"),
        (f"$argon2id$v=19$m=0,t=0,p=0${_SALT_HASH}", "fault", "cannot be verified"),
        (GOOD[:-2], "fault", "cannot be verified"),
        (f"$argon2id$v=19$m=4194304,t=3,p=1${_SALT_HASH}", "look", "takes 4,096 MB for each bind"),
        (f"$argon2id$v=19$m=1024,t=2,p=1${_SALT_HASH}", "look", "is obsolete: with 1,024 KiB"),
    ],
)
def test_hashes_that_do_not_hold(hashed: str, verdict: str, says: str) -> None:
    good = {"hash": GOOD}
    odd, others = passwords(settings(good, [good, {"hash": hashed}], "clear"), lambda: 0.0)
    assert (odd.subject, odd.verdict, "the hash of its old password" in odd.says) == (
        "a1",
        verdict,
        True,
    )
    assert says in odd.says
    assert "smppbridge hash" in odd.advice
    assert (others.verdict, others.says) == ("good", "2 of 3 hashes hold")
    assert hashed not in str((odd, others))


def test_a_hash_that_takes_long_and_one_for_which_there_is_no_time() -> None:
    moments = iter((0.0, 0.0, 0.0, 2.5, 2.6, 2.6, 2.7, 6.0))
    slow, others = passwords(settings(*[{"hash": GOOD}] * 3), lambda: next(moments))
    assert "takes 2.5 s for each bind" in slow.says
    assert others.says == "1 of 3 hashes hold; no time for 1"


def test_without_hashes_nothing_is_said() -> None:
    assert list(passwords(settings("clear"))) == []


def refused(system_id: str, address: str, reason: str = "allow_from") -> dict[str, str]:
    return {"system_id": system_id, "address": address, "reason": reason}


def told(given: Settings, *items: dict[str, str]) -> list[Diagnosis]:
    asked = lambda path, verb, operation: {"items": list(items)}  # noqa: E731
    return list(refused_addresses(given, 1, asked))


def test_addresses_that_are_shut_out() -> None:
    given = settings("a", "b", allow_from=["10.0.0.0/8"])
    odd, last = refused("stranger", "192.0.2.1"), refused("a1", "192.0.2.1", "wrong_password")
    again = refused("a1", "192.0.2.7"), refused("a1", "192.0.2.7"), refused("a1", "2001:db8::1")
    (found,) = told(given, odd, *again, last)
    assert (found.verdict, found.subject) == ("look", "a1")
    assert "192.0.2.7 (2), 2001:db8::1 (1); allow_from has 10.0.0.0/8" in found.says
    many = [refused("a0", f"192.0.2.{n}") for n in range(9)]
    (found,) = told(given, *many)
    assert "and 4 more" in found.says


def test_an_address_that_may_bind_meanwhile_is_not_told() -> None:
    (found,) = told(settings("a", allow_from=["10.0.0.0/8"]), refused("a0", "10.1.1.1"))
    assert found.verdict == "good"
    (found,) = told(settings("a", allow_from=[]), refused("a0", "10.1.1.1"))
    assert "allow_from has none" in found.says


def test_a_bridge_that_is_not_there_or_says_nothing() -> None:
    def silent(*_: str) -> dict[str, Any]:
        raise NoBridge("refused")

    assert list(refused_addresses(settings("a"), None, silent)) == []
    (found,) = refused_addresses(settings("a"), 1, silent)
    assert (found.verdict, "are not known: refused" in found.says) == ("look", True)

"""The accounts: whether hashes of passwords can be verified, and whose addresses are shut out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from argon2 import PasswordHasher, extract_parameters
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

from smppbridge.cli.bridge_client import NoBridge, OperationRefused, ask
from smppbridge.doctor.diagnosis import LIMIT, Diagnosis, Verdict
from smppbridge.model.account import Account
from smppbridge.model.masking import masked
from smppbridge.model.reason_words import Reason
from smppbridge.net.binds import CHECKS
from smppbridge.settings.schema import Settings

_DEAR_SECONDS = 1.0
_DEAR_MEMORY = 256 * 1024  # KiB
_LEAST_WORK = 32 * 1024  # KiB that one guess has to write: passes times memory
_SHOWN = 5  # addresses
_ANEW = "smppbridge hash prints a new one of the same password; the ESME notices nothing"
Judged = tuple[Verdict, str]
"""A verdict on a hash, and the words of its diagnosis."""


def passwords(
    settings: Settings, seconds: Callable[[], float] = time.perf_counter
) -> Iterator[Diagnosis]:
    """Examine the hashes of accounts' passwords, by the verification of a wrong password each."""
    found, looked_at, hashes = list[Diagnosis](), 0, list(_hashes(settings))
    ends = seconds() + LIMIT / 2
    for system_id, which, hashed in hashes:
        if seconds() > ends:
            break
        looked_at += 1
        if (judged := _judged(hashed, seconds)) is not None:
            verdict, says = judged
            words = f"the hash of its {which} {says}"
            found.append(Diagnosis("password", system_id, verdict, words, _ANEW))
    yield from found
    if looked_at > len(found):
        says = f"{looked_at - len(found)} of {len(hashes)} hashes hold"
        left = len(hashes) - looked_at
        yield Diagnosis("password", "", "good", f"{says}; no time for {left}" if left else says)


def _hashes(settings: Settings) -> Iterator[tuple[str, str, str]]:
    """Yield the hashes of all accounts, each with the system_id and the name of its password."""
    for system_id, account in settings.records().items():
        for which, secret in (
            ("password", account.password),
            ("old password", account.old_password),
        ):
            if secret is not None and secret.hashed:
                yield system_id, which, secret.hashed


def _judged(hashed: str, seconds: Callable[[], float]) -> Judged | None:
    try:
        terms = extract_parameters(hashed)
    except InvalidHashError:
        return "fault", "cannot be verified: whatever the ESME sends is a wrong password"
    memory, passes = terms.memory_cost, terms.time_cost
    if memory > _DEAR_MEMORY:  # and is not tried here
        return "look", (
            f"takes {memory / 1024:,.0f} MB for each bind, and {CHECKS} are checked at once"
        )
    begun = seconds()
    try:
        PasswordHasher().verify(hashed, "\0")  # no password has a NUL
    except VerifyMismatchError:
        took = seconds() - begun
    except (VerificationError, InvalidHashError) as error:
        return "fault", f"cannot be verified ({error}): whatever the ESME sends is a wrong password"
    else:
        return "fault", "is one of no password"
    if took > _DEAR_SECONDS:
        return "look", f"takes {took:.1f} s for each bind, and {CHECKS} are checked at once"
    if memory * passes < _LEAST_WORK:
        return "look", f"is obsolete: with {memory:,} KiB and {passes} passes guesses are cheap"
    return None


def refused_addresses(
    settings: Settings,
    pid: int | None,
    asked: Callable[[str, str, str], Mapping[str, Any]] = ask,
) -> Iterator[Diagnosis]:
    """Examine the binds that were refused lately for an address that allow_from does not have."""
    if pid is None or not settings.admin_socket:
        return
    try:
        items = asked(settings.admin_socket, "GET", "/sessions/refused")["items"]
    except (NoBridge, OperationRefused, KeyError) as error:
        says = f"the binds that were refused are not known: {error}"
        yield Diagnosis("allow_from", "", "look", says, "run doctor as the bridge's user")
        return
    shut_out = False
    for account in settings.records().values():
        addresses = _shut_out(account, items)
        if addresses:
            shut_out = True
            yield _of_account(account, addresses)
    if not shut_out:
        yield Diagnosis("allow_from", "", "good", "no bind was refused for its address lately")


def _shut_out(account: Account, items: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Return the addresses that an account was refused at and still would be, with counts."""
    name, counts = masked(account.system_id), dict[str, int]()
    for each in items:
        address = str(each["address"])
        if (each["system_id"], each["reason"]) == (
            name,
            Reason.ALLOW_FROM,
        ) and not account.allows_address(address):
            counts[address] = counts.get(address, 0) + 1
    return counts


def _of_account(account: Account, addresses: Mapping[str, int]) -> Diagnosis:
    told = ", ".join(f"{address} ({count})" for address, count in list(addresses.items())[:_SHOWN])
    more = f", and {len(addresses) - _SHOWN} more" if len(addresses) > _SHOWN else ""
    networks = ", ".join(map(str, account.allow_from or ())) or "none"
    says = f"refused binds from {told}{more}; allow_from has {networks}"
    advice = "add the address to allow_from if it is the ESME's; if not, who knows its name?"
    return Diagnosis("allow_from", account.system_id, "look", says, advice)

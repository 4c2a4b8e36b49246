"""canary: a message through the running bridge to a phone, and its receipt back, for `doctor`."""

from __future__ import annotations

import ssl
from typing import Any

import click

from smppbridge.cli.send import Sending
from smppbridge.cli.smpplib_session import BindRefused, Login, Unreachable, bound
from smppbridge.cli.submissions import addresses, submissions
from smppbridge.doctor.diagnosis import Diagnosis
from smppbridge.doctor.listening import host_at, port_at
from smppbridge.settings.account import AccountSection
from smppbridge.settings.endpoints import parse
from smppbridge.settings.schema import Settings
from smppbridge.settings.values import suggestion

SOURCE, TEXT = "CANARY", "canary"


class NoCanary(Exception):
    """No canary can be sent with this configuration; the reason."""


def login_of(settings: Settings, system_id: str) -> Login:
    """Return how an account binds at the bridge on this machine; raises NoCanary."""
    account = _account(settings, system_id)
    clear = account.password[0].clear
    if not clear:
        raise NoCanary("its password is hashed: give `smppbridge send` the password instead")
    for description in settings.smpp.listen if settings.smpp else ():
        here = parse(description)
        if "port" in here.named and here.named["port"] != "0":
            trust = None
            if here.kind == "ssl":  # our own: the certificate names a host that others know
                trust = ssl.create_default_context()
                trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE
            return Login(host_at(here), port_at(here), system_id, clear, trust)
    raise NoCanary("smpp listens at no port of this machine")


def _account(settings: Settings, system_id: str) -> AccountSection:
    for each in settings.accounts:
        if each.system_id == system_id:
            return each
    hint = suggestion(system_id, [each.system_id for each in settings.accounts])
    raise NoCanary(f"there is no such account{hint}")


def source_of(settings: Settings, system_id: str) -> str:
    """Return a source address that an account may use."""
    senders = _account(settings, system_id).senders
    exact = [each for each in senders or () if each.isalnum()]
    return exact[0] if exact else SOURCE


def fly(settings: Settings, system_id: str, number: str, wait: float) -> Diagnosis:
    """Send a canary from an account to a number, and await its receipt; return the diagnosis.

    Raises click.UsageError for a number that is none.
    """
    came: list[tuple[str, dict[str, Any]]] = []
    try:
        login, source = login_of(settings, system_id), source_of(settings, system_id)
        fields = addresses(source, number) | {"registered_delivery": 1}
        requests = [
            (fields | more, segment)
            for more, segment in submissions(TEXT, coding="auto", long="udh8", reference=0)
        ]
        sending = Sending(lambda *event: came.append(event), receipts=True)
        with bound(login, "transceiver") as esme:
            sending.run(esme, requests, wait)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    except NoCanary as error:
        return Diagnosis("canary", system_id, "fault", str(error))
    except (BindRefused, Unreachable) as error:
        advice = f"smppbridge reasons --about {system_id}"
        return Diagnosis("canary", system_id, "fault", str(error), advice)
    return _judged(system_id, came, wait)


def _judged(system_id: str, came: list[tuple[str, dict[str, Any]]], wait: float) -> Diagnosis:
    """Return the diagnosis of a canary by the events of its way: its answer, then its receipts."""
    if not came:
        says, advice = f"no answer within {wait:g} s", "smppbridge status"
        return Diagnosis("canary", system_id, "fault", says, advice)
    event, last = came[-1]
    seconds = last["ms"] / 1_000
    if event == "refused":
        says, advice = f"refused: {last['status']}", f"smppbridge reasons --about {system_id}"
        return Diagnosis("canary", system_id, "fault", says, advice)
    look = f"smppbridge messages --id {last['message_id']}"
    if event == "submitted":
        says = f"answered ESME_ROK, and no receipt came within {wait:g} s"
        return Diagnosis("canary", system_id, "fault", says, look)
    if last["stat"] != "DELIVRD":
        says = f"its receipt says {last['stat']}, err {last['err']}, after {seconds:.1f} s"
        return Diagnosis("canary", system_id, "fault", says, look)
    says = f"message {last['message_id']} was delivered, and its receipt came after {seconds:.1f} s"
    return Diagnosis("canary", system_id, "good", says)

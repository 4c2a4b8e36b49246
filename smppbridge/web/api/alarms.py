"""alarms: what a person has to know and to do now, each with one action; pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from smppbridge.web.api.accounts import AccountItem
from smppbridge.web.api.providers import ProviderItem
from smppbridge.web.operations import Answer

LEAST_DAYS, LEAST_FREE = 3.0, 1 << 30
"""Days of credit and octets of the disk below which there is an alarm."""
MOST = 50

Screen = Literal["provider", "account", "accounts", "messages", "uncertain", "settings"]


class Action(Answer):
    """What helps: a screen to look at, with the name of a provider or an account."""

    label: str
    screen: Screen
    name: str | None = None


class Alarm(Answer):
    """Something that a person has to look at."""

    code: str = Field(description="A word of a fixed list")
    tone: Literal["bad", "warn", "unsure"]
    about: str | None = Field(default=None, description="The provider or account")
    title: str
    text: str
    action: Action


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What alarms are made of; *free* are octets of the disk, *expiring* certificates."""

    checks: Mapping[str, bool]
    providers: Sequence[ProviderItem]
    accounts: Sequence[AccountItem]
    uncertain: int
    free: float | None
    expiring: Sequence[tuple[str, str]]
    applied_well: bool


_CHECKS = {
    "store_writable": (
        "store_failed",
        "The store cannot write",
        "Every submit_sm is refused until it can: look at the disk and at store_failed in the log.",
    ),
    "listening": ("starting", "The bridge is starting", "It does not listen yet."),
    "not_draining": ("stopping", "The bridge is stopping", "It accepts no message any more."),
}


def alarms_of(situation: Situation) -> list[Alarm]:
    """Return the alarms of a situation, the worst first."""
    found = [
        *_not_ready(situation),
        *(alarm for each in situation.providers if (alarm := _provider(each))),
        *_uncertain(situation),
        *(alarm for each in situation.accounts if (alarm := _account(each))),
        *_credit(situation),
        *_machine(situation),
    ]
    order = {"bad": 0, "unsure": 1, "warn": 2}
    return sorted(found, key=lambda alarm: order[alarm.tone])[:MOST]


def _not_ready(situation: Situation) -> Iterator[Alarm]:
    for check, holds in situation.checks.items():
        if not holds:
            code, title, text = _CHECKS.get(check, ("not_ready", f"{check} does not hold", ""))
            action = Action(label="Look", screen="settings")
            yield Alarm(code=code, tone="bad", title=title, text=text, action=action)


def _provider(provider: ProviderItem) -> Alarm | None:
    said = _said_of(provider)
    if said is None:
        return None
    code, tone, title, why = said
    waiting, oldest = provider.waiting.messages, provider.waiting.oldest_seconds
    text = f"{why} {_many(waiting, 'message')} for it {'waits' if waiting == 1 else 'wait'}"
    text += f", the oldest for {_span(oldest)}." if oldest is not None else "."
    action = Action(label="Look", screen="provider", name=provider.name)
    return Alarm(code=code, tone=tone, about=provider.name, title=title, text=text, action=action)


def _said_of(
    provider: ProviderItem,
) -> tuple[str, Literal["bad", "warn"], str, str] | None:
    name, breaker = provider.name, provider.breaker
    last = f" The last error: {provider.last_error.reason}." if provider.last_error else ""
    if provider.state in ("open", "probing"):
        failed = f"{_many(breaker.failures, 'failure')} in a row opened its breaker.{last}"
        return "provider_down", "bad", f"{name} does not answer", failed
    if provider.state == "unbound":
        return "provider_unbound", "bad", f"{name} has no session", "Nothing can be submitted."
    if provider.state == "refusing":
        return "provider_refusing", "bad", f"{name} refuses every message", f"{provider.refusing}."
    if provider.state == "held":
        return "provider_held", "warn", f"{name} is paused", "A person has paused it."
    if provider.state == "paused":
        told = f"It told the bridge to wait {_span(provider.paused_seconds)}."
        return "provider_paused", "warn", f"{name} is told to slow down", told
    if provider.state == "credit_low":
        return "credit_low", "warn", f"The credit at {name} is low", _amount(provider)
    return None


def _uncertain(situation: Situation) -> Iterator[Alarm]:
    count = situation.uncertain
    if count:
        yield Alarm(
            code="uncertain",
            tone="unsure",
            title=f"{_many(count, 'message')} {'is' if count == 1 else 'are'} Uncertain",
            text="They may or may not have been sent.",
            action=Action(label="Decide", screen="uncertain"),
        )


def _account(account: AccountItem) -> Alarm | None:
    owed, binds = account.owed, account.binds
    if not owed.count or owed.oldest_at is None:
        return None
    if binds.get("receiver", 0) + binds.get("transceiver", 0):
        return None
    title = f"{_many(owed.count, 'receipt')} {'waits' if owed.count == 1 else 'wait'} for "
    why = "It has no session." if not binds else "Its sessions are transmitters only."
    return Alarm(
        code="no_receiver",
        tone="warn",
        about=account.id,
        title=title + account.id,
        text=f"{why} Let it bind as a receiver or a transceiver; they are kept until {owed.until}.",
        action=Action(label="Look", screen="account", name=account.id),
    )


def _credit(situation: Situation) -> Iterator[Alarm]:
    for provider in situation.providers:
        days = provider.balance.days_left if provider.balance else None
        if days is not None and days < LEAST_DAYS and provider.state != "credit_low":
            yield Alarm(
                code="credit_ends",
                tone="warn",
                about=provider.name,
                title=f"The credit at {provider.name} lasts {days:.1f} days",
                text=_amount(provider),
                action=Action(label="Look", screen="provider", name=provider.name),
            )


def _machine(situation: Situation) -> Iterator[Alarm]:
    look = Action(label="Look", screen="settings")
    for listener, doubt in situation.expiring:
        yield Alarm(
            code="certificate_expires",
            tone="warn",
            about=listener,
            title=f"A certificate of the listener {listener} expires",
            text=f"{doubt}. Replace the file, then reload.",
            action=look,
        )
    if situation.free is not None and situation.free < LEAST_FREE:
        free = situation.free / (1 << 20)
        yield Alarm(
            code="disk_full",
            tone="bad",
            title="The disk of the store is nearly full",
            text=f"{free:.0f} MiB are free. Without room every submit_sm is refused.",
            action=look,
        )
    if not situation.applied_well:
        yield Alarm(
            code="configuration_refused",
            tone="warn",
            title="The configuration that was read last was refused",
            text="The one before is in force: the log has the line and the key.",
            action=look,
        )


def _amount(provider: ProviderItem) -> str:
    balance = provider.balance
    return f"{balance.amount:,.2f} {balance.unit} are left." if balance else "Top it up."


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def _span(seconds: float) -> str:
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"

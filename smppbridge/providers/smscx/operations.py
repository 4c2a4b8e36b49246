"""The further operations on an account at SMS.CX: prices, numbers, opt-outs, reports."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

from smppbridge.providers.exchange import NOW, BadReply, Exchange, Operation, Price
from smppbridge.providers.smscx.answers import items_of
from smppbridge.providers.smscx.pull import AskAccount, day_of, paged

AccountRow = dict[str, Any]

_TRAFFIC = ("transactional", "promotional", "2way")
_DEEPEST = 8
_MOST = 1e12  # of any currency; below the integers that are no float


@dataclass(frozen=True, slots=True)
class AccountOperations:
    """The operations, asked by *ask*; *sender* is the source of estimates without a source."""

    ask: AskAccount
    sender: str

    def balance(self) -> Exchange[AccountRow]:
        """Return the amount, the currency and the billing (before or after) of the credit."""
        return flat((yield from self.ask("GET", "account/balance")))

    def channels(self) -> Exchange[AccountRow]:
        """Return the state of each channel."""
        return flat((yield from self.ask("GET", "account/channels/status")))

    def pricing(self, country: str = "", traffic: str = _TRAFFIC[0]) -> Exchange[list[AccountRow]]:
        """Return the price of a part, by country and operator."""
        if traffic not in _TRAFFIC:
            raise BadReply(f"traffic is one of {', '.join(_TRAFFIC)}")
        path = f"account/pricing/sms/{traffic}"
        prices = yield from self.ask("GET", f"{path}/{_part(country)}" if country else path)
        return list(_prices(prices, ()))

    def estimate(self, to: str, text: str, sender: str = "") -> Exchange[AccountRow]:
        """Return the cost of a message without sending the message."""
        wanted = {"to": [to], "from": sender or self.sender, "text": text}
        answer = yield from self.ask("POST", "sms/estimate", wanted)
        return flat(answer.get("info"))

    def validate(self, numbers: Sequence[str]) -> Exchange[list[AccountRow]]:
        """Return the numbering plan's data about numbers."""
        wanted = {"phoneNumbers": list(numbers)}
        answer = yield from self.ask("POST", "numbers/validate", wanted)
        return _rows(answer)

    def lookup(self, number: str) -> Exchange[AccountRow]:
        """Return the home network's data about a number."""
        answer = yield from self.ask("GET", f"numbers/lookup/{_part(number)}")
        return flat(answer.get("data"))

    def originators(self) -> Exchange[list[AccountRow]]:
        """Return the registered sources."""
        return _rows((yield from self.ask("GET", "originators")))

    def add_originator(self, originator: str) -> Exchange[AccountRow]:
        """Register a source."""
        answer = yield from self.ask("POST", "originators", {"originator": originator})
        return flat(answer.get("info"))

    def delete_originator(self, identifier: str) -> Exchange[AccountRow]:
        """Withdraw a source."""
        answer = yield from self.ask("DELETE", f"originators/{_part(identifier)}")
        return flat(answer.get("info"))

    def optouts(self) -> Exchange[list[AccountRow]]:
        """Return the numbers that opted out."""
        return [flat(item) for item in (yield from paged(self.ask, "optouts", {}))]

    def add_optouts(self, numbers: Sequence[str]) -> Exchange[AccountRow]:
        """Add numbers to the opt-outs."""
        wanted = {"phoneNumbers": list(numbers), "allowInvalid": True}
        answer = yield from self.ask("POST", "optouts", wanted)
        return flat(answer.get("info"))

    def delete_optout(self, identifier: str) -> Exchange[AccountRow]:
        """Remove a number from the opt-outs, by the id of the opt-out."""
        answer = yield from self.ask("DELETE", f"optouts/{_part(identifier)}")
        return flat(answer.get("info"))

    def reports(self, start: str = "", end: str = "") -> Exchange[list[AccountRow]]:
        """Return the reports of the days from *start* to *end*, by default of today."""
        now: float = yield NOW
        start = start or day_of(now)
        days: dict[str, str | int] = {"start_date": start, "end_date": end or day_of(now)}
        return [flat(item) for item in (yield from paged(self.ask, "reports", days))]

    def delete_scheduled(self, identifier: str) -> Exchange[AccountRow]:
        """Cancel a scheduled message."""
        answer = yield from self.ask("DELETE", f"sms/scheduled/{_part(identifier)}")
        return flat(answer.get("info"))


def operations_of(ask: AskAccount, sender: str) -> Mapping[str, Operation]:
    """Return the operations of `smppbridge account`, by name."""
    account = AccountOperations(ask, sender)
    return MappingProxyType(
        {
            "balance": Operation(run=account.balance, description="Credit left"),
            "pricing": Operation(
                run=account.pricing,
                description="Prices; traffic is transactional, promotional or 2way",
                arguments=("country?", "traffic?"),
            ),
            "channels": Operation(run=account.channels, description="Which channels are open"),
            "estimate": Operation(
                run=account.estimate,
                description="What a message would cost; nothing is sent",
                arguments=("to", "text", "sender?"),
            ),
            "validate": Operation(
                run=account.validate,
                description="What the numbering plan says of numbers",
                arguments=("numbers...",),
            ),
            "lookup": Operation(
                run=account.lookup,
                description="What the home network says of a number; charged",
                arguments=("number",),
                moves_money=True,
            ),
            "originators": Operation(run=account.originators, description="Registered sources"),
            "add-originator": Operation(
                run=account.add_originator,
                description="Register a source",
                arguments=("originator",),
            ),
            "delete-originator": Operation(
                run=account.delete_originator,
                description="Withdraw a source by its id",
                arguments=("id",),
            ),
            "optouts": Operation(run=account.optouts, description="Numbers that want no messages"),
            "add-optouts": Operation(
                run=account.add_optouts,
                description="Send these numbers no more messages",
                arguments=("numbers...",),
            ),
            "delete-optout": Operation(
                run=account.delete_optout,
                description="Send messages to a number again, by the id of its opt-out",
                arguments=("id",),
            ),
            "reports": Operation(
                run=account.reports,
                description="Reports of these days (YYYY-MM-DD), of today if none is named",
                arguments=("start?", "end?"),
            ),
            "delete-scheduled": Operation(
                run=account.delete_scheduled,
                description="Give up a scheduled message; its cost is credited back",
                arguments=("id",),
            ),
        }
    )


def price_of(answer: Mapping[str, Any]) -> Price:
    """Return the price in an answer to sms/estimate; raises BadReply."""
    info = flat(answer.get("info"))
    cost: Any = info.get("totalCost")
    parts = info.get("totalParts")
    if not _is_amount(cost) or not isinstance(parts, int) or parts < 1:
        raise BadReply("no price")  # of a number without coverage, too
    return Price(float(cost), "", parts)


def flat(value: object, within: str = "", depth: int = _DEEPEST) -> AccountRow:
    """Return the plain values of an object; values of inner objects have names joined by dots."""
    row: AccountRow = {}
    for name, inner in value.items() if isinstance(value, dict) and depth else ():
        if isinstance(inner, dict):
            row |= flat(inner, f"{within}{name}.", depth - 1)
        elif isinstance(inner, list):
            row[within + name] = ", ".join(
                str(each) for each in inner if not isinstance(each, dict | list)
            )
        else:
            row[within + name] = inner
    return row


def _rows(answer: Mapping[str, Any]) -> list[AccountRow]:
    return [flat(item) for item in items_of(answer.get("data"))]


def _prices(value: object, names: tuple[str, ...]) -> Iterator[AccountRow]:
    """Yield prices, which lie in objects by country, then by operator, then perhaps by network."""
    if isinstance(value, dict) and len(names) < _DEEPEST:
        for name, inner in value.items():
            yield from _prices(inner, (*names, name))
    elif names and isinstance(value, int | float) and not isinstance(value, bool):
        country, *operator = names
        yield {"country": country, "operator": " ".join(operator), "price": value}


def _is_amount(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and 0 <= value < _MOST


def _part(text: str) -> str:
    return quote(text, safe="", errors="replace")

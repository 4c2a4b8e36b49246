"""The account and the messages that MSpace's two HTTP APIs, played on loopback, share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Any, Literal

from twisted.web.server import NOT_DONE_YET, Request

from smppbridge.simulators.magic import Remembered, Throttle, behaviour_of
from smppbridge.simulators.serving import Page, PageAnswer, WebSimulator, ends_later, silent
from smppbridge.smpp.constants import MessageState

Arguments = Mapping[str, str]
ServedOperation = Callable[[Request, Arguments], PageAnswer]
Echo = Literal["asked", "international", "local"]

TOP_UPS = {"subacctopup": "subaccname", "resellerclienttopup": "clientname"}
_COUNTRY = "254"
_LONGEST_NAME = 11


@dataclass(frozen=True, slots=True)
class SentRecipient:
    """A recipient with its outcome: *fault* if the message was refused, else the messageId."""

    recipient: str
    fault: str = ""
    identifier: str = ""


@dataclass(frozen=True, slots=True)
class AcceptedMessage:
    """An accepted message: its last state (None: no report) and that state's time (reactor)."""

    recipient: str
    state: MessageState | None
    due: float


class MSpaceSimulator(WebSimulator):
    """One account at MSpace, with sub-users and reseller clients whose credit can be topped up.

    *requests* counts sendtext, *accepted* the accepted messages, *taken* the number of times that
    each (recipient, text) was accepted; entries over the last 100,000 are forgotten.  *echo* is the
    form in which an answer repeats recipients.
    """

    def __init__(
        self,
        reactor: Any,
        *,
        callback_url: str | None = None,
        delay: float = 1.0,
        credit: int = 1_000_000,
        echo: Echo = "asked",
    ) -> None:
        pages = {
            f"{self.folder}/{name}": Page(partial(self._serve, operation), *self.methods)
            for name, operation in self.operations().items()
        }
        super().__init__(reactor, pages, callback_url)
        self.requests = 0
        self.accepted = 0
        self.credit = credit
        self.taken: Remembered[tuple[str, str], int] = Remembered()
        self.messages: Remembered[str, AcceptedMessage] = Remembered()
        self.topped_up = {
            "subacctopup": {"subuser1": 20, "subuser2": 35},
            "resellerclienttopup": {"client1": 20},
        }
        self._delay = delay
        self._echo = echo
        self._throttle = Throttle()
        self._identifiers = count(49_032_401 + int(reactor.seconds() * 1000))

    folder: str
    methods: tuple[bytes, ...]

    def operations(self) -> Mapping[str, ServedOperation]:
        """Return the operations, by their names in paths."""
        raise NotImplementedError

    def _serve(self, operation: ServedOperation, request: Request) -> PageAnswer:
        raise NotImplementedError

    def _sent(self, request: Request, sent: Sequence[SentRecipient]) -> bytes:
        """Write the answer to sendtext."""
        raise NotImplementedError

    def _send(self, request: Request, fields: Arguments) -> PageAnswer:
        """Behave by the endings of all recipients; a list is as slow as its slowest recipient."""
        self.requests += 1
        recipients = [each.strip() for each in fields.get("recipient", "").split(",")]
        text = fields.get("message", "")
        behaviours = [behaviour_of(recipient) for recipient in recipients]
        answers = {behaviour.answer for behaviour in behaviours}
        if "silence" in answers:
            return silent(request)
        if "error" in answers:
            return error_page(request, 500, b"Internal Server Error")
        if "throttle" in answers and self._throttle.refuses((tuple(recipients), text)):
            return error_page(request, 429, b"Too Many Requests")
        body = self._sent(request, self._handed_over(fields.get("senderid", ""), recipients, text))
        after = max(behaviour.answer_after for behaviour in behaviours)
        if not after:
            return body
        self._reactor.callLater(after, ends_later(request), body)
        return NOT_DONE_YET

    def _handed_over(
        self, sender: str, recipients: Sequence[str], text: str
    ) -> list[SentRecipient]:
        return [self._hand_over(sender, recipient, text) for recipient in recipients]

    def _hand_over(self, sender: str, recipient: str, text: str) -> SentRecipient:
        shown = self._repeated(recipient)
        if fault := self.fault_of(sender, recipient):
            return SentRecipient(shown, fault)
        behaviour = behaviour_of(recipient)
        self.accepted += 1
        self.credit -= 1
        self.taken[recipient, text] = self.taken.get((recipient, text), 0) + 1
        identifier = str(next(self._identifiers))
        after = 0.0 if behaviour.early else behaviour.answer_after + self._delay
        self.messages[identifier] = AcceptedMessage(
            shown, behaviour.state, self._reactor.seconds() + after
        )
        return SentRecipient(shown, "", identifier)

    def fault_of(self, sender: str, recipient: str) -> str:
        """Return the reason why a message is refused; "" if the message is accepted."""
        number = recipient.removeprefix("+")
        if not sender or (len(sender) > _LONGEST_NAME and not sender.isdecimal()):
            return "Invalid sender ID"
        if not (number.isascii() and number.isdecimal() and 9 <= len(number) <= 15):
            return "Invalid recipient"
        if behaviour_of(number).answer == "reject":
            return "Invalid recipient"
        return "" if self.credit > 0 else "Insufficient Balance"

    def _repeated(self, recipient: str) -> str:
        if self._echo == "asked":
            return recipient
        national = recipient[-9:]
        return f"0{national}" if self._echo == "local" else f"{_COUNTRY}{national}"

    def state_of(self, identifier: str) -> tuple[str, MessageState] | None:
        """Return recipient and state of a message; None for an unknown id."""
        taken = self.messages.get(identifier)
        if taken is None:
            return None
        due = taken.state is not None and self._reactor.seconds() >= taken.due
        return taken.recipient, taken.state if due and taken.state else MessageState.ENROUTE

    def top_up(self, operation: str, fields: Arguments) -> str:
        """Move credit, and return the vendor's words (without a full stop)."""
        name, number = fields.get(TOP_UPS[operation], ""), fields.get("noofsms", "")
        balances = self.topped_up[operation]
        if name == "stranger":
            return "You are not Authorized to make this transaction, contact your service provider"
        if name not in balances:
            return f"Failed to top up {name} account"
        amount = int(number[:18]) if number.isascii() and number.isdecimal() else 0
        if not amount:
            return "Top up not Successful"
        if amount > self.credit:
            return "Insufficient Balance"
        self.credit -= amount
        balances[name] += amount
        return f"Successful Top up of {amount} SMS to {name}"


def path_arguments(request: Request) -> dict[str, str]:
    """Return the ``name=value`` segments after the operation, names in lower case."""
    pairs = (each.decode("utf-8", "replace").partition("=") for each in request.postpath or ())
    return {name.lower(): value for name, _, value in pairs}


def error_page(request: Request, status: int, words: bytes) -> bytes:
    """Answer as a servlet container does when its application fails."""
    request.setResponseCode(status, words)
    request.setHeader(b"content-type", b"text/html")
    return b"<html><body><h1>" + words + b"</h1></body></html>"

"""addressing: a message's addresses as a provider wants them; pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import phonenumbers

from smppbridge.model.address import source_address
from smppbridge.model.message import Message
from smppbridge.model.outcome import Refused
from smppbridge.routing.senders import ANY_SENDER, SenderPolicy
from smppbridge.smpp.constants import CommandStatus

NumberForm = Literal["digits", "plus", "local"]
_SHORTEST = 7  # digits of a number; shorter ones are short codes, and stay as they are
_NOT_HERE = Refused(
    "source address not allowed at this provider", CommandStatus.ESME_RINVSRCADR, True
)


class NotAddressable(Exception):
    """The message cannot go to this provider, for the reason in *outcome*."""

    def __init__(self, outcome: Refused) -> None:
        super().__init__(outcome.reason)
        self.outcome = outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Addressing:
    """The form of numbers for a provider, and the senders that the provider accepts."""

    number_form: NumberForm = "digits"
    senders: SenderPolicy = ANY_SENDER

    def apply(self, message: Message) -> Message:
        """Return *message*, or a copy with other addresses; raises NotAddressable."""
        sender = message.traits.sender
        source = source_address(sender) if sender else message.source
        found = self.senders.apply(source, message.number)
        if found is None:
            raise NotAddressable(_NOT_HERE)
        if found is message.source and self.number_form == "digits":
            return message
        return replace(message, source=found, number=written(message.number, self.number_form))


AS_IT_IS = Addressing()


def written(number: str, form: NumberForm) -> str:
    """Return E.164 digits in another form; a short code stays as it is."""
    if form == "digits" or len(number) < _SHORTEST:
        return number
    if form == "plus":
        return f"+{number}"
    try:
        parsed = phonenumbers.parse(f"+{number}")
    except phonenumbers.NumberParseException:
        return number
    spelled = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.NATIONAL)
    return "".join(c for c in spelled if c.isdecimal())

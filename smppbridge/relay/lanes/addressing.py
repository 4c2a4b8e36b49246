"""addressing: a message as its provider wants it, numbers, sender and alphabet; pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import phonenumbers

from smppbridge.model.address import source_address
from smppbridge.model.message import Message
from smppbridge.model.outcome import Refused
from smppbridge.routing.senders import ANY_SENDER, SenderPolicy
from smppbridge.smpp.constants import CommandStatus
from smppbridge.text.transliteration import transliterated

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
    """The form of numbers for a provider, the senders that the provider accepts, and its alphabet.

    *transliterates*: texts are brought into GSM 03.38.  The message itself keeps the ESME's text:
    receipts quote that text, and another provider of the route may get it.
    """

    number_form: NumberForm = "digits"
    senders: SenderPolicy = ANY_SENDER
    transliterates: bool = False

    def apply(self, message: Message) -> Message:
        """Return *message*, or a copy with other addresses or text; raises NotAddressable."""
        sender = message.traits.sender
        source = source_address(sender) if sender else message.source
        found = self.senders.apply(source, message.number)
        if found is None:
            raise NotAddressable(_NOT_HERE)
        text = self.text_of(message)
        if found is message.source and self.number_form == "digits" and text is message.text:
            return message
        number = written(message.number, self.number_form)
        return replace(message, source=found, number=number, text=text)

    def text_of(self, message: Message) -> str:
        """Return the text of *message* for this provider."""
        if self.transliterates or message.traits.transliterate:
            return transliterated(message.text)
        return message.text


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

"""Answers of MSpace: JSON, XML or plain words for any request, read into one form.

The documentation shows few answers and the clients disagree about them: the rules search for names
and words anywhere in a document.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, TypeGuard
from xml.etree import ElementTree

from smppbridge.model.message import Message
from smppbridge.providers.answers import MAX_ANSWER
from smppbridge.providers.exchange import BadReply
from smppbridge.smpp.constants import MessageState

Record = Mapping[str, Any]

# One client's own table; two clients agree on 3, the others are assumed.
STATES: Mapping[str, MessageState] = MappingProxyType(
    {
        "1": MessageState.ENROUTE,
        "2": MessageState.ENROUTE,
        "3": MessageState.DELIVERED,
        "4": MessageState.UNDELIVERABLE,
        "5": MessageState.UNDELIVERABLE,
    }
)
# In this order: "not yet delivered" is on its way, "delivery failed" is not delivered, and a
# message delivered to a network has not reached the phone.
_WORDS: tuple[tuple[re.Pattern[str], MessageState], ...] = tuple(
    (re.compile("|".join(patterns)), state)
    for state, *patterns in (
        (MessageState.ENROUTE, r"not yet", r"yet to be"),
        (MessageState.EXPIRED, r"\bexpired"),
        (MessageState.REJECTED, r"reject"),
        (MessageState.UNDELIVERABLE, r"undeliv", r"not (?:been |be )?(?:deliver|sent)"),
        (
            MessageState.UNDELIVERABLE,
            r"fail",
            r"bounce",
            r"impossible",
            r"un-?success",
            r"not success",
        ),
        (MessageState.ENROUTE, r"pend", r"await", r"queue", r"buffer", r"process", r"for deliver"),
        (MessageState.ENROUTE, r"delivered ?to ?(?:the )?(?:network|operator|smsc|gateway)"),
        (MessageState.DELIVERED, r"deliver(?:e)?d", r"delivrd", r"success\w* deliver"),
        (MessageState.DELIVERED, r"delivery (?:was |is )?(?:success|complete|confirm)"),
        (MessageState.ENROUTE, r"sent", r"submit", r"accept", r"transit", r"success"),
    )
)
_SPOKEN = ("statusdescription", "error", "description", "message", "errormessage", "status")
_ENTRY = frozenset(("messageid", "recipient", "statusdescription"))
BALANCES = ("balance", "smsbalance")
_MAX_WORDS = 300
_NUMBER = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]{1,9})?")
_NO_DIGITS = re.compile(r"[^0-9]+")
_TAIL = 9
_CONTAINERS = (dict, list)
_decode = json.JSONDecoder().decode


@dataclass(frozen=True, slots=True)
class MSpaceAnswer:
    """An answer as read: records by names in lower case, or one single *value*."""

    records: tuple[Record, ...] = field(default=(), repr=False)
    value: object = field(default=None, repr=False)

    @property
    def nothing(self) -> bool:
        """Whether the document is empty, as for an unknown id."""
        return not self.records and self.value is None

    @property
    def words(self) -> str:
        """Return the sentence for people in the answer; "" if a text is too long for a sentence."""
        spoken = [self.value, *(each.get(name) for name in _SPOKEN for each in self.records)]
        return next((each.strip() for each in spoken if _is_sentence(each)), "")

    @property
    def entries(self) -> list[Record]:
        """Return the records about single messages."""
        return [each for each in self.records if not _ENTRY.isdisjoint(each)]

    @property
    def amount(self) -> float | None:
        """Return the balance that the answer is or holds."""
        held = (each[name] for each in self.records for name in BALANCES if name in each)
        amounts = (amount_of(value) for value in (self.value, *held))
        return next((amount for amount in amounts if amount is not None), None)


def answer_in(body: bytes, limit: int = MAX_ANSWER) -> MSpaceAnswer:
    """Read an answer of at most *limit* octets.

    Raises BadReply for a longer one, and for broken XML.
    """
    if len(body) > limit:
        raise BadReply(f"an answer of {len(body)} octets")
    text = body.decode("utf-8", "replace").lstrip("\ufeff").strip()
    if text.startswith("<"):
        return _answer_in_xml(text)
    try:
        document = _decode(text)
    except (ValueError, RecursionError):
        return MSpaceAnswer(value=text)
    if isinstance(document, _CONTAINERS):
        return MSpaceAnswer(tuple(_records(document)))
    return MSpaceAnswer(value=document)


def _records(document: object) -> Iterator[Record]:
    """Yield the objects that hold plain values, at any depth, in the order of the document."""
    waiting = [document]
    while waiting:
        here = waiting.pop()
        if isinstance(here, list):
            waiting.extend(reversed(here))
        elif isinstance(here, dict):
            if record := _record(here.items()):
                yield record
            waiting.extend(reversed([v for v in here.values() if isinstance(v, _CONTAINERS)]))


def _answer_in_xml(text: str) -> MSpaceAnswer:
    # Entities cannot be declared without a DOCTYPE, and nobody's answer needs one.
    if "<!DOCTYPE" in text:
        raise BadReply("XML with a DOCTYPE")
    try:
        # Text, not octets: expat then ignores the encoding that the document declares.
        root = ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError, LookupError):
        raise BadReply("neither JSON nor XML") from None
    if not len(root):
        return MSpaceAnswer(value=(root.text or "").strip() or None)
    leaves = (((_name(leaf), leaf.text) for leaf in each if not len(leaf)) for each in root.iter())
    return MSpaceAnswer(tuple(record for each in leaves if (record := _record(each))))


def _name(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def _record(pairs: Iterable[tuple[str, object]]) -> Record:
    """Return the pairs with plain values that are not empty."""
    return {name.lower(): value for name, value in pairs if _is_plain(value)}


def _is_plain(value: object) -> bool:
    if type(value) is str:
        return bool(value.strip())
    return not (value is None or isinstance(value, _CONTAINERS))


def _is_sentence(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and 0 < len(value) <= _MAX_WORDS and "<" not in value


def amount_of(value: object) -> float | None:
    """Return the number in *value*, a number or its text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        text = str(value).strip()
    except ValueError:  # an integer of thousands of digits
        return None
    return float(text) if _NUMBER.fullmatch(text) else None


def status_of(entry: Record) -> str:
    """Return the status of an entry, integer or text, in upper case; "" without one."""
    value = entry.get("status")
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value) if -9999 <= value <= 9999 else ""
    return value.strip().upper()[:_MAX_WORDS] if isinstance(value, str) else ""


def description_of(entry: Record) -> str:
    """Return the words of an entry."""
    value = entry.get("statusdescription")
    return value.strip()[:_MAX_WORDS] if isinstance(value, str) else ""


def state_in(words: str) -> MessageState | None:
    """Return the message_state in *words*; None for unknown words."""
    lowered = words.lower()
    return next((state for pattern, state in _WORDS if pattern.search(lowered)), None)


def state_of(entry: Record, own: Mapping[str, MessageState]) -> MessageState | None:
    """Return the state of an entry: by configuration, by words, by number, in that order.

    The numbers come last because they are assumed.  None: the status is unknown.
    """
    description, status = description_of(entry), status_of(entry)
    for said in (description.upper(), status):
        if said in own:
            return own[said]
    return state_in(description) or state_in(status) or STATES.get(status)


def by_message(entries: Sequence[Record], messages: Sequence[Message]) -> list[Sequence[Record]]:
    """Return the entries about each message, by the recipient that the entries name.

    MSpace may write a number in another form than ours: the last nine digits decide where the whole
    number does not, unless two of the messages share them.
    """
    if len(messages) == 1 and (len(entries) == 1 or not any("recipient" in e for e in entries)):
        return [entries]
    numbers = [_digits(message.number) for message in messages]
    places = {number: place for place, number in enumerate(numbers)}
    tails: dict[str, int | None] = {}
    for number, place in places.items():
        tails[number[-_TAIL:]] = None if number[-_TAIL:] in tails else place
    found: list[list[Record]] = [[] for _ in messages]
    for entry in entries:
        number = _digits(entry.get("recipient"))
        at = places.get(number, tails.get(number[-_TAIL:]))
        if at is not None:
            found[at].append(entry)
    return list(found)


def _digits(recipient: object) -> str:
    if isinstance(recipient, bool) or not isinstance(recipient, str | int):
        return ""
    try:
        return _NO_DIGITS.sub("", str(recipient)[:_MAX_WORDS])
    except ValueError:  # an integer of thousands of digits
        return ""

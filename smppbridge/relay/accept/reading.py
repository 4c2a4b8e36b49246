"""reading: a submit_sm of an account becomes a message, or a Refusal with its status; pure.

*Values* are judged here, by account; the codec has already judged lengths.
"""

from __future__ import annotations

from dataclasses import replace

from smppbridge.model.account import Account
from smppbridge.model.address import (
    Address,
    BadAddress,
    BadTon,
    NoCountry,
    has_letters,
    number_of,
)
from smppbridge.model.message import LIMITED, PLAIN, GatheringKey, Message, Segment, Traits
from smppbridge.model.reasons import Reason
from smppbridge.relay.accept import runs
from smppbridge.relay.accept.amending import content_reader
from smppbridge.relay.accept.as_sent import with_sent
from smppbridge.relay.accept.fields import (
    Content,
    Refusal,
    Submitted,
    check_flags,
    time_to_live,
    traits,
    wanting,
)
from smppbridge.relay.accept.kept_tlvs import kept
from smppbridge.routing.senders import SenderPolicy
from smppbridge.smpp import times
from smppbridge.smpp.constants import CommandStatus
from smppbridge.smpp.fields import SmeAddress
from smppbridge.smpp.oddities import Oddity
from smppbridge.smpp.pdus import SubmitMulti, SubmitSm
from smppbridge.text import coding, gsm7, segments
from smppbridge.text.coding import Alphabet
from smppbridge.text.errors import OddLength, TextError, TooLong
from smppbridge.text.national import DEFAULT, Shift
from smppbridge.text.segments import Position
from smppbridge.text.transliteration import transliterated

MOST_SOURCES = 10_000
NOWHERE = Address("")
_NUL = b"\0"  # alone, the end of an empty text in C, also where GSM 03.38 has ``@`` there
_LEAST_DOUBTLESS = 0x10  # a UDH, and UCS2 of most scripts, begins with an octet below
_SCHEDULE = (CommandStatus.ESME_RINVSCHED, Reason.BAD_SCHEDULE)
_VALIDITY = (CommandStatus.ESME_RINVEXPIRY, Reason.BAD_VALIDITY)
_GSM7 = Alphabet.GSM7  # members of an Enum are slow to load


class Reader:
    """Reads the submit_sm of one account; only Reader writes the few senders that it remembers."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self._alphabets = coding.alphabets(
            Alphabet(account.alphabet_0),
            one=Alphabet(account.alphabet_1),
            three=Alphabet(account.alphabet_3),
            eight=Alphabet(account.alphabet_8),
        )
        self.content = content_reader(account, self._alphabets)
        self._sources: dict[tuple[bytes, int, int], Address] = {}
        self._sure = segments.surely_in(account.max_parts)
        self._detects = runs.detects(account)
        self._named = {each.tag: each for each in account.named_tlvs}
        self.wanted = wanting(account.receipts.intermediate)

    def message(
        self, pdu: Submitted, content: Content, interface_version: int, now: float
    ) -> Message:
        """Return the message of a submit_sm, as yet without message_id, text and route.

        The message of a submit_multi has no destination either.
        """
        source = self.source(pdu)
        destination, number = (
            (NOWHERE, "") if isinstance(pdu, SubmitMulti) else self.destination(pdu)
        )
        check_flags(pdu)
        found = traits(pdu, content.udh, kept(pdu.tlvs, self._named) if pdu.tlvs else ())
        asked = 0 if found.datagram else pdu.registered_delivery
        receipts = self.wanted(asked, interface_version) if asked else 0
        due, expires_at, limited = self.lifetime(pdu, now)
        sent = content.sent
        if (
            sent is not None
            or receipts != pdu.registered_delivery
            or found.esm_class != pdu.esm_class
        ):
            found = with_sent(found, sent, pdu, receipts)
        return Message(
            message_id=0,
            system_id=self.account.system_id,
            source=source,
            destination=destination,
            number=number,
            text="",
            data_coding=pdu.data_coding,
            priority=pdu.priority_flag,
            registered_delivery=receipts,
            route=(),
            accepted_at=now,
            expires_at=expires_at,
            due=due,
            traits=_limited(found) if limited else found,
        )

    def source(self, pdu: Submitted) -> Address:
        """Return the source address, if this account may use it (ESME_RINVSRCADR)."""
        key = (pdu.source_addr, pdu.source_addr_ton, pdu.source_addr_npi)
        known = self._sources.get(key)
        if known is None:
            known = _source(*key, self.account.longest_sender)
            if not self.account.allows_sender(known.addr):
                raise Refusal(CommandStatus.ESME_RINVSRCADR, Reason.SENDER_NOT_ALLOWED)
            if len(self._sources) >= MOST_SOURCES:
                self._sources.clear()
            self._sources[key] = known
        return known

    def destination(self, pdu: SubmitSm | SmeAddress) -> tuple[Address, str]:
        """Return the destination as written and its E.164 digits (ESME_RINVDSTADR, RINVDSTTON)."""
        try:
            written = pdu.destination_addr.decode("ascii")
        except UnicodeDecodeError as error:
            raise Refusal(CommandStatus.ESME_RINVDSTADR, Reason.BAD_NUMBER, "not ASCII") from error
        address = Address(written, pdu.dest_addr_ton, pdu.dest_addr_npi)
        return address, self.number(address)

    def number(self, destination: Address) -> str:
        """Return a destination's E.164 digits."""
        try:
            return number_of(destination, self.account.country)
        except BadTon as error:
            fault = (Reason.RESERVED_TON, str(error), Oddity.RESERVED_TON)
            raise Refusal(CommandStatus.ESME_RINVDSTTON, *fault) from error
        except NoCountry as error:
            fault = (Reason.NO_COUNTRY, "", Oddity.NATIONAL_NUMBER)
            raise Refusal(CommandStatus.ESME_RINVDSTADR, *fault) from error
        except BadAddress as error:
            raise Refusal(CommandStatus.ESME_RINVDSTADR, Reason.BAD_NUMBER, str(error)) from error

    def lifetime(self, pdu: Submitted, now: float) -> tuple[float, float, bool]:
        """Return when a message is due and expires (UNIX seconds), and whether the ESME said when.

        SMPP 3.4, 7.1.1; ESME_RINVSCHED, ESME_RINVEXPIRY.
        """
        due, expires = now, None
        if pdu.schedule_delivery_time:
            due = max(now, _time(pdu.schedule_delivery_time, now, *_SCHEDULE) or now)
        if pdu.validity_period:
            expires = _time(pdu.validity_period, now, *_VALIDITY)
        if expires is None:
            lives = time_to_live(pdu) if pdu.tlvs else None
            if lives is None:
                return due, due + self.account.validity, False
            expires = due + lives
        if expires <= due:
            raise Refusal(CommandStatus.ESME_RINVEXPIRY, Reason.VALIDITY_PASSED)
        return due, expires, True

    def segment(
        self, draft: Message, content: Content, position: Position
    ) -> tuple[GatheringKey, Segment]:
        """Return a segment with the key of its message (ESME_RINVMSGLEN: too many parts).

        *draft* is the message as the segment's submit_sm has it.
        """
        if position.total > self.account.max_parts:
            raise Refusal(CommandStatus.ESME_RINVMSGLEN, Reason.TOO_LONG, f"{position.total} parts")
        key = GatheringKey(
            system_id=draft.system_id,
            source=draft.source,
            destination=draft.destination,
            kind=position.kind,
            reference=position.reference,
            total=position.total,
            udh=position.other_udh,
        )
        return key, Segment(
            message_id=draft.message_id,
            number=position.number,
            registered_delivery=draft.registered_delivery,
            received_at=draft.accepted_at,
            data_coding=draft.data_coding,
            priority=draft.priority,
            due=draft.due,
            expires_at=draft.expires_at,
            traits=draft.traits,
            octets=content.octets,
            scheduled=draft.due > draft.accepted_at,
            limited=draft.traits.limited,
        )

    def read(self, message: Message, octets: bytes) -> Oddity | None:
        """Give a message its text or octets; return the oddity of these, if any.

        Raises Refusal (ESME_RINVMSGLEN, ESME_RINVDCS).
        """
        alphabet, shift = self._alphabets[message.data_coding], DEFAULT
        if self._detects and not message.data_coding:
            alphabet = runs.detected(octets, alphabet, self.account)
        if message.traits.udh or alphabet is Alphabet.OCTETS:
            named = runs.shift_of(message.traits.udh, alphabet)
            if named is None:
                message.binary = octets
                self._check_octets(octets, alphabet, message.traits.udh)
                return None
            shift, message.traits = named, replace(message.traits, udh=b"")
        message.text, latin1 = _characters(octets, alphabet, shift)
        if not message.text or octets == _NUL:
            raise Refusal(CommandStatus.ESME_RINVMSGLEN, Reason.NO_TEXT)
        if len(octets) > self._sure:
            self._check_text(message.text)
        if octets[0] < _LEAST_DOUBTLESS and shift is DEFAULT:
            return runs.doubt(octets, alphabet, self.account) or (Oddity.LATIN1 if latin1 else None)
        return Oddity.LATIN1 if latin1 else None

    def read_joined(self, message: Message) -> Oddity | None:
        """Give a message the text or octets of its segments, as `read` does.

        A text may change its data_coding from segment to segment.  Text and octets in one message
        are no content that a provider could be given (ESME_RINVDCS).
        """
        found = runs.runs_of(message.segments, self._alphabets)
        if len(found) == 1:
            return self.read(message, found[0].octets)
        if any(run.shift is None for run in found):
            raise Refusal(CommandStatus.ESME_RINVDCS, Reason.MIXED_CONTENT)
        read = [_characters(run.octets, run.alphabet, run.shift or DEFAULT) for run in found]
        if message.traits.udh:
            message.traits = replace(message.traits, udh=b"")
        message.text = "".join(text for text, _ in read)
        if not message.text:
            raise Refusal(CommandStatus.ESME_RINVMSGLEN, Reason.NO_TEXT)
        self._check_text(message.text)
        return Oddity.LATIN1 if any(latin1 for _, latin1 in read) else None

    def characters(self, octets: bytes, data_coding: int) -> tuple[str, bool]:
        """Return the text of octets, and whether the octets are Latin-1 under another name.

        Raises Refusal (ESME_RINVMSGLEN, ESME_RINVDCS).
        """
        alphabet = self._alphabets[data_coding]
        if self._detects and not data_coding:
            alphabet = runs.detected(octets, alphabet, self.account)
        return _characters(b"" if octets == _NUL else octets, alphabet)

    def _check_text(self, text: str) -> None:
        self._check_parts(segments.count(text)[1])

    def _check_octets(self, octets: bytes, alphabet: Alphabet, udh: bytes) -> None:
        if not octets:
            raise Refusal(CommandStatus.ESME_RINVMSGLEN, Reason.NO_TEXT)
        try:
            self._check_parts(segments.parts(octets, alphabet, udh))
        except TooLong as error:
            raise Refusal(CommandStatus.ESME_RINVMSGLEN, Reason.TOO_LONG, str(error)) from error

    def _check_parts(self, parts: int) -> None:
        if parts > self.account.max_parts:
            raise Refusal(CommandStatus.ESME_RINVMSGLEN, Reason.TOO_LONG, f"{parts} parts")


def replace_sender(message: Message, policy: SenderPolicy) -> None:
    """Record the sender that a route puts in place of the source address (ESME_RINVSRCADR)."""
    found = policy.apply(message.source, message.number)
    if found is None:
        raise Refusal(CommandStatus.ESME_RINVSRCADR, Reason.SENDER_NOT_ON_ROUTE)
    if found.addr != message.source.addr:
        message.traits = replace(message.traits, sender=found.addr)


def transliterate(message: Message) -> None:
    """Record that a route brings a text into GSM 03.38; the message keeps the ESME's text."""
    if transliterated(message.text) != message.text:
        message.traits = replace(message.traits, transliterate=True)


def _source(addr: bytes, ton: int, npi: int, longest: int) -> Address:
    try:
        written = addr.decode("ascii")
    except UnicodeDecodeError as error:
        raise Refusal(CommandStatus.ESME_RINVSRCADR, Reason.BAD_SOURCE, "not ASCII") from error
    if has_letters(written) and len(written) > longest:  # whatever the TON: some set 5 for all
        raise Refusal(CommandStatus.ESME_RINVSRCADR, Reason.BAD_SOURCE, "too long")
    if not written.isprintable():
        raise Refusal(CommandStatus.ESME_RINVSRCADR, Reason.BAD_SOURCE, "not printable")
    return Address(written, ton, npi)


def _characters(octets: bytes, alphabet: Alphabet, shift: Shift = DEFAULT) -> tuple[str, bool]:
    """Return the text of octets, and whether it is read as Latin-1."""
    if alphabet is _GSM7 and shift is DEFAULT and octets.isascii():  # nearly all texts
        return gsm7.decode(octets), False
    try:
        return runs.characters(octets, alphabet, shift)
    except OddLength as error:
        fault = (Reason.BAD_CHARACTERS, "half a UCS2 character", Oddity.HALF_UCS2)
        raise Refusal(CommandStatus.ESME_RINVMSGLEN, *fault) from error
    except TextError as error:
        raise Refusal(CommandStatus.ESME_RINVDCS, Reason.BAD_CHARACTERS, str(error)) from error


def _limited(traits: Traits) -> Traits:
    return LIMITED if traits is PLAIN else replace(traits, limited=True)


def _time(value: bytes, now: float, status: int, reason: Reason) -> float | None:
    try:
        return times.parse(value, now)
    except times.BadTime as error:
        raise Refusal(status, reason, str(error)) from error

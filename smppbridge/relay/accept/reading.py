"""reading: a submit_sm of an account becomes a message, or a Refusal with its status; pure.

*Values* are judged here, by account; the codec has already judged lengths.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from smppbridge.model.account import Account
from smppbridge.model.address import Address, BadAddress, BadTon, has_letters, number_of
from smppbridge.model.message import PLAIN, GatheringKey, Message, Segment, Traits
from smppbridge.relay.accept import runs
from smppbridge.routing.senders import SenderPolicy
from smppbridge.smpp import times, tlvs
from smppbridge.smpp.constants import CommandStatus, EsmClass, RegisteredDelivery, Tag
from smppbridge.smpp.pdus import SubmitSm
from smppbridge.text import coding, gsm7, packed, segments
from smppbridge.text.coding import Alphabet
from smppbridge.text.errors import BadPosition, BadUdh, OddLength, TextError, TooLong
from smppbridge.text.national import DEFAULT, Shift
from smppbridge.text.segments import Position
from smppbridge.text.transliteration import transliterated

MOST_SOURCES = 10_000
_SMPP_5 = 0x50
_NUL = b"\0"  # alone, the end of an empty text in C, also where GSM 03.38 has ``@`` there
_GSM7 = Alphabet.GSM7  # members of an Enum are slow to load
_OPTIONAL_SAR = (Tag.SAR_MSG_REF_NUM, Tag.SAR_TOTAL_SEGMENTS, Tag.SAR_SEGMENT_SEQNUM)


class Refusal(Exception):
    """The message is not wanted: answer with *status*."""

    def __init__(self, status: int, why: str = "") -> None:
        super().__init__(why)
        self.status = status


@dataclass(slots=True)
class Content:
    """The user data of a submit_sm: its octets, and their position in a long message."""

    octets: bytes = field(repr=False)
    position: Position | None = None
    udh: bytes = field(default=b"", repr=False)


class Reader:
    """Reads the submit_sm of one account; only Reader writes the few senders that it remembers."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.content: Callable[[SubmitSm], Content] = unpacked if account.packed else content
        self._alphabets = coding.alphabets(
            Alphabet(account.alphabet_0),
            one=Alphabet(account.alphabet_1),
            three=Alphabet(account.alphabet_3),
            eight=Alphabet(account.alphabet_8),
        )
        self._sources: dict[tuple[bytes, int, int], Address] = {}
        self._sure = segments.surely_in(account.max_parts)
        self._detects = runs.detects(account)

    def message(self, pdu: SubmitSm, udh: bytes, interface_version: int, now: float) -> Message:
        """Return the message of a submit_sm, as yet without message_id, text and route."""
        source = self.source(pdu)
        destination, number = self.destination(pdu)
        check_flags(pdu)
        due, expires_at = self.lifetime(pdu, now)
        asked = pdu.registered_delivery
        return Message(
            message_id=0,
            system_id=self.account.system_id,
            source=source,
            destination=destination,
            number=number,
            text="",
            data_coding=pdu.data_coding,
            priority=pdu.priority_flag,
            registered_delivery=wanted_receipts(asked, interface_version) if asked else 0,
            route=(),
            accepted_at=now,
            expires_at=expires_at,
            due=due,
            traits=traits(pdu, udh),
        )

    def source(self, pdu: SubmitSm) -> Address:
        """Return the source address, if this account may use it (ESME_RINVSRCADR)."""
        key = (pdu.source_addr, pdu.source_addr_ton, pdu.source_addr_npi)
        known = self._sources.get(key)
        if known is None:
            known = _source(*key, self.account.longest_sender)
            if not self.account.allows_sender(known.addr):
                raise Refusal(CommandStatus.ESME_RINVSRCADR, "sender not allowed")
            if len(self._sources) >= MOST_SOURCES:
                self._sources.clear()
            self._sources[key] = known
        return known

    def destination(self, pdu: SubmitSm) -> tuple[Address, str]:
        """Return the destination as written and its E.164 digits (ESME_RINVDSTADR, RINVDSTTON)."""
        try:
            written = pdu.destination_addr.decode("ascii")
        except UnicodeDecodeError as error:
            raise Refusal(CommandStatus.ESME_RINVDSTADR, "destination not ASCII") from error
        address = Address(written, pdu.dest_addr_ton, pdu.dest_addr_npi)
        return address, self.number(address)

    def number(self, destination: Address) -> str:
        """Return a destination's E.164 digits."""
        try:
            return number_of(destination, self.account.country)
        except BadTon as error:
            raise Refusal(CommandStatus.ESME_RINVDSTTON, str(error)) from error
        except BadAddress as error:
            raise Refusal(CommandStatus.ESME_RINVDSTADR, str(error)) from error

    def lifetime(self, pdu: SubmitSm, now: float) -> tuple[float, float]:
        """Return when a message is due and when it expires, UNIX seconds (SMPP 3.4, 7.1.1)."""
        due, expires = now, None
        if pdu.schedule_delivery_time:
            due = max(
                now, _time(pdu.schedule_delivery_time, now, CommandStatus.ESME_RINVSCHED) or now
            )
        if pdu.validity_period:
            expires = _time(pdu.validity_period, now, CommandStatus.ESME_RINVEXPIRY)
        if expires is None:
            return due, due + self.account.validity
        if expires <= due:
            raise Refusal(CommandStatus.ESME_RINVEXPIRY, "validity_period has passed")
        return due, expires

    def segment(
        self, pdu: SubmitSm, draft: Message, content: Content, position: Position
    ) -> tuple[GatheringKey, Segment]:
        """Return a segment with the key of its message (ESME_RINVMSGLEN: too many parts).

        *draft* is the message as the segment's submit_sm has it.
        """
        if position.total > self.account.max_parts:
            raise Refusal(CommandStatus.ESME_RINVMSGLEN, f"{position.total} parts")
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
            scheduled=bool(pdu.schedule_delivery_time),
            limited=bool(pdu.validity_period),
        )

    def read(self, message: Message, octets: bytes) -> bool:
        """Give a message its text or octets; return whether they are Latin-1 under another name.

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
                return False
            shift, message.traits = named, replace(message.traits, udh=b"")
        message.text, latin1 = _characters(octets, alphabet, shift)
        if not message.text or octets == _NUL:
            raise Refusal(CommandStatus.ESME_RINVMSGLEN, "no character")
        if len(octets) > self._sure:
            self._check_text(message.text)
        return latin1

    def read_joined(self, message: Message) -> bool:
        """Give a message the text or octets of its segments, as `read` does.

        A text may change its data_coding from segment to segment.  Text and octets in one message
        are no content that a provider could be given (ESME_RINVDCS).
        """
        found = runs.runs_of(message.segments, self._alphabets)
        if len(found) == 1:
            return self.read(message, found[0].octets)
        if any(run.shift is None for run in found):
            raise Refusal(CommandStatus.ESME_RINVDCS, "octets beside text, or under several UDHs")
        read = [_characters(run.octets, run.alphabet, run.shift or DEFAULT) for run in found]
        if message.traits.udh:
            message.traits = replace(message.traits, udh=b"")
        message.text = "".join(text for text, _ in read)
        if not message.text:
            raise Refusal(CommandStatus.ESME_RINVMSGLEN, "no character")
        self._check_text(message.text)
        return any(latin1 for _, latin1 in read)

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
            raise Refusal(CommandStatus.ESME_RINVMSGLEN, "no octet")
        try:
            self._check_parts(segments.parts(octets, alphabet, udh))
        except TooLong as error:
            raise Refusal(CommandStatus.ESME_RINVMSGLEN, str(error)) from error

    def _check_parts(self, parts: int) -> None:
        if parts > self.account.max_parts:
            raise Refusal(CommandStatus.ESME_RINVMSGLEN, f"{parts} parts")


def content(pdu: SubmitSm) -> Content:
    """Return the user data of a submit_sm, from short_message or message_payload."""
    if not pdu.tlvs and not pdu.esm_class & EsmClass.UDHI:
        return Content(pdu.short_message)
    octets = _user_data(pdu)
    sar = _sar(pdu.tlvs) if pdu.tlvs else None
    if not pdu.esm_class & EsmClass.UDHI:
        return Content(octets, sar)
    if any(tlvs.find(pdu.tlvs, tag) is not None for tag in _OPTIONAL_SAR):
        raise Refusal(CommandStatus.ESME_RINVOPTPARAMVAL, "SAR TLVs and a UDH")
    try:
        position, udh, rest = segments.position_in_udh(octets)
    except BadUdh as error:
        raise Refusal(CommandStatus.ESME_RINVESMCLASS, "user data header") from error
    return Content(rest, position, udh)


def unpacked(pdu: SubmitSm) -> Content:
    """Return the user data of a submit_sm whose septets are packed where they are GSM 03.38."""
    found = content(pdu)
    if coding.says_default(pdu.data_coding):
        header = len(_user_data(pdu)) - len(found.octets)
        found.octets = packed.unpack(found.octets, header)
    return found


def replace_sender(message: Message, policy: SenderPolicy) -> None:
    """Record the sender that a route puts in place of the source address (ESME_RINVSRCADR)."""
    found = policy.apply(message.source, message.number)
    if found is None:
        raise Refusal(CommandStatus.ESME_RINVSRCADR, "sender not allowed on this route")
    if found.addr != message.source.addr:
        message.traits = replace(message.traits, sender=found.addr)


def transliterate(message: Message) -> None:
    """Record that a route brings a text into GSM 03.38; the message keeps the ESME's text."""
    if transliterated(message.text) != message.text:
        message.traits = replace(message.traits, transliterate=True)


def check_flags(pdu: SubmitSm) -> None:
    """Refuse undefined values: priority_flag, replace_if_present_flag, sm_default_msg_id."""
    if pdu.priority_flag > 3:
        raise Refusal(CommandStatus.ESME_RINVPRTFLG)
    if pdu.replace_if_present_flag > 1:
        raise Refusal(CommandStatus.ESME_RINVREPFLAG)
    if pdu.sm_default_msg_id and not pdu.short_message and not pdu.tlvs:
        raise Refusal(CommandStatus.ESME_RINVDFTMSGID)


def wanted_receipts(registered_delivery: int, interface_version: int) -> int:
    """Return the receipts of a registered_delivery: before SMPP 5.0 a 3 (success only) is a 1."""
    asked = registered_delivery & (RegisteredDelivery.RECEIPT | RegisteredDelivery.INTERMEDIATE)
    if asked & RegisteredDelivery.RECEIPT == 3 and interface_version < _SMPP_5:
        asked = asked & ~RegisteredDelivery.RECEIPT | RegisteredDelivery.ALWAYS
    return asked


def traits(pdu: SubmitSm, udh: bytes) -> Traits:
    """Return the traits of a message, fields that few messages have; PLAIN without them."""
    reference = tlvs.integer(pdu.tlvs, Tag.USER_MESSAGE_REFERENCE) if pdu.tlvs else None
    esm_class = pdu.esm_class & ~EsmClass.MODE
    if not (pdu.service_type or pdu.protocol_id or udh or esm_class) and reference is None:
        return PLAIN
    service_type = pdu.service_type.decode("latin-1")
    return Traits(service_type, esm_class, pdu.protocol_id, reference, udh)


def _source(addr: bytes, ton: int, npi: int, longest: int) -> Address:
    try:
        written = addr.decode("ascii")
    except UnicodeDecodeError as error:
        raise Refusal(CommandStatus.ESME_RINVSRCADR, "source not ASCII") from error
    if has_letters(written) and len(written) > longest:  # whatever the TON: some set 5 for all
        raise Refusal(CommandStatus.ESME_RINVSRCADR, "source too long")
    if not written.isprintable():
        raise Refusal(CommandStatus.ESME_RINVSRCADR, "source not printable")
    return Address(written, ton, npi)


def _characters(octets: bytes, alphabet: Alphabet, shift: Shift = DEFAULT) -> tuple[str, bool]:
    """Return the text of octets, and whether it is read as Latin-1."""
    if alphabet is _GSM7 and shift is DEFAULT and octets.isascii():  # nearly all texts
        return gsm7.decode(octets), False
    try:
        return runs.characters(octets, alphabet, shift)
    except OddLength as error:
        raise Refusal(CommandStatus.ESME_RINVMSGLEN, "half a UCS2 character") from error
    except TextError as error:
        raise Refusal(CommandStatus.ESME_RINVDCS, str(error)) from error


def _time(value: bytes, now: float, status: int) -> float | None:
    try:
        return times.parse(value, now)
    except times.BadTime as error:
        raise Refusal(status, str(error)) from error


def _user_data(pdu: SubmitSm) -> bytes:
    payload = tlvs.find(pdu.tlvs, Tag.MESSAGE_PAYLOAD)
    if payload is None:
        return pdu.short_message
    if pdu.short_message:
        raise Refusal(CommandStatus.ESME_ROPTPARNOTALLWD, "short_message and message_payload")
    return payload


def _sar(found: tuple[tuple[int, bytes], ...]) -> Position | None:
    try:
        return segments.position_in_sar(*(tlvs.integer(found, tag) for tag in _OPTIONAL_SAR))
    except BadPosition as error:
        raise Refusal(CommandStatus.ESME_RINVOPTPARAMVAL, str(error)) from error

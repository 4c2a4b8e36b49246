"""An upstream SMSC: submit_sm over sessions that are kept bound, reports by deliver_sm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import get_args

from smppbridge.model.identifiers import reference_of
from smppbridge.model.message import Message
from smppbridge.model.outcome import Accepted, Outcome, Postponed, Refused, Uncertain, accepted
from smppbridge.model.parts import DeliveredBy
from smppbridge.model.tlvs import DLT, NamedTlv
from smppbridge.providers.answers import StateName, identifier_of, said, state_table
from smppbridge.providers.exchange import (
    NOW,
    Abilities,
    Exchange,
    NoAnswer,
    NotSent,
    Provider,
    Received,
    ReportWord,
)
from smppbridge.providers.smpp.binding import Binding, SmppRequest
from smppbridge.providers.smpp.deliver import Delivered, read_mo, read_receipt, report_words
from smppbridge.providers.smpp.limits import BindMode, Ids, faults_of
from smppbridge.providers.smpp.passing import PassedTlvs, TlvPolicy, passed_tlvs
from smppbridge.providers.smpp.status import Meaning, meanings, refusal, status_of
from smppbridge.providers.smpp.submit import (
    MAX_ADDRESS,
    Convert,
    LongBy,
    NationalLanguage,
    Piece,
    TextAlphabet,
    Validity,
    decimal_to_hex,
    destination_of,
    esm_class_of,
    hex_to_decimal,
    languages_of,
    pieces,
    same_spelling,
    source_of,
    user_data_of,
    validity_period,
)
from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.smpp.constants import MessageState, RegisteredDelivery
from smppbridge.smpp.pdus import Pdu, SubmitSm, SubmitSmResp
from smppbridge.smpp.receipt import normal_id
from smppbridge.text.errors import TextError

PAUSES = (1.0, 2.0, 4.0, 8.0, 16.0)
"""Seconds before each repetition of a later segment that was put off."""

_TELLS = Abilities(
    binary=True,
    callbacks=True,
    phones=True,
    bound=True,
    ids="zeros",
    classes=True,
    indications=True,
)

_IDS: Mapping[str, Convert] = {
    "hex_to_decimal": hex_to_decimal,
    "decimal_to_hex": decimal_to_hex,
}

_NAMELESS = Uncertain("taken, but without message_id")
_ADDRESSES = (
    ("source_addr", Status.ESME_RINVSRCADR),
    ("destination_addr", Status.ESME_RINVDSTADR),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Smpp(Provider):
    """One account at an SMSC; each field is a setting with its description."""

    host: str = field(metadata=said("Name or address of the SMSC"))
    system_id: str = field(metadata=said("Who we are to it"))
    password: str = field(repr=False, metadata=said("At most 8 characters by the specification"))
    port: int = field(default=2775, metadata=said("Its port; 3550 is the usual one with TLS"))
    tls: bool = field(
        default=False,
        metadata=said("Whether it speaks TLS; its certificate is verified, see ca_file"),
    )
    system_type: str = field(default="", metadata=said("What it wants to be told when we bind"))
    bind: BindMode = field(
        default="trx",
        metadata=said(
            "trx: transceivers; tx+rx: as many transmitters as receivers, for SMSCs"
            " that have no transceivers"
        ),
    )
    binds: int = field(default=1, metadata=said("Sessions of each kind"))
    window: int = field(default=10, metadata=said("submit_sm unanswered on each session, at most"))
    enquire_link: float = field(
        default=30.0,
        metadata={**said("Silence after which we ask whether it is there"), "duration": True},
    )
    service_type: str = field(default="", metadata=said("For messages that have none themselves"))
    alphabet: TextAlphabet = field(
        default="gsm7",
        metadata=said(
            "What its default alphabet is: gsm7 (one character an octet), latin1, ia5;"
            " what that does not have goes as UCS2; ucs2: all text does"
        ),
    )
    data_coding: int = field(default=0, metadata=said("data_coding of text in that alphabet"))
    national: tuple[NationalLanguage, ...] = field(
        default=(),
        metadata=said(
            "Languages whose shift tables (3GPP 23.038) its phones know, as [turkish, hindi]: text"
            " that gsm7 does not have goes in 7 bits with a UDH where that is smaller than UCS2."
            f" Any of {', '.join(get_args(NationalLanguage))}"
        ),
    )
    segments: LongBy = field(
        default="udh",
        metadata=said(
            "How long messages are divided: udh, udh16 (16-bit reference), sar (TLVs)"
            " or payload (whole, in message_payload)"
        ),
    )
    source_ton: int | None = field(
        default=None, metadata=said("TON of sources that are numbers; absent: by their form")
    )
    source_npi: int | None = field(default=None, metadata=said("Their NPI"))
    destination_ton: int | None = field(
        default=None, metadata=said("TON of destinations; absent: by their form")
    )
    destination_npi: int | None = field(default=None, metadata=said("Their NPI"))
    validity: Validity = field(
        default="relative",
        metadata=said("How validity_period is told: relative, absolute (UTC) or none"),
    )
    registered_delivery: int = field(
        default=1, metadata=said("How receipts are asked for: 1 all, 2 failures, 0 none")
    )
    delivered_by: DeliveredBy = field(
        default="last",
        metadata=said(
            "Whose receipts make a long message delivered: the last segment's (SMSCs hand them"
            " over in order), all or the first's; one segment that fails fails the message"
        ),
    )
    ids: Ids = field(
        default="zeros",
        metadata={
            **said(
                "How ids in receipts may differ from those in submit_sm_resp: exact (not at all),"
                " case, zeros (leading ones, and case; also called same), hex_to_decimal"
                " (hexadecimal there, decimal in receipts) or decimal_to_hex"
            ),
            "own": True,
        },
    )
    utc_offset: float = field(
        default=0.0,
        metadata={**said("Whose time the dates in its receipts are, as +01:00"), "offset": True},
    )
    receipts_as_text: bool = field(
        default=False,
        metadata=said(
            "Whether what reads like a receipt is one without being marked as such in"
            " esm_class: a phone could have written it"
        ),
    )
    statuses: Mapping[str | int, Meaning] = field(
        default_factory=dict,
        hash=False,
        metadata=said(
            "What a command_status means beyond what is known: later, throttled,"
            " provider or message, as {ESME_RSUBMITFAIL: provider, 0x0401: later}"
        ),
    )
    states: Mapping[str, StateName] = field(
        default_factory=dict,
        hash=False,
        metadata=said("Words of stat beyond those known, as {LOST: undeliverable}"),
    )
    tlvs: TlvPolicy = field(
        default="ignore",
        metadata=said(
            "Which TLVs of a submit_sm go on to it: ignore (none), named (those that have a name"
            " under tlvs, and the ids of DLT) or pass (all but those that the bridge goes by)"
        ),
    )
    tlv_tags: Mapping[str, str | int] = field(
        default_factory=dict,
        hash=False,
        metadata=said(
            "Tags under which it wants TLVs, where they are others than its clients write, as"
            " {dlt_entity_id: 0x1500}"
        ),
    )
    named_tlvs: tuple[NamedTlv, ...] = field(default=tuple(DLT.values()), repr=False)

    _meanings: Mapping[int, Meaning] = field(init=False, repr=False, compare=False)
    _states: Mapping[str, MessageState] = field(init=False, repr=False, compare=False)
    _languages: frozenset[int] = field(init=False, repr=False, compare=False)
    _passed: PassedTlvs = field(init=False, repr=False, compare=False)
    _abilities: Abilities = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        fault = next(faults_of(self), None)
        if fault:
            raise ValueError(fault)
        derive = object.__setattr__
        derive(self, "_meanings", meanings(self.statuses))
        derive(self, "_states", state_table({}, self.states))
        derive(self, "_languages", languages_of(self.national))
        passed = passed_tlvs(self.tlvs, self.named_tlvs, self.tlv_tags)
        derive(self, "_passed", passed)
        tells = bool(self.registered_delivery)
        derive(self, "_abilities", replace(_TELLS, callbacks=tells, tags=passed.tags))

    @property
    def abilities(self) -> Abilities:
        """The abilities of the SMSC; reports come only if registered_delivery asks for them."""
        return self._abilities

    @property
    def binding(self) -> Binding:
        """The properties of the provider's sessions."""
        return Binding(**{name: getattr(self, name) for name in Binding.__dataclass_fields__})

    def submit(self, message: Message) -> Exchange[Outcome]:
        """Submit one message, segment after segment.

        Each segment asks for a receipt: gateways that join segments keep the flags of the first
        (Kannel's opensmppbox) or of the last.  Once the first segment is accepted the whole is
        never submitted again.
        """
        now = (yield NOW) if self.validity == "relative" else 0.0
        try:
            first, *others = self._submit_sms(message, now)
        except TextError as fault:
            return Refused(str(fault), status_of(fault))
        for addr, status in _ADDRESSES:
            if len(getattr(first, addr)) > MAX_ADDRESS:
                return Refused(f"{addr} is too long", status)
        found = self._read((yield SmppRequest(first)))
        if not others:
            return _alone(found)
        identifiers: list[str] = []
        for number, pdu in enumerate(others, 2):
            if not isinstance(found, str):
                return found
            identifiers.append(found)
            found = yield from self._follow(pdu, f"segment {number} of {1 + len(others)}")
        if not isinstance(found, str):
            return found
        return accepted([*identifiers, found], self.delivered_by) or _NAMELESS

    def read_deliver(self, pdu: Delivered, session: str = "") -> Sequence[Received]:
        """Read a deliver_sm or data_sm that came in *session*; raises BadReply."""
        report = read_receipt(
            pdu, self._states, self._as_ours, self.utc_offset, as_text=self.receipts_as_text
        )
        return (read_mo(pdu, session) if report is None else report,)

    def report_words(self) -> Mapping[str, ReportWord]:
        """Return the stat words of the SMSC's receipts."""
        return report_words(self._states)

    def _as_ours(self, reported_id: str) -> str:
        return normal_id(reported_id) if self.ids in _IDS else reported_id

    def _follow(self, pdu: SubmitSm, place: str) -> Exchange[str | Refused | Uncertain]:
        """Submit a later segment; only this segment is repeated, and only a few times."""
        after = 0.0
        ended: Refused | Uncertain
        for pause in (*PAUSES, 0.0):
            try:
                response = yield SmppRequest(pdu, after)
            except NotSent:
                ended = Uncertain(f"{place} could not be sent")
            except NoAnswer as fault:
                return Uncertain(f"{place}: {fault}")
            else:
                found = self._read(response)
                if isinstance(found, str):
                    return found
                if isinstance(found, Uncertain):
                    return Uncertain(f"{place}: {found.reason}")
                ended = Refused(f"{place}: {found.reason}", response.command_status)
                if isinstance(found, Refused):
                    return ended
            after = pause
        return ended

    def _read(self, response: Pdu) -> str | Refused | Postponed | Uncertain:
        """Return the id of a segment that was accepted, "" without one; else the outcome."""
        if response.command_status:
            return refusal(response.command_status, self._meanings)
        if not isinstance(response, SubmitSmResp):
            return Uncertain("an answer that is none")
        identifier = identifier_of(response.message_id.decode("latin-1"))
        return _IDS.get(self.ids, same_spelling)(identifier or "")

    def _submit_sms(self, message: Message, now: float) -> list[SubmitSm]:
        tlvs = message.traits.tlvs
        passed, mapped = self._passed.split(tlvs) if tlvs else ((), ())
        languages = self._languages
        user_data = user_data_of(message, self.alphabet, self.data_coding, languages, mapped=mapped)
        cut = pieces(user_data, self.segments, reference_of(message.message_id))
        found = [self._submit_sm(message, piece, user_data.data_coding, now) for piece in cut]
        if passed:
            for pdu in found:
                pdu.tlvs = (*pdu.tlvs, *passed)
        if self.registered_delivery:
            intermediate = message.registered_delivery & RegisteredDelivery.INTERMEDIATE
            for pdu in found:
                pdu.registered_delivery = self.registered_delivery | intermediate
        return found

    def _submit_sm(self, message: Message, piece: Piece, data_coding: int, now: float) -> SubmitSm:
        traits = message.traits
        source = source_of(message.source, self.source_ton, self.source_npi)
        destination = destination_of(message, self.destination_ton, self.destination_npi)
        return SubmitSm(
            service_type=(traits.service_type or self.service_type).encode("latin-1", "replace"),
            source_addr_ton=source.ton,
            source_addr_npi=source.npi,
            source_addr=source.addr.encode("latin-1", "replace"),
            dest_addr_ton=destination.ton,
            dest_addr_npi=destination.npi,
            destination_addr=destination.addr.encode("latin-1", "replace"),
            esm_class=esm_class_of(traits.esm_class, piece.udhi),
            protocol_id=traits.protocol_id,
            priority_flag=message.priority,
            validity_period=validity_period(self.validity, message.expires_at, now),
            data_coding=data_coding,
            short_message=piece.short_message,
            tlvs=piece.tlvs,
        )


def _alone(found: str | Refused | Postponed | Uncertain) -> Outcome:
    """Return the outcome of a message in one segment."""
    if isinstance(found, str):
        return Accepted(found) if found else _NAMELESS
    return found

"""The section of an account in the configuration, and the model's record of the account."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from smppbridge.model import account as model
from smppbridge.model.habits import TwoTexts, WantedReceipts
from smppbridge.model.identifiers import IdKind, id_form
from smppbridge.settings import profiles
from smppbridge.settings.habits import (
    AddressesSection,
    DataCodings,
    Forgiven,
    InterfaceVersion,
    OwnDuration,
    OwnTimer,
    habits_of,
)
from smppbridge.settings.outbind import OutbindOf, OutbindSection
from smppbridge.settings.receipts import AccountReceiptsSection
from smppbridge.settings.section import Section, wrong
from smppbridge.settings.tlvs import GivenTlvs
from smppbridge.settings.values import (
    CertificateNames,
    Count,
    Country,
    Duration,
    Networks,
    Off,
    Passwords,
    Patterns,
    Rate,
    TlsDemand,
    UniqueSystemId,
)

AlphabetName = Literal["gsm7", "latin1", "ia5", "utf8", "ucs2"]
DefaultAlphabetName = Literal["gsm7", "gsm7_packed", "latin1", "ia5", "utf8", "ucs2"]
ProfileName = Annotated[str, AfterValidator(profiles.known_profile)]
_MISTAKABLE = ("gsm7", "latin1", "ia5")


class BindsSection(Section):
    """The number of sessions bound at once, in all and by kind."""

    total: Count = Field(
        default=4, description="Sessions bound at once; one more gets ESME_RBINDFAIL"
    )
    transmitter: Annotated[Count | None, Off] = Field(
        default=None, description="Of these, transmitters at most"
    )
    receiver: Annotated[Count | None, Off] = Field(
        default=None, description="Of these, receivers at most"
    )
    transceiver: Annotated[Count | None, Off] = Field(
        default=None, description="Of these, transceivers at most"
    )


class GatherSection(Section):
    """The time limit for the segments of a long message."""

    timeout: Duration = Field(
        default=300.0,
        description="How long segments wait for the rest; a lone one out of place: 1m",
    )
    when_incomplete: Literal["fail", "send"] = Field(
        default="fail", description="Then: fail (EXPIRED receipts) or send (what there is)"
    )


def _total(value: Any) -> Any:
    return value if isinstance(value, dict | BindsSection) else {"total": value}


class AccountSection(Section):
    """One ESME."""

    system_id: UniqueSystemId = Field(description="Its name at bind, at most 15 characters")
    password: Passwords = Field(
        repr=False,
        description="Text, ${VARIABLE}, {file: PATH} or {hash: '$argon2id$...'}; two of these, as"
        " [new, old], while it is changed; SMPP 3.4 clients send at most 8 characters, 64 are read",
    )
    profile: Annotated[ProfileName | None, Off] = Field(
        default=None,
        description="The stack it runs on, as node_smpp: sets the keys below that suit the stack;"
        " a key that is set here wins. See smppbridge profiles",
    )
    binds: Annotated[BindsSection, BeforeValidator(_total)] = Field(
        default=BindsSection(),
        description="Sessions bound at once: a number, or {total: 4, transmitter: 1, receiver: 1,"
        " transceiver: 4}; one more gets ESME_RBINDFAIL",
    )
    window: Count = Field(
        default=100, description="submit_sm that may be unanswered before reading pauses"
    )
    deliver_window: Count = Field(default=10, description="deliver_sm that may be unanswered")
    throughput: Annotated[Rate | None, Off] = Field(
        default=None,
        description="submit_sm and destinations of submit_multi a second, at most, then"
        " ESME_RTHROTTLED; absent: no limit",
    )
    allow_from: Networks | None = Field(
        default=None,
        description="Networks it may bind from, as [10.0.0.0/8]; absent: any; empty: none",
    )
    tls: TlsDemand = Field(
        default="optional",
        description="Whether it has to bind over TLS: required (else ESME_RBINDFAIL) or optional",
    )
    certificate: Annotated[CertificateNames | None, Off] = Field(
        default=None,
        description="The name in its TLS client certificate, one or a list of which one is enough:"
        " cn:bank, dns:smpp.bank.example, uri:... or subject:CN=bank,O=Bank; absent: it needs none;"
        " see smpp.client_ca",
    )
    senders: Patterns | None = Field(
        default=None,
        description="Source addresses it may use, as [BANK, 1234*]; absent: any; empty: none",
    )
    country: Annotated[Country | None, Off] = Field(
        default=None,
        description="Where its national numbers belong, as CD; absent: they are refused",
    )
    data_coding_0: DefaultAlphabetName = Field(
        default="gsm7",
        description="What data_coding 0 means to it, and each other value that says default"
        " alphabet (15, 16-19, 192, 240...): gsm7, gsm7_packed, latin1, ia5, utf8 or ucs2; NULs at"
        " the end of a text are dropped, but under gsm7, which has @ at 0x00; gsm7_packed: eight"
        " characters in seven octets, both ways, but for receipts",
    )
    data_coding_1: AlphabetName = Field(
        default="ia5", description="What data_coding 1 means to it; node-smpp writes gsm7 there"
    )
    data_coding_3: AlphabetName = Field(
        default="latin1", description="What data_coding 3 means to it"
    )
    data_coding_8: Literal["ucs2", "utf8"] = Field(
        default="ucs2",
        description="What data_coding 8 means to it, and each other value that says UCS2 (24...):"
        " ucs2 or utf8",
    )
    detect_ucs2: bool = Field(
        default=False,
        description="Whether what it sends as data_coding 0 is read as ucs2 where it plainly is"
        " that: a byte order mark, or every other octet a 0 or that of one script",
    )
    detect_utf8: bool = Field(
        default=False,
        description="Whether what it sends as data_coding 0 is read as utf8 where it plainly is"
        " that: valid, with characters of several octets",
    )
    detect_udh: bool = Field(
        default=False,
        description="Whether a text that begins with the header of a segment is one where"
        " esm_class says nothing of a header",
    )
    data_codings: DataCodings = Field(
        default={},
        description="What it means by a data_coding, where that is another one, as {0xF1: 8, 4: 0}",
    )
    interface_version: InterfaceVersion = Field(
        default="as_bound",
        description="The SMPP it speaks: as_bound, or 3.3 (it is sent no TLVs), 3.4 or 5.0"
        " whatever its bind says; sessions that are bound keep what they had",
    )
    forgives: Forgiven = Field(
        default=(),
        description="What is read all the same: short_body (a request without its last fields),"
        " no_nul (a last text without its NUL), long_field (texts of up to 64 octets), sm_length"
        " (beyond the PDU, or of UCS2 characters), broken_tlvs (up to the broken one; integers of"
        " any length), half_ucs2 (its last octet is dropped), sar_and_udh (the header counts),"
        " priority (above 3 is 3), reserved_ton (above 6 is 0)",
    )
    two_texts: TwoTexts = Field(
        default="refuse",
        description="Where both short_message and message_payload are there: refuse"
        " (ESME_ROPTPARNOTALLWD), or the one that counts: short_message or message_payload",
    )
    registered_delivery: WantedReceipts = Field(
        default="as_asked",
        description="Its receipts: as_asked; always, never or failure whatever it asks for"
        " (always: intermediate notifications as asked)",
    )
    addresses: AddressesSection = Field(
        default=AddressesSection(), description="What unknown TON and NPI of its addresses mean"
    )
    enquire_link: OwnTimer = Field(
        default="common",
        description="smpp.enquire_link for its sessions; off: none is sent; common: as there",
    )
    inactivity: OwnTimer = Field(
        default="common", description="smpp.inactivity for its sessions; common: as there"
    )
    response: OwnDuration = Field(
        default="common", description="smpp.response for its sessions; common: as there"
    )
    gather: GatherSection = Field(
        default=GatherSection(), description="The segments of long messages"
    )
    max_parts: Annotated[int, Field(ge=1, le=255)] = Field(
        default=10,
        description="SMs that a message may take; longer ones get ESME_RINVMSGLEN",
    )
    message_id: IdKind = Field(
        default="decimal",
        description="How its message_ids are written in responses, and read in its requests:"
        " decimal, hex or padded (decimal of 18 digits); letter case and zeros in front of those"
        " that it sends make no difference",
    )
    receipts: AccountReceiptsSection = Field(
        default=AccountReceiptsSection(), description="What its receipts look like"
    )
    query: Literal["store", "ask"] = Field(
        default="store",
        description="Who answers query_sm: the store, or ask: first its provider, if the provider"
        " can be asked and no end is known, for at most 5 s",
    )
    validity: Duration = Field(
        default=86_400.0, description="How long a message without validity_period lives"
    )

    answer: Literal["store", "provider"] = Field(
        default="store",
        description="When a submit_sm is answered: store (the message is on disk) or provider (and"
        " a provider has taken or refused it); esm_class 0x02 says provider for one message",
    )
    answer_within: Duration = Field(
        default=20.0,
        description="How long such an answer waits for the provider; then ESME_ROK, and the receipt"
        " tells",
    )
    outbind: OutbindOf = Field(
        default=OutbindSection(),
        description="Whom we call by outbind when it is owed something and has no session:"
        " HOST:PORT, or {to: HOST:PORT, password: ...}",
    )
    tlvs: GivenTlvs = Field(
        default={},
        description="TLVs that its messages get where they lack them, by the names under tlvs, as"
        " {dlt_entity_id: '1101234567890123456'}",
    )

    @model_validator(mode="before")
    @classmethod
    def _with_profile(cls, values: Any) -> Any:
        return profiles.merged(values)

    @model_validator(mode="after")
    def _is_sound(self) -> Self:
        if self.data_coding_0 not in _MISTAKABLE:
            for key in ("detect_ucs2", "detect_utf8"):
                if getattr(self, key):
                    message = f"needs data_coding_0: {', '.join(_MISTAKABLE)}"
                    raise wrong([profiles.blamed(self.profile, key, message)])
        return self

    def account(self, longest_sender: int = 11) -> model.Account:
        """Return the account's record; *longest_sender* is in letters."""
        return model.Account(
            system_id=self.system_id,
            password=self.password[0],
            old_password=self.password[1] if len(self.password) > 1 else None,
            tls=self.tls == "required",
            certificate=self.certificate or (),
            binds=self.binds.total,
            binds_transmitter=self.binds.transmitter,
            binds_receiver=self.binds.receiver,
            binds_transceiver=self.binds.transceiver,
            window=self.window,
            deliver_window=self.deliver_window,
            throughput=self.throughput,
            allow_from=self.allow_from,
            senders=self.senders,
            country=self.country,
            alphabet_0="gsm7" if self.data_coding_0 == "gsm7_packed" else self.data_coding_0,
            packed=self.data_coding_0 == "gsm7_packed",
            detect_ucs2=self.detect_ucs2,
            detect_utf8=self.detect_utf8,
            alphabet_1=self.data_coding_1,
            alphabet_3=self.data_coding_3,
            alphabet_8=self.data_coding_8,
            gather_timeout=self.gather.timeout,
            when_incomplete=self.gather.when_incomplete,
            max_parts=self.max_parts,
            id_form=b"%d" if self.message_id == "decimal" else id_form(self.message_id),
            receipts=self.receipts.terms(),
            validity=self.validity,
            longest_sender=longest_sender,
            habits=habits_of(self),
            query=self.query,
            answer=self.answer,
            answer_within=self.answer_within,
            outbind=self.outbind.record(),
        )

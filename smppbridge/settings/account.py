"""The section of an account in the configuration, and the model's record of the account."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from smppbridge.model import account as model
from smppbridge.settings.outbind import OutbindOf, OutbindSection
from smppbridge.settings.section import Section, wrong
from smppbridge.settings.tlvs import GivenTlvs
from smppbridge.settings.values import (
    Count,
    Country,
    Duration,
    Networks,
    Off,
    Password,
    Patterns,
    Rate,
    UniqueSystemId,
    UtcOffset,
)

AlphabetName = Literal["gsm7", "latin1", "ia5", "utf8", "ucs2"]
DefaultAlphabetName = Literal["gsm7", "gsm7_packed", "latin1", "ia5", "utf8", "ucs2"]
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


class AccountReceiptsSection(Section):
    """The form of an account's receipts."""

    text: bool = Field(
        default=True, description="Whether receipts end with the text's first 20 characters"
    )
    utc_offset: UtcOffset = Field(
        default=0.0, description="Time zone of the dates in receipts, as +00:00"
    )


def _total(value: Any) -> Any:
    return value if isinstance(value, dict | BindsSection) else {"total": value}


class AccountSection(Section):
    """One ESME."""

    system_id: UniqueSystemId = Field(description="Its name at bind, at most 15 characters")
    password: Password = Field(
        repr=False,
        description="Text, ${VARIABLE}, {file: PATH} or {hash: '$argon2id$...'}; SMPP 3.4 clients"
        " send at most 8 characters",
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
        description="submit_sm a second, at most, then ESME_RTHROTTLED; absent: no limit",
    )
    allow_from: Networks | None = Field(
        default=None,
        description="Networks it may bind from, as [10.0.0.0/8]; absent: any; empty: none",
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
    gather: GatherSection = Field(
        default=GatherSection(), description="The segments of long messages"
    )
    max_parts: Annotated[int, Field(ge=1, le=255)] = Field(
        default=10,
        description="SMs that a message may take; longer ones get ESME_RINVMSGLEN",
    )
    receipts: AccountReceiptsSection = Field(
        default=AccountReceiptsSection(), description="What its receipts look like"
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

    @model_validator(mode="after")
    def _is_sound(self) -> Self:
        if self.data_coding_0 not in _MISTAKABLE:
            for key in ("detect_ucs2", "detect_utf8"):
                if getattr(self, key):
                    raise wrong([(key, f"needs data_coding_0: {', '.join(_MISTAKABLE)}")])
        return self

    def account(self, longest_sender: int = 11) -> model.Account:
        """Return the account's record; *longest_sender* is in letters."""
        return model.Account(
            system_id=self.system_id,
            password=self.password,
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
            receipt_text=self.receipts.text,
            receipt_utc_offset=self.receipts.utc_offset,
            validity=self.validity,
            longest_sender=longest_sender,
            answer=self.answer,
            answer_within=self.answer_within,
            outbind=self.outbind.record(),
        )

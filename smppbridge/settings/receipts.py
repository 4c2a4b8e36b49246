"""The section of an account's receipts: their text, fields, PDU and sessions."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from smppbridge.model import receipts as model
from smppbridge.model.identifiers import IdKind, id_form
from smppbridge.settings.section import Section, wrong
from smppbridge.settings.values import OneOrList, UtcOffset, suggestion

_LONGEST_ID = 64  # octets (SMPP 3.4, 4.4.2)
_WORDS = {"true": True, "on": True, "yes": True, "false": False, "off": False, "no": False}
_QUOTED = " text:{text}"
_CAPITAL = " Text:{text}"


def _text(value: Any) -> Any:
    if isinstance(value, str) and value.lower() in _WORDS:
        return _WORDS[value.lower()]
    if not isinstance(value, bool | str):
        raise ValueError("must be true, false, or a text with fields such as id:{id} stat:{stat}")
    return value


def _template(value: bool | str) -> bool | str:
    if isinstance(value, bool) or not value:
        return value
    if not (value.isascii() and value.isprintable()):
        raise ValueError("must be printable ASCII")
    names = [name for _, name in model.pieces(value) if name]
    for name in names:
        if name not in model.FIELDS:
            hint = suggestion(name, model.FIELDS)
            known = ", ".join(model.FIELDS)
            raise ValueError(f"{{{name}}} is no field{hint or f': there are {known}'}")
    if not names:
        raise ValueError("names no field: write {id}, {stat}, ...")
    return value


def _date(value: str) -> str:
    model.date_form(value)
    return value


def _words(value: dict[str, str]) -> dict[str, str]:
    for word, shown in value.items():
        if word not in model.STAT_WORDS:
            hint = suggestion(word, model.STAT_WORDS)
            known = ", ".join(model.STAT_WORDS)
            raise ValueError(f"{word} is no word of a receipt{hint or f': there are {known}'}")
        sound = shown.isascii() and shown.isprintable() and " " not in shown
        if not (sound and 1 <= len(shown) <= model.LONGEST_STAT):
            raise ValueError(
                f"the word for {word} must be 1 to {model.LONGEST_STAT} printable ASCII characters"
            )
    return value


class AccountReceiptsSection(Section):
    """The form of an account's receipts."""

    form: model.Form = Field(
        default="spec",
        description="What they look like: spec (SMPP 3.4, Appendix B); jasmin (no sub, dlvrd and"
        " text); kannel (the words of opensmppbox, on: any); cloudhopper; seconds (dates with"
        " seconds); tlv_only (no text). The keys below change what a form says",
    )
    text: Annotated[bool | str, BeforeValidator(_text), AfterValidator(_template)] = Field(
        default=True,
        description="Whether they end with the first 20 characters of the message, true or false;"
        " or a form of your own for all of the receipt, of fields {id} {sub} {dlvrd} {submit_date}"
        ' {done_date} {stat} {err} {text}, at most 254 octets long; "": TLVs alone',
    )
    lower_case: bool = Field(
        default=True,
        description="Whether their last key is text: in small letters; false: Text:, as Appendix B"
        " prints it",
    )
    id: IdKind | None = Field(
        default=None,
        description="The message_id in receipts: decimal, hex or padded (decimal, with zeros in"
        " front); absent: as in submit_sm_resp",
    )
    id_width: Annotated[int, Field(ge=1, le=_LONGEST_ID)] | None = Field(
        default=None,
        description="The digits that the message_id has at least; absent: 1, or 18 if padded",
    )
    date: Annotated[str, AfterValidator(_date)] = Field(
        default=model.DATE,
        description="The form of dates: YYYY or YY, MM, DD, hh, mm and ss, in any order, with"
        " - / : . and T between",
    )
    utc_offset: UtcOffset = Field(
        default=0.0, description="Time zone of the dates in receipts, as +00:00"
    )
    err_width: Annotated[int, Field(ge=1, le=10)] = Field(
        default=3, description="The digits of err; a larger error is all nines"
    )
    stat: Annotated[dict[str, str], AfterValidator(_words)] = Field(
        default={},
        description="Words in place of ENROUTE, DELIVRD, EXPIRED, DELETED, UNDELIV, ACCEPTD,"
        " UNKNOWN and REJECTD, as {EXPIRED: UNDELIV}",
    )
    swap_addresses: bool = Field(
        default=True,
        description="Whether they come from the message's destination; false: from its source, to"
        " its destination",
    )
    tlvs: bool = Field(
        default=True,
        description="Whether they have TLVs, where the ESME bound as SMPP 3.4 or later",
    )
    by: model.By = Field(
        default="deliver_sm",
        description="Their PDU: deliver_sm, or data_sm with the text in message_payload; an ESME"
        " that bound as SMPP 3.3 gets deliver_sm",
    )
    on: model.On = Field(
        default="receiver",
        description="Its sessions that get receipts and messages from phones: receiver (and"
        " transceiver), or any (transmitter too); sessions that are bound keep what they had",
    )
    intermediate: model.Intermediate = Field(
        default="asked",
        description="Intermediate notifications: asked, always (with every receipt that was asked"
        " for) or never",
    )
    retry_on: (
        Annotated[
            tuple[Annotated[int, BeforeValidator(model.status_of)], ...],
            OneOrList,
        ]
        | None
    ) = Field(
        default=None,
        description="Statuses of a deliver_sm_resp after which a receipt is sent again, as"
        " [ESME_RSYSERR, 0x14]; any other ends it. Absent: all but ESME_RX_P_APPN, ESME_RX_R_APPN"
        " and ESME_RINV... After ESME_RUNKNOWNERR and generic_nack it is always sent again",
    )

    @model_validator(mode="after")
    def _is_sound(self) -> Self:
        if self.id_width is not None and self._value("id") is None:
            raise wrong([("id_width", "goes with id: decimal, hex or padded")])
        terms = self.terms()
        if not (terms.text or terms.tlvs):
            raise wrong([("tlvs", "a receipt without text and TLVs would be empty")])
        octets = model.longest(terms)
        if octets > model.LONGEST:
            raise wrong([("text", f"can be {octets} octets long, over {model.LONGEST}")])
        return self

    def terms(self) -> model.Receipts:
        """Return the account's terms for receipts: the form's, with the keys that are set."""
        own = model.FORMS[self.form].get("text", model.SPEC)
        text = self.text if isinstance(self.text, str) else own
        if not (self.lower_case or isinstance(self.text, str)):
            text = text.replace(_QUOTED, _CAPITAL)
        kind, retry_on = self._value("id"), self.retry_on
        return model.Receipts(
            id_form=None if kind is None else id_form(kind, self._value("id_width") or 0),
            text=text,
            quotes=self.text is not False,
            date=self._value("date"),
            utc_offset=int(self.utc_offset),
            err_width=self.err_width,
            stat=tuple(self._value("stat").items()),
            swaps=self.swap_addresses,
            tlvs=self.tlvs,
            by=self.by,
            on=self._value("on"),
            intermediate=self.intermediate,
            retry_on=None if retry_on is None else frozenset(retry_on) | {model.NACKED},
        )

    def _value(self, key: str) -> Any:
        """Return the value of a key: as it is set, else the form's, else the default."""
        own = model.FORMS[self.form]
        return (
            getattr(self, key) if key in self.model_fields_set else own.get(key, getattr(self, key))
        )

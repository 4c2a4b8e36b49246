"""TLVs by name in the configuration: their forms, and the values that accounts and routes give."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    Field,
    PlainValidator,
    StringConstraints,
    ValidationError,
    ValidationInfo,
)

from smppbridge.model.tlvs import DLT, LONGEST_VALUE, NamedTlv, TlvKind, Tlvs
from smppbridge.model.treatments import KEPT_TAGS, TREATMENTS, TlvUse, name_of
from smppbridge.settings.section import Section, wrong
from smppbridge.settings.values import OneOrList, context_of, suggestion

GivenTlv = tuple[NamedTlv, bytes]
_INTEGER_OCTETS = (1, 2, 4, 8)
_FIRST_FREE = 0x100
_OURS = frozenset(
    int(tag) for tag, it in TREATMENTS.items() if it.use in (TlvUse.READ, TlvUse.SENT)
)


def _tag(value: Any) -> int:
    try:
        tag = int(value, 0) if isinstance(value, str) else int(value)
    except (TypeError, ValueError):
        raise ValueError("must be a number such as 0x1400") from None
    if tag in _OURS:
        raise ValueError(f"is {name_of(tag)}, which the bridge uses itself")
    if not (tag in KEPT_TAGS or _FIRST_FREE <= tag <= 0xFFFF):
        raise ValueError("must be 0x0100 to 0xFFFF: vendors have 0x1400 to 0x3FFF")
    return tag


class TlvSection(Section):
    """A TLV that has a name: its form, and whether it comes back."""

    tag: Annotated[int, PlainValidator(_tag)] | None = Field(
        default=None,
        description="Its tag, as 0x1400; absent: 0x1400 for dlt_entity_id, 0x1401 for"
        " dlt_template_id (India's DLT), which are known by name",
    )
    type: TlvKind | None = Field(
        default=None,
        description="What its value is: text (printable ASCII, with or without a NUL), digits,"
        " integer or octets; absent: text; another value gets ESME_RINVOPTPARAMVAL",
    )
    max: Annotated[int, Field(ge=1, le=LONGEST_VALUE)] | None = Field(
        default=None,
        description="Its longest value in characters or octets (integer: 1, 2, 4 or 8); absent:"
        " 255 (integer: 4); a longer one gets ESME_RINVPARLEN",
    )
    echo: bool = Field(default=False, description="Whether receipts carry it as the submit_sm did")

    def named(self, name: str) -> NamedTlv:
        """Return the TLV under its name; raises ValueError without a tag or with a wrong max."""
        known = DLT.get(name)
        if self.tag is None and known is None:
            raise ValueError("needs a tag, as {tag: 0x1402}")
        kind = self.type or (known.kind if known else "text")
        longest = self.max or (known.longest if known else 0)
        if kind == "integer":
            longest = self.max or 4
            if longest not in _INTEGER_OCTETS:
                raise ValueError("max of an integer is 1, 2, 4 or 8 octets")
        tag = self.tag if self.tag is not None else known.tag if known else 0
        return NamedTlv(name, tag, kind, longest or LONGEST_VALUE, self.echo)


def _unlike(sections: dict[str, TlvSection]) -> dict[str, TlvSection]:
    faults: list[tuple[str | int, str]] = []
    names: dict[int, str] = {}
    for name, section in sections.items():
        try:
            tag = section.named(name).tag
        except ValueError as error:
            faults.append((name, str(error)))
            continue
        if tag in names:
            faults.append((name, f"has the tag of {names[tag]}"))
        names[tag] = name
    if faults:
        raise wrong(faults)
    return sections


def known_tlvs(sections: Any) -> tuple[NamedTlv, ...]:
    """Return the TLVs that have a name in a file: sound ones under `tlvs`, and those of DLT.

    A TLV of the file goes before one of DLT that has its name or its tag.
    """
    found = dict(_sound(sections)) if isinstance(sections, Mapping) else {}
    tags = {each.tag for each in found.values()}
    known = {name: each for name, each in DLT.items() if each.tag not in tags}
    return tuple((known | found).values())


def _sound(sections: Mapping[Any, Any]) -> Iterator[tuple[str, NamedTlv]]:
    for name, section in sections.items():
        try:
            read = TlvSection.model_validate(section)
            yield str(name), read.named(str(name))
        except (ValidationError, ValueError):
            continue  # a fault of its own


def _known(name: Any, info: ValidationInfo) -> NamedTlv:
    known = context_of(info).tlvs
    for each in known:
        if each.name == name:
            return each
    names = [each.name for each in known]
    raise ValueError(f"no TLV has this name under tlvs{suggestion(str(name), names)}")


def _given(value: Any, info: ValidationInfo) -> dict[str, GivenTlv]:
    if not isinstance(value, Mapping):
        raise ValueError("must be names and values, as {dlt_entity_id: '1101234567890123456'}")
    faults: list[tuple[str | int, str]] = []
    found: dict[str, GivenTlv] = {}
    for name, text in value.items():
        try:
            named = _known(name, info)
            found[named.name] = (named, named.value(str(text)))
        except ValueError as error:
            faults.append((str(name), str(error)))
    if faults:
        raise wrong(faults)
    return found


def checked_tlvs(
    sections: Mapping[str, TlvSection], accounts: Iterable[Any], routes: Iterable[Any]
) -> tuple[NamedTlv, ...]:
    """Return the TLVs whose values are checked: a name of DLT is where it is used."""
    found = {name: section.named(name) for name, section in sections.items()}
    used = [each for route in routes for each in route.require]
    used += [named for part in (*accounts, *routes) for named, _ in part.tlvs.values()]
    return tuple((found | {each.name: each for each in used}).values())


def written(given: Mapping[str, GivenTlv]) -> Tlvs:
    """Return given TLVs as messages have them."""
    return tuple((named.tag, value) for named, value in given.values())


TlvName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
NamedTlvs = Annotated[dict[TlvName, TlvSection], AfterValidator(_unlike)]
RequiredTlvs = Annotated[tuple[Annotated[NamedTlv, PlainValidator(_known)], ...], OneOrList]
GivenTlvs = Annotated[dict[str, GivenTlv], PlainValidator(_given)]

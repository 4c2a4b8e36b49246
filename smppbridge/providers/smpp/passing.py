"""The TLVs of a message that go on to an upstream SMSC."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from smppbridge.model.tlvs import NamedTlv, Tlvs
from smppbridge.providers.exchange import EVERY_TAG

TlvPolicy = Literal["ignore", "named", "pass"]
_TAGS = range(0x100, 0x10000)


@dataclass(frozen=True, slots=True)
class PassedTlvs:
    """The *tags* that an SMSC gets, and the tags under which it gets some of them (*renamed*)."""

    tags: frozenset[int] | range = frozenset()
    renamed: Mapping[int, int] | None = None

    def split(self, tlvs: Tlvs) -> tuple[Tlvs, Tlvs]:
        """Return the TLVs of a message for the SMSC, and the others, in their order."""
        renamed, tags = self.renamed or {}, self.tags
        passed = tuple([(renamed.get(tag, tag), value) for tag, value in tlvs if tag in tags])
        return passed, tuple([each for each in tlvs if each[0] not in tags])


def passed_tlvs(
    policy: TlvPolicy, named: Iterable[NamedTlv], own_tags: Mapping[str, str | int]
) -> PassedTlvs:
    """Return the TLVs that the settings of an upstream pass on; raises KeyError, ValueError."""
    by_name = {each.name: each.tag for each in named}
    renamed = {by_name[name]: tag_of(tag) for name, tag in own_tags.items()}
    if policy == "ignore":
        return PassedTlvs()
    return PassedTlvs(EVERY_TAG if policy == "pass" else frozenset(by_name.values()), renamed)


def tag_of(written: str | int) -> int:
    """Return a tag written as a number, decimal or hexadecimal; raises ValueError."""
    tag = int(written, 0) if isinstance(written, str) else written
    if tag not in _TAGS:
        raise ValueError(f"{written} is no tag")
    return tag


def tlv_faults(provider: Any) -> Iterator[str]:
    """Yield the faults of an upstream's settings about TLVs."""
    known = {each.name for each in provider.named_tlvs}
    for name, tag in provider.tlv_tags.items():
        if name not in known:
            yield f"tlv_tags names {name}, and there is {', '.join(sorted(known))}"
        try:
            tag_of(tag)
        except ValueError:
            yield f"tlv_tags must have tags as 0x1400 to 0xFFFF, and has {tag}"
    if provider.tlv_tags and provider.tlvs == "ignore":
        yield "tlv_tags needs tlvs: named or pass"

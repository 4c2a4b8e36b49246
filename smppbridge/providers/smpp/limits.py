"""The values that the settings of an upstream SMSC may have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal, get_args

from smppbridge.model.parts import DeliveredBy
from smppbridge.providers.smpp.passing import TlvPolicy, tlv_faults
from smppbridge.providers.smpp.submit import LongBy, NationalLanguage, TextAlphabet, Validity

BindMode = Literal["trx", "tx+rx"]
Ids = Literal["exact", "case", "zeros", "same", "hex_to_decimal", "decimal_to_hex"]

_LENGTHS = {"system_id": 15, "password": 64, "system_type": 12, "service_type": 5}
_RANGES = {
    "port": range(1, 65_536),
    "binds": range(1, 51),
    "window": range(1, 10_001),
    "data_coding": range(256),
    "registered_delivery": range(256),
    "source_ton": range(256),
    "source_npi": range(256),
    "destination_ton": range(256),
    "destination_npi": range(256),
}
_CHOICES: Mapping[str, Any] = {
    "bind": BindMode,
    "alphabet": TextAlphabet,
    "segments": LongBy,
    "validity": Validity,
    "ids": Ids,
    "delivered_by": DeliveredBy,
    "tlvs": TlvPolicy,
}


def faults_of(provider: Any) -> Iterator[str]:
    """Yield the faults of an upstream's settings, in words for an operator."""
    if not provider.host or not provider.host.isprintable() or set(" /:@") & set(provider.host):
        yield "host must be a name or an IPv4 address"
    for name, longest in _LENGTHS.items():
        value = getattr(provider, name)
        if not value.isascii() or not value.isprintable() or len(value) > longest:
            yield f"{name} must be at most {longest} printable ASCII characters"
    if not provider.system_id:
        yield "system_id is empty"
    for name, numbers in _RANGES.items():
        value = getattr(provider, name)
        if value is not None and value not in numbers:
            yield f"{name} must be {numbers[0]} to {numbers[-1]}"
    if not provider.enquire_link > 0:
        yield "enquire_link must be more than 0"
    for name, known in _CHOICES.items():
        if getattr(provider, name) not in get_args(known):
            yield f"{name} must be one of {', '.join(get_args(known))}"
    yield from _national_faults(provider)
    yield from tlv_faults(provider)


def _national_faults(provider: Any) -> Iterator[str]:
    known = get_args(NationalLanguage)
    if set(provider.national) - set(known):
        yield f"national must be a list of {', '.join(known)}"
    if provider.national and provider.alphabet != "gsm7":
        yield "national needs alphabet: gsm7, whose tables the languages shift"

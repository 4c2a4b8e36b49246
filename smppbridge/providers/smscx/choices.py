"""The words that settings of SMS.CX choose from."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, get_args

Transliteration = Literal[
    "NONE",
    "NON_GSM",
    "POLISH",
    "TURKISH",
    "GREEK",
    "ROMANIAN",
    "RUSSIAN_CYRILLIC",
    "BULGARIAN_CYRILLIC",
    "UKRAINIAN_CYRILLIC",
    "BELARUSIAN_CYRILLIC",
    "SERBIAN_CYRILLIC",
    "MACEDONIAN_CYRILLIC",
]
Placeholders = Literal["refuse", "pass"]
Schedule = Literal["bridge", "provider"]
CHOICES: Mapping[str, tuple[str | None, ...]] = MappingProxyType(
    {
        "alphabet": (None, *get_args(Transliteration)),
        "placeholders": get_args(Placeholders),
        "schedule": get_args(Schedule),
    }
)

"""Cyrillic letters in Latin ones, by the published standard of the language that a text is in.

Russian and all others: ICAO Doc 9303, part 3, 6 B, with its exceptions for Belarusian and
Macedonian.  Ukrainian: resolution 55 of the Cabinet of Ministers (2010).  Bulgarian: the
Transliteration Act (2009).  Serbian: its own Latin alphabet without diacritics, ``dj`` for ``ђ``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

_CYRILLIC = re.compile("[\u0400-\u052f]")
# As in «съел»: before these vowels a hard sign is Russian, before all others a Bulgarian vowel.
_BULGARIAN = re.compile("ъ(?![еёюя])")


@dataclass(frozen=True, slots=True)
class Romanisation:
    """A language's Latin letters, by small Cyrillic letter; *runs* are patterns that go first."""

    letters: Mapping[str, str]
    runs: tuple[tuple[re.Pattern[str], str], ...] = ()


def _letters(pairs: str, base: Mapping[str, str] | None = None) -> Mapping[str, str]:
    """Return a table that is written ``а=a б=b``, over the letters of *base*."""
    table = dict(base or {})
    for pair in pairs.split():
        small, _, latin = pair.partition("=")
        table[small] = latin
    return MappingProxyType(table)


def _runs(*pairs: tuple[str, str]) -> tuple[tuple[re.Pattern[str], str], ...]:
    return tuple((re.compile(pattern, re.IGNORECASE), latin) for pattern, latin in pairs)


_ICAO = _letters(
    "а=a б=b в=v г=g ґ=g д=d ђ=d ѓ=g е=e ё=e є=ie ж=zh з=z ѕ=dz и=i і=i ї=i й=i ј=j к=k ќ=k л=l"
    " љ=lj м=m н=n њ=nj о=o п=p р=r с=s т=t ћ=c у=u ў=u ф=f х=kh ц=ts ч=ch џ=dz ш=sh щ=shch ъ=ie"
    " ы=y ь= э=e ю=iu я=ia"
)
OTHERS = Romanisation(_ICAO)
BELARUSIAN = Romanisation(_letters("г=h ё=io", _ICAO))
MACEDONIAN = Romanisation(_letters("ѓ=gj ќ=kj х=h ц=c џ=dj", _ICAO))
SERBIAN = Romanisation(_letters("ђ=dj ж=z х=h ц=c ч=c ш=s", _ICAO))
BULGARIAN = Romanisation(_letters("й=y х=h щ=sht ъ=a ь=y ю=yu я=ya", _ICAO), _runs((r"ия\b", "ia")))
UKRAINIAN = Romanisation(
    _letters("г=h и=y", _ICAO),
    _runs(
        (r"(?<=[а-ґ])['’ʼ](?=[єїюя])", ""),  # an apostrophe is left out, and begins no word
        ("зг", "zgh"),
        (r"\bє", "ye"),
        (r"\bї", "yi"),
        (r"\bй", "y"),
        (r"\bю", "yu"),
        (r"\bя", "ya"),
    ),
)


def romanised(text: str) -> str:
    """Return *text* with Latin letters for Cyrillic ones; letters of no table stay.

    The language is that of the letters that no other of these languages has.
    """
    if _CYRILLIC.search(text) is None:
        return text
    found = language_of(text)
    for pattern, latin in found.runs:
        text = pattern.sub(partial(_cased, latin), text)
    return _CYRILLIC.sub(partial(_letter, found.letters), text)


def language_of(text: str) -> Romanisation:
    """Return the romanisation of the language of *text*, as far as its letters tell."""
    small = text.lower()
    letters = set(small)
    if letters & set("ђћ"):
        return SERBIAN
    if letters & set("ѓќѕјљњџ"):  # the last four are Serbian too: zh, ch and sh are read there
        return MACEDONIAN
    if letters & set("ыэё"):
        return BELARUSIAN if letters & set("ўі") else OTHERS
    if letters & set("ґєїі"):
        return BELARUSIAN if "ў" in letters else UKRAINIAN
    return BULGARIAN if _BULGARIAN.search(small) else OTHERS


def _letter(letters: Mapping[str, str], found: re.Match[str]) -> str:
    latin = letters.get(found[0].lower())
    return found[0] if latin is None else _cased(latin, found)


def _cased(latin: str, found: re.Match[str]) -> str:
    """Return *latin* in the case of a letter: ``Shch`` in a word, ``SHCH`` among capitals."""
    if found[0] == found[0].lower():
        return latin
    before, after = found.string[: found.start()][-1:], found.string[found.end() :][:1]
    shouted = len(found[0]) > 1 and found[0].isupper()
    if shouted or after.isupper() or (before.isupper() and not after.islower()):
        return latin.upper()
    return latin.capitalize()

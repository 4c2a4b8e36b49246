"""A text in the characters of GSM 03.38, where that loses nothing that matters.

The whole text or nothing: one character that GSM 03.38 lacks makes all others cost two octets.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

from smppbridge.text import gsm7, segments
from smppbridge.text.romanisation import romanised

_OURS = frozenset(gsm7.BASIC.replace("\x1b", "")) | frozenset(gsm7.EXTENSION.values())
_FOREIGN = re.compile(f"[^{re.escape(''.join(sorted(_OURS)))}]")
# Not super- and subscripts, fractions, circles: 10² would become 102.
_HARMLESS = frozenset(("<compat>", "<font>", "<noBreak>", "<wide>", "<narrow>"))
# In front of a Latin letter, and after no Greek one, it is the sign of a unit: μg is not Mg.
_MICRO = re.compile("(?<![\u0370-\u03ff\u1f00-\u1fff])\u03bc(?=[A-Za-z])")
_GREEK_SMALL = "αβγδεζηθικλμνξοπρςστυφχψω"
_GREEK_LIKE_LATIN = dict(zip("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "ABEZHIKMNOPTYX", strict=True))


def _pairs(written: str) -> dict[str, str]:
    """Return a table that is written ``œ=oe ™=TM``."""
    return {pair[0]: pair[2:] for pair in written.split()}


_COUNTERPARTS: dict[str, str] = {
    **dict.fromkeys("‘’‚‛‹›′‵ʻʼʽˈ´`", "'"),
    **dict.fromkeys("“”„‟«»″‶", '"'),
    **dict.fromkeys("‐‑‒–—―−⁃", "-"),
    **dict.fromkeys("•‣◦▪●", "*"),
    **dict.fromkeys("·∙", "."),
    **dict.fromkeys("\t\u3000", " "),
    **dict.fromkeys("\x0b\x85\u2028\u2029", "\n"),
    # Zero width: breaks and joins, directions, a byte order mark.
    **dict.fromkeys(map(chr, (0xAD, 0x034F, 0x180E, 0xFEFF, *range(0x200B, 0x2010))), ""),
    **dict.fromkeys(map(chr, (*range(0x202A, 0x202F), *range(0x2060, 0x2070))), ""),
    # Letters that Unicode does not take apart.
    **dict(zip("ĐđĦħıŁłŊŋŦŧƁɓƊɗƐɛƎǝƏəƘƙƆɔƳƴ", "DdHhiLlNnTtBbDdEeEeEeKkOoYy", strict=True)),
    **_pairs("Œ=OE œ=oe Þ=TH þ=th Ð=D ð=d ẞ=ß ƒ=f µ=u ª=a º=o"),
    **_pairs("™=TM ©=(c) ®=(r) №=No ¦=| ×=x ÷=/ ±=+/- ≤=<= ≥=>= ≠=<> ≈=~ ∼=~ ¢=c"),
    **_pairs("→=-> ←=<- ⇒==> ⁄=/ ∕=/ ∶=: ‼=!!"),
    # Currencies by ISO 4217.
    **_pairs("₦=NGN ₵=GHS ₹=INR ₺=TRY ₽=RUB ₴=UAH ₩=KRW ₫=VND ₪=ILS ₸=KZT ₱=PHP ₼=AZN ₾=GEL ₡=CRC"),
    **_GREEK_LIKE_LATIN,
    **{small: _GREEK_LIKE_LATIN.get(small.upper(), small.upper()) for small in _GREEK_SMALL},
}


def transliterated(text: str) -> str:
    """Return *text* in characters of GSM 03.38; *text* as it is if that cannot be, or is no gain.

    Accents that GSM 03.38 lacks are dropped, Greek becomes its capitals, Cyrillic is romanised.
    No gain is more segments than before, or no character at all (3GPP 23.038, 6.2.1).
    """
    if _FOREIGN.search(text) is None:
        return text
    readable = _readable(text)
    table = {ord(each): _counterpart(each) for each in _foreign(readable)}
    if None in table.values():
        return text
    found = readable.translate(table)
    if not found or segments.count(found)[1] > segments.count(text)[1]:
        return text
    return found


def obstacles(text: str) -> tuple[str, ...]:
    """Return the characters, each once, because of which a text stays as it is."""
    return tuple(each for each in _foreign(_readable(text)) if _counterpart(each) is None)


def _readable(text: str) -> str:
    """Return a text whose accents stand in one character with their letter, without Cyrillic."""
    composed = romanised(unicodedata.normalize("NFC", text))
    return unicodedata.normalize("NFC", _MICRO.sub("u", composed))


def _foreign(text: str) -> Iterable[str]:
    return dict.fromkeys(_FOREIGN.findall(text))


@lru_cache(maxsize=4096)
def _counterpart(character: str) -> str | None:
    """Return the counterpart of a character, or None; "" for a character without a shape."""
    known = character if character in _OURS else _COUNTERPARTS.get(character)
    if known is not None:
        return known
    category = unicodedata.category(character)
    if category in ("Zs", "Mn"):
        return " " if category == "Zs" else ""
    return _decomposed(character)


def _decomposed(character: str) -> str | None:
    first, *others = unicodedata.decomposition(character).split() or ("",)
    codes = others if first.startswith("<") else [first, *others]
    if not first or (first.startswith("<") and first not in _HARMLESS):
        return None
    if len(codes) > 1 and codes[0] == "0020":  # an accent that stands alone, as ¨
        return None
    found = [_counterpart(chr(int(code, 16))) for code in codes]
    return None if None in found else "".join(each for each in found if each is not None)

"""masked_body: bodies and query strings of HTTP, of which only harmless fields are kept.

A field is kept for its name: whatever has a name that is not known here may be a text.
"""

from __future__ import annotations

import re
from typing import Final

from smppbridge.tracing.hidden_words import MASK, masked_numbers

_TOKEN: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|[{}\[\]:,]|[^\s{}\[\]:,"]+|"', re.DOTALL)
_LONG_KEY: Final = 64
_ANY_SIGN: Final = re.compile(rb"[^\s<>/={}\[\]:,;&\"'?.-]")
_DIGIT: Final = re.compile(rb"[0-9]")
_SCALARS: Final = frozenset((b"true", b"false", b"null"))


def words_of(text: str) -> frozenset[str]:
    """Return the words of a list."""
    return frozenset(text.split())


_NUMBERS: Final = words_of(
    "to from destination destinations recipient recipients msisdn msisdns number numbers "
    "phone phones phonenumber mobile mobiles source sender originator dest dst src addr"
)
_HARMLESS: Final = words_of(
    "action amount balance bulk category channel charge code coding cost count country credit "
    "credits currency datacoding delivered deliverystatus description detail details dlr "
    "encoding error errorcode errormessage errors errortext expiration expires "
    "expiresin failed flash format granttype info language limit mcc mnc "
    "msgstatus network networkcode operator page pages "
    "part parts price priority queued reason registered rejected remaining report result "
    "results resultcode route scope segments state status statuscode statustext success title "
    "tokentype total totalcount type unicode unit units validity validityperiod version "
    "warning warnings"
)
_TEXTS_OR_ERRORS: Final = frozenset(("message", "msg"))  # an error's words in a refusal
_TIMES: Final = re.compile(r"date|time|(?:created|updated|done|sent|received)(?:at|on)?$")
_IDS: Final = re.compile(
    r"(?:^|[a-z])(?:id|ids|sid|uuid|guid)$|^(?:ref|reference|clientref|requestid)$"
)
_ID_VALUE: Final = re.compile(rb"[A-Za-z0-9._:+/@|-]{0,128}")
_NOT_LETTERS: Final = re.compile("[^a-z0-9]")


def masked_body(body: bytes, content_type: str, *, refused: bool = False) -> bytes:
    """Return a body of the same length: of JSON and of forms the harmless fields are kept.

    Of any other body only its marks stay.  *refused*: it is the body of an answer with an error.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/x-www-form-urlencoded":
        return masked_form(body)
    start = body.lstrip()[:1]
    if kind.endswith("json") or start in (b"{", b"["):
        return _masked_json(body, refused)
    return _ANY_SIGN.sub(MASK, body)


def masked_form(form: bytes) -> bytes:
    """Return a form, or the query of a URL, of the same length."""
    return b"&".join([_masked_pair(pair) for pair in form.split(b"&")])


def _masked_pair(pair: bytes) -> bytes:
    name, equals, value = pair.partition(b"=")
    if not equals:
        return _ANY_SIGN.sub(MASK, pair)
    return masked_numbers(name) + equals + _masked_value(name.decode("latin-1"), value, False)


def _masked_value(name: str, value: bytes, refused: bool) -> bytes:
    plain = _NOT_LETTERS.sub("", name.lower())
    if len(name) > _LONG_KEY:
        return b"." * len(value)
    if _IDS.search(plain):
        return value if _ID_VALUE.fullmatch(value) else b"." * len(value)
    if _TIMES.search(plain):
        return value if len(value) <= _LONG_KEY else b"." * len(value)
    if plain in _NUMBERS or plain in _HARMLESS or (refused and plain in _TEXTS_OR_ERRORS):
        return masked_numbers(value)
    return b"." * len(value)


def _masked_json(body: bytes, refused: bool) -> bytes:
    """Mask the values of a JSON text, by the nearest name around each of them."""
    masked = bytearray(body)
    names: list[str] = [""]  # one for each object or array that is open
    tokens = list(_TOKEN.finditer(body))
    for place, found in enumerate(tokens):
        token = found[0]
        if token in (b"{", b"["):
            names.append(names[-1])
        elif token in (b"}", b"]"):
            names[:] = names[:-1] or [""]
        elif token == b'"':  # not closed: nobody knows where it ends
            masked[found.start() :] = MASK * (len(body) - found.start())
            break
        elif token[:1] == b'"':
            inner, at = token[1:-1], found.start() + 1
            if place + 1 < len(tokens) and tokens[place + 1][0] == b":":
                names[-1] = inner.decode("latin-1")
                masked[at : at + len(inner)] = masked_numbers(inner)
            else:
                masked[at : at + len(inner)] = _masked_value(names[-1], inner, refused)
        elif token not in (b":", b",") and token not in _SCALARS:
            masked[found.start() : found.end()] = _masked_scalar(names[-1], token)
    return bytes(masked)


def _masked_scalar(name: str, token: bytes) -> bytes:
    """Mask a number in JSON by digits, so that it stays a number; no number: by ``*``."""
    try:
        float(token)
    except ValueError:
        return MASK * len(token)
    masked = _masked_value(name, token, False)
    if masked == token:
        return token
    if MASK in masked:
        return masked_numbers(token, b"0")
    return _DIGIT.sub(b"1", token)

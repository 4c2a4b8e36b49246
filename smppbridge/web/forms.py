"""forms: the fields of query strings and of form bodies, which a stranger writes: bounded."""

from __future__ import annotations

from collections.abc import Iterator
from email.message import Message
from email.parser import BytesParser
from urllib.parse import parse_qsl

MAX_FIELDS = 200
"""Fields of a query string or of a form."""


class TooManyFields(ValueError):
    """A query string or a form has too many fields."""


def read_fields(octets: bytes) -> dict[str, str]:
    """Return the first value of each name of a query string or a form; raises TooManyFields."""
    text = octets.decode("utf-8", "replace")
    if b"%" not in octets and b"+" not in octets and octets.count(b"&") < MAX_FIELDS:
        fields: dict[str, str] = {}
        for piece in reversed(text.split("&")):
            if piece:
                name, _, fields[name] = piece.partition("=")
        return fields
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError:
        raise TooManyFields from None
    return dict(reversed(pairs))


def form_of(body: bytes, content_type: str) -> dict[str, str]:
    """Return the fields of a form, url-encoded or multipart; none for other types of body.

    Raises TooManyFields.
    """
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type == "application/x-www-form-urlencoded":
        return read_fields(body)
    if media_type == "multipart/form-data":
        return _multipart(body, content_type)
    return {}


def _multipart(body: bytes, content_type: str) -> dict[str, str]:
    head = Message()
    head["Content-Type"] = content_type
    boundary = head.get_boundary()
    if not boundary:
        return {}
    if body.count(b"--" + boundary.encode("latin-1", "replace")) > MAX_FIELDS + 1:
        raise TooManyFields
    whole = BytesParser().parsebytes(b"Content-Type: %s\r\n\r\n" % content_type.encode() + body)
    return dict(reversed(list(_parts(whole))))


def _parts(form: Message) -> Iterator[tuple[str, str]]:
    for part in form.get_payload() if form.is_multipart() else ():
        name = part.get_param("name", header="content-disposition")  # type: ignore[union-attr]
        value = part.get_payload(decode=True)  # type: ignore[union-attr]
        if isinstance(name, str) and isinstance(value, bytes):
            yield name, value.decode("utf-8", "replace")

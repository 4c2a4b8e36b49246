from __future__ import annotations

from urllib.parse import parse_qsl

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from smppbridge.web.forms import MAX_FIELDS, TooManyFields, form_of, read_fields

URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=xYz"


def part(name: str, value: bytes, more: bytes = b"") -> bytes:
    head = b'--xYz\r\nContent-Disposition: form-data; name="%s"' % name.encode()
    return head + more + b"\r\n\r\n" + value + b"\r\n"


@pytest.mark.parametrize(
    ("octets", "fields"),
    [
        (b"", {}),
        (b"a=1&b=2", {"a": "1", "b": "2"}),
        (b"a=1&a=2", {"a": "1"}),
        (b"a=&b", {"a": "", "b": ""}),
        (b"a=%C3%A9+%26", {"a": "é &"}),
        (b"a=%08&b=%E9", {"a": "\b", "b": "\ufffd"}),
        (b"\xff=\xc3\xa9", {"\ufffd": "é"}),
        (b"&" * (MAX_FIELDS - 1), {}),
    ],
)
def test_fields_of_a_query_string(octets: bytes, fields: dict[str, str]) -> None:
    assert read_fields(octets) == fields


@given(st.text(alphabet="ab=&+%4é;\x00").map(str.encode) | st.binary(max_size=20))
@example(b"a=1&A=2&a=3")
def test_plain_fields_are_read_as_the_library_reads_them(octets: bytes) -> None:
    text = octets.decode("utf-8", "replace")
    pairs = list(reversed(parse_qsl(text, keep_blank_values=True)))
    assert list(read_fields(octets).items()) == list(dict(pairs).items())


def test_a_form_of_separators_is_not_read() -> None:
    with pytest.raises(TooManyFields):
        read_fields(b"&" * MAX_FIELDS)
    with pytest.raises(TooManyFields):
        form_of(b"a=1&" * MAX_FIELDS, URLENCODED + "; charset=utf-8")


def test_a_multipart_form() -> None:
    body = part("id", b"7") + part("text", b"\xc3\xa9\r\nx", b'; filename="f"') + b"--xYz--\r\n"
    assert form_of(body, MULTIPART) == {"id": "7", "text": "é\r\nx"}
    assert form_of(part("id", b"7") + part("id", b"8") + b"--xYz--", MULTIPART) == {"id": "7"}


def test_a_form_of_bare_boundaries_is_not_read() -> None:
    with pytest.raises(TooManyFields):
        form_of(b"--xYz\r\n" * 10_000, MULTIPART)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b'{"a": 1}', "application/json"),
        (b"a=1", ""),
        (b"a=1", "text/plain"),
        (b"a=1", "multipart/form-data"),
        (b"a=1", "multipart/form-data; boundary="),
        (b"a=1", MULTIPART),
        (b"--xYz\r\n\r\nnameless\r\n--xYz--", MULTIPART),
        (b"--xYz\r\nContent-Disposition: form-data\r\n\r\nnameless\r\n--xYz--", MULTIPART),
        (b"--x\xff", 'multipart/form-data; boundary="\xff\u1234"'),
        (b"\x00", "multipart/form-data; boundary=\x00"),
    ],
)
def test_a_body_that_is_no_form_has_no_fields(body: bytes, content_type: str) -> None:
    assert form_of(body, content_type) == {}

from __future__ import annotations

from dataclasses import replace
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smppbridge.model.address import Address
from tests.providers.mspace import LEGACY, MESSAGE, QUOTED_SECRET, QUOTED_TEXT


def path_of(**changed):
    request = next(LEGACY.submit(replace(MESSAGE, **changed)))
    return request.url.removeprefix("https://mspace.test/wr/sms")


def test_everything_goes_into_the_path():
    request = next(LEGACY.submit(MESSAGE))
    assert (request.method, request.body, request.operation) == ("GET", b"", "submit")
    assert path_of() == (
        f"/sendtext/username=acme/password={QUOTED_SECRET}"
        f"/senderid=ACME/recipient=254722000001/message={QUOTED_TEXT}"
    )


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("Hello there", "Hello%20there"),
        ("a/b\\c", "a%2Fb%5Cc"),
        ("100%", "100%25"),
        ("1+1=2&x;y?z#", "1%2B1%3D2%26x%3By%3Fz%23"),
        ("a\r\nb\x00", "a%0D%0Ab%00"),
        ("../..", "..%2F.."),
        ("\u20ac\U0001f600", "%E2%82%AC%F0%9F%98%80"),
        ("a\ud800b\udfff", "a%3Fb%3F"),
        ("", ""),
    ],
)
def test_any_text_stays_one_segment(text, written):
    assert path_of(text=text).partition("/message=")[2] == written


@given(st.text(st.characters(), max_size=20), st.text(st.characters(), max_size=12))
def test_whatever_text_and_source_are_they_are_read_back(text, source):
    path = path_of(text=text, source=Address(source))
    assert path.isascii()
    assert path.isprintable()
    _, operation, *arguments = path.split("/")
    values = dict(argument.split("=") for argument in arguments)
    assert operation == "sendtext"
    for written, meant in ((values["message"], text), (values["senderid"], source)):
        assert unquote(written) == meant.encode("utf-8", "replace").decode()


def test_it_tells_nothing_of_a_message_that_it_took():
    abilities = LEGACY.abilities
    assert not any((abilities.callbacks, abilities.polling, abilities.pulling))
    assert abilities.balance
    assert not abilities.keyed


def test_a_slash_after_the_base_url_is_no_matter():
    slashed = replace(LEGACY, base_url=LEGACY.base_url + "/")
    assert next(slashed.submit(MESSAGE)).url == next(LEGACY.submit(MESSAGE)).url


def test_an_empty_password_is_refused():
    with pytest.raises(ValueError, match="password"):
        replace(LEGACY, password="")

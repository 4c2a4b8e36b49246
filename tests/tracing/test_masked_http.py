"""No secret, text or whole number survives in HTTP; lengths do."""

from __future__ import annotations

import json
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from smppbridge.providers.exchange import HttpRequest, HttpResponse
from smppbridge.tracing.hidden_words import HiddenWords
from smppbridge.tracing.masked_body import masked_body, masked_form
from smppbridge.tracing.masked_http import (
    Masks,
    masked_answer,
    masked_request,
    masked_response,
    masked_target,
    path_name,
    place_of,
)
from smppbridge.tracing.recording import PacketEnd

TOKEN = "tok/en+Zq7 é"
TEXT = "Your code is 471183"
JSON = (("Content-Type", "application/json"),)


def masks(*secrets: str, texts: tuple[str, ...] = (TEXT,), show: bool = False):
    return Masks(HiddenWords(secrets), texts, show)


def request(**fields):
    return HttpRequest(**{"method": "POST", "url": "https://api.example.org/sms", **fields})


def test_a_request_is_http_that_shows_what_was_asked():
    body = json.dumps({"token": "hush", "to": "243810555042", "message": TEXT}).encode()
    octets = masked_request(
        request(headers=(*JSON, ("Authorization", "Bearer hush")), body=body), masks("hush")
    )
    head, _, found = octets.partition(b"\r\n\r\n")
    assert head.split(b"\r\n") == [
        b"POST /sms HTTP/1.1",
        b"Host: api.example.org",
        b"Content-Type: application/json",
        b"Authorization: ***********",
        b"Content-Length: %d" % len(body),
    ]
    assert json.loads(found) == {"token": "....", "to": "243810***042", "message": "." * 19}
    assert len(found) == len(body)


def test_an_answer_keeps_ids_and_states():
    body = b'{"status":"SENT","messageID":"K-991234567","to":243810555042,"note":"x y"}'
    headers = {"content-type": "application/json", "set-cookie": "a=b", "date": "now"}
    octets = masked_response(HttpResponse(200, body, headers), masks())
    head, _, found = octets.partition(b"\r\n\r\n")
    assert b"set-cookie: ***\r\ndate: now\r\n" in head + b"\r\n"
    assert json.loads(found) == {
        "status": "SENT",
        "messageID": "K-991234567",
        "to": 243810000042,
        "note": "...",
    }
    assert len(found) == len(body)


def test_a_refusal_shows_its_words_and_no_text():
    body = json.dumps({"message": f"no credit for {TEXT} to 243810555042"}).encode()
    refused = masked_response(HttpResponse(402, body, dict(JSON)), masks())
    assert b"no credit for ******************* to 243810***042" in refused
    answered = masked_response(HttpResponse(200, body, dict(JSON)), masks())
    assert b"no credit" not in answered


@pytest.mark.parametrize(
    "body",
    [
        b'[{"text":"hush"},{"id":"7"},"hush"]',
        b'{"id":[["hush hush"]],"text":["hush"]}',
        b'{"a":{"id":"7"},"b":"hush"}',
        b'{"text":"hu\\"hush',
        b'{"text":"hush',
        b'{"text":hush}',
        b'{"otp":471183}',
        b"<sms><text>hush</text></sms>",
        b"hush",
        b"text=hush&to=1",
        b"\xff\xfe hush",
        b"",
    ],
)
@pytest.mark.parametrize("kind", ["application/json", "application/x-www-form-urlencoded", ""])
def test_any_body_hides_what_is_not_known_to_be_harmless(body, kind):
    found = masked_body(body, kind)
    assert len(found) == len(body)
    assert b"hush" not in found
    assert b"471183" not in found


def test_json_stays_json():
    body = {"count": 5, "otp": 471183, "pi": -3.25, "ok": True, "no": None, "to": [243810555042]}
    found = json.loads(masked_body(json.dumps(body).encode(), "application/json"))
    assert found == body | {"otp": found["otp"], "pi": found["pi"], "to": [243810000042]}
    assert found["otp"] != 471183


def test_a_form_keeps_its_numbers_in_part():
    found = masked_form(b"to=%2B243810555042&text=hush+hush&messageID=ab-12&hush")
    assert found == b"to=%2B243810***042&text=.........&messageID=ab-12&****"


@pytest.mark.parametrize(
    ("target", "shown"),
    [
        (b"/callbacks/keccel/k3yk3y?messageID=1", b"/callbacks/keccel/******?messageID=1"),
        (b"/callbacks/keccel/k/y", b"/callbacks/keccel/*/*".replace(b"*/*", b"***")),
        (b"/ussd/hush", b"/ussd/****"),
        (b"/send/243810555042/Your%20code", b"/send/243810***042/***********"),
        (b"/sms/Zq7hush", b"/sms/*******"),
    ],
)
def test_paths_show_no_key_no_number_and_no_text(target, shown):
    assert masked_target(target, masks("Zq7hush")) == shown


def test_texts_stay_on_demand_and_secrets_do_not():
    body = json.dumps({"token": "hush", "message": TEXT}).encode()
    octets = masked_request(request(body=body), masks("hush", show=True))
    assert TEXT.encode() in octets
    assert b"hush" not in octets


def test_our_own_answers_are_masked_in_their_bodies():
    octets = b"HTTP/1.1 400 Bad Request\r\n\r\nhush 243810555042"
    assert masked_answer(octets, masks("hush")) == (
        b"HTTP/1.1 400 Bad Request\r\n\r\n**** 243810***042"
    )


def test_a_place_is_without_its_user():
    assert place_of("https://u:p@api.example.org/x") == PacketEnd("api.example.org", 443)
    assert place_of("http://192.0.2.7:8080") == PacketEnd("192.0.2.7", 8080)
    assert place_of("http://h:99999/") == PacketEnd("h", 80)
    octets = masked_request(request(url="https://u:pass@h/x"), masks())
    assert b"pass" not in octets


def test_the_provider_in_a_path():
    assert path_name(b"/callbacks/d7/key") == "d7"
    assert path_name(b"/callbacks/d7") == ""
    assert path_name(b"/") == ""


SECRET = st.text(
    st.characters(codec="utf-8", exclude_characters="*\0\r\n"), min_size=5, max_size=12
)
WORD = st.text(st.characters(codec="utf-8", exclude_characters="*"), max_size=12)


def forms(secret: str) -> list[bytes]:
    return [
        secret.encode(),
        quote(secret, safe="").encode(),
        quote_plus(secret).encode(),
        json.dumps(secret)[1:-1].encode(),
        json.dumps(secret, ensure_ascii=False)[1:-1].encode(),
    ]


@settings(max_examples=60)
@given(secret=SECRET, word=WORD, name=st.sampled_from(["id", "status", "to", "text", "x"]))
def test_no_secret_survives_anywhere_in_a_request(secret, word, name):
    # a secret that is a piece of HTTP itself is not one to be found there
    assume(not any(form in b"POST /sms HTTP/1.1 Content-Type Host" for form in forms(secret)))
    value = word + secret + word
    made = request(
        url=f"https://api.example.org/{quote(value, safe='')}?k={quote_plus(value)}",
        headers=(*JSON, ("X-Key", quote(value)), ("Accept", quote(value))),
        query={name: value, "to": value},
        body=json.dumps({name: value, "list": [value, {"a": value}]}).encode(),
    )
    octets = masked_request(made, masks(secret))
    plain = masked_request(made, Masks(HiddenWords(()), (), True))
    assert len(octets) == len(plain)
    for form in forms(secret):
        if len(form) > 3 and form.strip(b"0123456789"):
            assert form not in octets.replace(b"api.example.org", b"")


@settings(max_examples=60)
@given(text=SECRET, kind=st.sampled_from(["json", "form", "query", "other"]))
def test_no_text_of_a_message_survives(text, kind):
    assume(text.strip() and not text.isdigit())
    fields = {"to": "243810555042", "whatever": text}
    body = json.dumps(fields).encode() if kind == "json" else urlencode(fields).encode()
    content_type = {"json": "application/json", "other": "text/plain"}.get(
        kind, "application/x-www-form-urlencoded"
    )
    made = request(
        headers=(("Content-Type", content_type),),
        body=b"" if kind == "query" else body,
        query=fields if kind == "query" else {},
    )
    octets = masked_request(made, masks(texts=(text,)))
    assert b"243810555042" not in octets
    for form in forms(text):
        if len(form.strip(b" .-'?")) > 4:
            assert form not in octets.partition(b"HTTP/1.1")[0] + octets.rpartition(b"\r\n")[2]

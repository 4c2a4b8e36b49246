from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from smppbridge.cli.blocking import BlockingClient
from smppbridge.cli.text import text as text_command
from smppbridge.providers.exchange import HttpRequest, HttpResponse, NotSent

SECRETS = ('to"k/en', "pass&word", "s3cret-of-app", "api<key>", "0123456789abcdef01", "p w/d")
CONFIGURATION = r"""
accounts:
  - {system_id: bank, password: secret12, senders: [BANK, DEMO], max_parts: 4}
  - {system_id: shop, password: secret12}
callbacks: {public_url: "https://sms.example.org"}
providers:
  k: {type: keccel, token: 'to"k/en', transliterate: gsm}
  d: {type: d7, username: u, password: "pass&word", callback_key: 0123456789abcdef01, max_parts: 2}
  x: {type: smscx, app_id: a, app_secret: s3cret-of-app, reports: none}
  up: {type: smpp, host: h, system_id: s, password: p-of-up, segments: sar}
  l: {type: mspace_legacy, username: me, password: "p w/d", source: {allowed: [BANK]}}
  m: {type: mspace_v2, username: me, apikey: "api<key>", style: get}
routes:
  - {to: "243", via: [k, d]}
  - {to: "254", via: [d]}
  - {to: "255", via: [x]}
  - {to: "256", via: [up]}
  - {to: "257", via: [l]}
  - {to: "258", via: [l, m, k], transliterate: gsm}
"""
Ran = Callable[..., Result]


@pytest.fixture
def bridge(tmp_path: Path) -> Ran:
    path = tmp_path / "bridge.yaml"
    path.write_text(CONFIGURATION)
    path.chmod(0o600)
    return lambda *args: run(*args, "--config", str(path))


def run(*args: str, given: str | bytes | None = None) -> Result:
    return CliRunner().invoke(text_command, args, input=given)


def facts(text: str) -> dict[str, Any]:
    result = run(text, "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def sent(result: Result) -> dict[str, Any]:
    assert (result.exit_code, result.stderr) == (0, "")
    found: dict[str, Any] = json.loads(result.stdout)["sent"]
    return found


# -- a text alone ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "alphabet", "octets", "segments", "left"),
    [
        ("x", "GSM 03.38", 1, 1, 159),
        ("€", "GSM 03.38", 2, 1, 158),
        ("x" * 160, "GSM 03.38", 160, 1, 0),
        ("x" * 161, "GSM 03.38", 161, 2, 145),
        ("x" * 152 + "€" + "x" * 8, "GSM 03.38", 162, 2, 143),
        ("щ", "UCS-2", 2, 1, 69),
        ("щ" * 70, "UCS-2", 140, 1, 0),
        ("щ" * 71, "UCS-2", 142, 2, 63),
        ("😀", "UCS-2", 4, 1, 68),
    ],
)
def test_the_size_of_a_text(
    text: str, alphabet: str, octets: int, segments: int, left: int
) -> None:
    found = facts(text)
    names = ("alphabet", "octets", "segments", "left")
    assert tuple(found[name] for name in names) == (alphabet, octets, segments, left)


def test_the_characters_that_make_it_ucs2() -> None:
    assert facts("’a’😀\ue000")["ucs2_because"] == [
        {
            "character": "’",
            "code": "U+2019",
            "name": "RIGHT SINGLE QUOTATION MARK",
            "positions": [1, 3],
        },
        {"character": "😀", "code": "U+1F600", "name": "GRINNING FACE", "positions": [4]},
        {"character": "\ue000", "code": "U+E000", "name": "without a name", "positions": [5]},
    ]
    assert facts("été €")["ucs2_because"] == []


def test_what_transliteration_makes_of_it() -> None:
    made = facts("’" + "x" * 140)["transliterated"]
    assert (made["text"], made["segments"], made["saves"]) == ("'" + "x" * 140, 1, 2)
    assert facts("x")["transliterated"] is None
    odd = facts("中’文")
    assert (odd["transliterated"], odd["obstacles"]) == (None, ["中", "文"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("plain", "it is there already"),
        ("😀’", "cannot be, because of 😀"),
        ("щ" * 41, "would be no gain"),
        ("’", "1 segment, saves none"),
        ("’" * 71, "1 segment, saves 1 of 2"),
        ("’" * 161, "2 segments, saves 1 of 3"),
    ],
)
def test_people_are_told_in_words(text: str, said: str) -> None:
    shown = run(text).stdout
    assert f"in GSM 03.38  {said}" in " ".join(shown.split(" ")).replace("   ", "  ")
    assert ("UCS-2:" in shown) == (text != "plain")


def test_the_table_for_people() -> None:
    lines = run("“Hi” " + "’" * 9 + "\x1b").stdout.splitlines()
    assert "segments      1, 55 characters left in it" in [line.rstrip() for line in lines]
    assert any(
        "U+2019" in line and "6, 7, 8, 9, 10, 11, 12, 13 and 1 more" in line for line in lines
    )
    assert not any("\x1b" in line for line in lines)
    assert "1 character left" in run("x" * 159).stdout


@pytest.mark.parametrize("given", ["été\n", "été\r\n", "été"])
def test_a_text_from_standard_input(given: str) -> None:
    result = run("-", "--json", given=given)
    assert json.loads(result.stdout)["characters"] == 3


@pytest.mark.parametrize(
    ("args", "given", "said"),
    [
        (("",), None, "the text is empty"),
        (("-",), b"", "the text is empty"),
        (("-",), b"a\xff", "octet 1 of the text is not UTF-8"),
        (("a\udcff",), None, "character 2 is none"),
        (("a", "--to", "243810000001"), None, "go with --config"),
        (("a", "--offline"), None, "go with --config"),
        (("a", "--from", ""), None, "go with --config"),
        (("a", "--account", "bank"), None, "go with --config"),
    ],
)
def test_no_text(args: tuple[str, ...], given: bytes | None, said: str) -> None:
    result = run(*args, given=given)
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr


# -- at a provider --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "provider", "url", "within"),
    [
        ("243810000001", "k", "https://api.keccel.com/sms/v2/message.asp", '"token":"***"'),
        ("243810000001", "k", "https://api.keccel.com/sms/v2/message.asp", r"\"hi\""),
        ("254722000001", "d", "https://rest-api.d7networks.com/secure/send", '"coding": 8'),
        ("254722000001", "d", "https://rest-api.d7networks.com/secure/send", "/d/***?message_id"),
        ("255810000001", "x", "https://api.sms.cx/sms", r'"text":"\u201chi\u201d"'),
        ("258810000001", "m", "/sendtext/apikey=***/username=me/", ""),
        ("258810000001", "m", "/message=%22hi%22", ""),
    ],
)
def test_the_request_that_a_provider_would_get(
    number: str, provider: str, url: str, within: str, bridge: Ran
) -> None:
    result = bridge("“hi”", "--json", "--offline", "--to", number)
    found = sent(result)
    (request,) = found["requests"]
    assert found["provider"] == provider
    assert url in request["url"]
    assert within in request["body"]
    shown = bridge("“hi”", "--offline", "--to", number).stdout
    for secret in SECRETS:
        assert secret not in result.stdout
        assert secret not in shown


def test_an_upstream_would_get_every_segment(bridge: Ran) -> None:
    found = sent(bridge("“" + "x" * 99, "--json", "--to", "256700000001"))
    assert [each["pdu"] for each in found["requests"]] == ["submit_sm"] * 2
    assert [each["tlv 0x020F"] for each in found["requests"]] == ["01", "02"]
    assert found["requests"][0]["data_coding"] == 8
    assert found["no_price"] == "up does not tell prices"
    shown = bridge("hi", "--to", "256700000001").stdout.split()
    assert shown[shown.index("short_message") + 1] == "6869"


def test_the_first_provider_that_takes_the_sender_gets_it(bridge: Ran) -> None:
    first = sent(bridge("hi", "--json", "--to", "258810000001", "--from", "BANK"))
    assert (first["provider"], first["then"]) == ("l", ["m", "k"])
    second = sent(bridge("hi", "--json", "--to", "258810000001"))
    assert (second["provider"], second["then"]) == ("m", ["k"])


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("hi", "--to", "99810000001"), "ESME_RINVDSTADR: No route fits"),
        (("hi", "--to", "2"), "ESME_RINVDSTADR"),
        (
            ("hi", "--from", "OTHER", "--to", "243810000001"),
            "ESME_RINVSRCADR: The account may not use this source",
        ),
        (("hi", "--to", "257810000001"), "l: source address not allowed at this provider"),
        (
            ("x" * 700, "--to", "243810000001"),
            "ESME_RINVMSGLEN: The message is longer than the account may send. (5 parts)",
        ),
        (("x" * 400, "--to", "254722000001"), "3"),
        (("{{a}}", "--to", "255810000001"), "it would rewrite {{ in the text"),
    ],
)
def test_a_message_that_would_be_refused(args: tuple[str, ...], said: str, bridge: Ran) -> None:
    result = bridge(*args, "--offline")
    assert result.exit_code == 1
    assert "it would be refused" in result.stderr
    assert said in result.stderr
    assert "segments" in result.stdout
    shown = json.loads(bridge(*args, "--offline", "--json").stdout)["sent"]
    assert said in shown["refused"]


def test_an_account_that_there_is_not(bridge: Ran, tmp_path: Path) -> None:
    result = bridge("hi", "--account", "bnak")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "did you mean bank?" in result.stderr
    assert sent(bridge("hi", "--json", "--account", "shop"))["account"] == "shop"
    empty = tmp_path / "empty.yaml"
    empty.write_text("")
    assert "has no account" in run("hi", "--config", str(empty)).stderr


@pytest.mark.parametrize("number", ["BANK", "", "é", "1" * 21])
def test_a_destination_that_is_none(number: str, bridge: Ran) -> None:
    result = bridge("hi", "--to", number)
    assert (result.exit_code, result.stdout) == (2, "")


def test_a_bad_configuration(tmp_path: Path) -> None:
    path = tmp_path / "bridge.yaml"
    path.write_text("routes: [{via: nobody}]")
    result = run("hi", "--config", str(path))
    assert (result.exit_code, result.stdout) == (78, "")
    assert "routes[0].via" in result.stderr


# -- the price ------------------------------------------------------------------------------------


def test_the_price_is_asked_for_where_the_provider_knows_it(
    bridge: Ran, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[HttpRequest] = []

    def answer(client: BlockingClient, request: HttpRequest) -> HttpResponse:
        asked.append(request)
        return HttpResponse(200, b'{"data": {"unit_rate": 0.5, "submit_sm_count": 2}}')

    monkeypatch.setattr(BlockingClient, "ask", answer)
    found = sent(bridge("hi", "--json", "--to", "254722000001"))
    assert (found["price"], found["unit"], found["priced_segments"]) == (1.0, "credit", 2)
    assert found["no_price"] is None
    (request,) = asked
    assert "/secure/rate?to=254722000001&from=DEMO&content=hi" in request.url
    shown = bridge("hi", "--to", "254722000001").stdout
    assert "1 credit, for 2 segments" in shown
    del asked[:]
    assert sent(bridge("hi", "--json", "--offline", "--to", "254722000001"))["price"] is None
    assert "k does not tell prices" in bridge("hi", "--to", "243810000001").stdout
    assert "k does not tell prices" in bridge("hi").stdout
    assert asked == []


def test_a_price_that_cannot_be_had_is_told_with_the_reason(
    bridge: Ran, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(client: BlockingClient, request: HttpRequest) -> HttpResponse:
        raise NotSent("connection refused or unreachable")

    monkeypatch.setattr(BlockingClient, "ask", refuse)
    result = bridge("hi", "--to", "254722000001")
    assert result.exit_code == 0
    assert "d: not reached: connection refused or unreachable" in result.stdout


def test_a_made_up_number_has_no_price(tmp_path: Path) -> None:
    path = tmp_path / "bridge.yaml"
    path.write_text(CONFIGURATION.replace('{to: "243", via: [k, d]}', "{via: d}"))
    path.chmod(0o600)
    found = sent(run("hi", "--json", "--config", str(path)))
    assert found["to"] == "100000000000"
    assert found["no_price"] == "not asked for: the number is made up"

"""What tshark reads out of a trace: every field, every comment, and nothing malformed."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from smppbridge.providers.exchange import HttpRequest, HttpResponse
from smppbridge.smpp import tlvs
from smppbridge.smpp.constants import Tag
from smppbridge.smpp.fields import DistributionList, SmeAddress
from smppbridge.smpp.pdus import (
    BindTransceiver,
    BindTransceiverResp,
    DeliverSm,
    DeliverSmResp,
    Pdu,
    SubmitMulti,
    SubmitSm,
    SubmitSmResp,
)
from smppbridge.tracing.hidden_words import NO_WORDS
from smppbridge.tracing.masked_http import Masks, masked_request, masked_response
from smppbridge.tracing.masked_pdu import masked_pdu
from smppbridge.tracing.pcapng import pcapng
from smppbridge.tracing.recording import Packet, PacketEnd

TSHARK = shutil.which("tshark")
pytestmark = pytest.mark.skipif(TSHARK is None, reason="TSHARK IS MISSING: apt install tshark")

ESME, US = PacketEnd("10.2.0.14", 41822), PacketEnd("10.2.0.1", 2775)
SIX, SIX_US = PacketEnd("2001:db8::7", 41823), PacketEnd("2001:db8::1", 2775)
KECCEL, HERE = PacketEnd("api.keccel.com", 443), PacketEnd("smppbridge", 49152)
AT = 1_795_701_922_123_456_789
RECEIPT = (
    b"id:42 sub:001 dlvrd:001 submit date:2611261405 done date:2611261406 stat:DELIVRD err:000"
    b" text:Your code"
)


def smpp(pdu: Pdu | bytes, inbound: bool, words: str = "", ends=(ESME, US)) -> Packet:
    octets = pdu if isinstance(pdu, bytes) else pdu.encode()
    source, destination = ends if inbound else ends[::-1]
    return Packet(
        at=AT,
        line="bank#1",
        protocol="smpp",
        source=source,
        destination=destination,
        octets=masked_pdu(octets, NO_WORDS),
        inbound=inbound,
        words=words,
    )


def http(octets: bytes, inbound: bool, words: str = "", protocol: Any = "http") -> Packet:
    source, destination = (KECCEL, HERE) if inbound else (HERE, KECCEL)
    return Packet(
        at=AT + 5,
        line="keccel",
        protocol=protocol,
        source=source,
        destination=destination,
        octets=octets,
        inbound=inbound,
        words=words,
    )


def conversation() -> list[Packet]:
    masks = Masks(NO_WORDS, (), False)
    body = json.dumps({"to": "243810555042", "message": "Hello"}).encode()
    kind = (("Content-Type", "application/json"),)
    asked = HttpRequest("POST", "https://api.keccel.com/sms", kind, body)
    answer = HttpResponse(200, b'{"messageID":"K-9912","status":"SENT"}', dict(kind))
    header = bytes.fromhex("050003a70201")
    several = (SmeAddress(1, 1, b"243810555042"), DistributionList(b"friends"))
    return [
        smpp(BindTransceiver(0, 1, b"bank", b"secret"), True, "first"),
        smpp(BindTransceiverResp(0, 1, b"SMPPBRIDGE"), False),
        smpp(
            SubmitSm(
                0,
                2,
                source_addr_ton=5,
                source_addr=b"BANK",
                dest_addr_ton=1,
                dest_addr_npi=1,
                destination_addr=b"243810555042",
                esm_class=0x40,
                registered_delivery=1,
                data_coding=8,
                short_message=header + "Été".encode("utf-16-be"),
            ),
            True,
        ),
        smpp(SubmitSmResp(0, 2, b"17957"), False),
        smpp(SubmitMulti(0, 3, dest_address=several, short_message=b"Hello"), True),
        http(masked_request(asked, masks), False, "submit: message 17957 attempt 1"),
        http(masked_response(answer, masks), True, "submit: message 17957 attempt 1"),
        http(b"submit: NoAnswer: timed out", True, "submit: NoAnswer: timed out", "words"),
        smpp(
            DeliverSm(
                0, 1, esm_class=4, short_message=RECEIPT, tlvs=(tlvs.make_integer(0x0427, 2),)
            ),
            False,
            "receipt of message 17957",
        ),
        smpp(DeliverSmResp(0, 1), True),
        smpp(
            SubmitSm(0, 4, tlvs=((Tag.MESSAGE_PAYLOAD, b"Hello"), (0x1400, b"12"))),
            True,
            ends=(SIX, SIX_US),
        ),
        smpp(bytes.fromhex("00000012000000990000000000000007") + b"ab", True, "last"),
    ]


@pytest.fixture(scope="module")
def read(tmp_path_factory):
    file: Path = tmp_path_factory.mktemp("trace") / "trace.pcapng"
    file.write_bytes(pcapng(conversation(), "a trace", "smppbridge 1"))

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [str(TSHARK), "-n", "-r", str(file), *arguments],
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    return run


def rows(read: Any, *fields: str, show: str = "frame") -> list[list[str]]:
    wanted = [part for field in fields for part in ("-e", field)]
    found = read("-Y", show, "-T", "fields", "-E", "separator=|", *wanted)
    return [line.split("|") for line in found.splitlines()]


def test_an_unknown_command_id_passes_as_data(read):
    assert rows(read, "frame.number", "data.data", show="frame.number == 12")[0][0] == "12"


def test_no_packet_is_malformed(read):
    assert len(rows(read, "frame.number")) == len(conversation())
    assert rows(read, "frame.number", show="_ws.malformed || _ws.short") == []


def test_the_fields_of_pdus_are_read(read):
    found = rows(read, "smpp.command_id", "smpp.source_addr", "smpp.destination_addr", show="smpp")
    assert [row[0] for row in found] == [
        "0x00000009",
        "0x80000009",
        "0x00000004",
        "0x80000004",
        "0x00000021",
        "0x00000005",
        "0x80000005",
        "0x00000004",
    ]
    assert found[2][1:] == ["BANK", "243810***042"]
    bind = rows(read, "smpp.system_id", "smpp.password", show="smpp.command_id == 9")
    assert bind == [["bank", "******"]]


def test_http_is_read_as_http(read):
    assert rows(read, "http.request.method", "http.host", show="http.request") == [
        ["POST", "api.keccel.com"]
    ]
    assert rows(read, "http.response.code", "json.value.string", show="http.response") == [
        ["200", "K-9912,SENT"]
    ]
    assert rows(read, "http.request_in", show="http.response") == [["6"]]


def test_times_directions_addresses_and_words_are_read(read):
    fields = (
        "frame.time_epoch",
        "frame.packet_flags_direction",
        "frame.comment",
        "exported_pdu.port_type",
    )
    first, *_, last = rows(
        read, *fields[:1], "frame.comment", "exported_pdu.ipv4_src", "exported_pdu.src_port"
    )
    assert first == ["1795701922.123456789", "first", "10.2.0.14", "41822"]
    assert last[1] == "last"
    assert rows(read, "exported_pdu.ipv6_src", show="exported_pdu.ipv6_src") == [["2001:db8::7"]]
    out = rows(read, "frame.number", show="frame.packet_flags_direction == 2")
    assert [int(number) for (number,) in out] == [2, 4, 6, 9]


def test_nothing_that_is_masked_is_in_the_file():
    octets = pcapng(conversation(), "a trace", "smppbridge 1")
    for word in (b"secret", b"Hello", b"Your code", b"243810555042", "Été".encode("utf-16-be")):
        assert word not in octets


def test_an_empty_trace_is_a_file_too(tmp_path):
    file = tmp_path / "empty.pcapng"
    file.write_bytes(pcapng([], "nothing", "smppbridge 1"))
    done = subprocess.run([str(TSHARK), "-r", str(file)], capture_output=True, check=True)
    assert done.stdout == b""

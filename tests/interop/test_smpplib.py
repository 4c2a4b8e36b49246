"""smpplib against the daemon: every way to bind, to write a text and to join a long one."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from smpplib import consts, gsm
from smpplib.client import Client
from smpplib.exceptions import PDUError

from tests.system.daemon import Daemon
from tests.system.provider import Provider

LONG = "".join(f"{n:03d} a long text that is cut, " for n in range(14))  # 400 characters
PIECES = [LONG[at : at + 150].encode() for at in range(0, len(LONG), 150)]
GSM = "Grüße @ £5 {€}"
UCS2 = "Привет 👍"


class Stack:
    """A client and what came to it."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.ids: list[str] = []
        self.receipts: list[tuple[str, str]] = []
        client.set_message_sent_handler(lambda pdu: self.ids.append(pdu.message_id.decode()))
        client.set_message_received_handler(self._received)

    def _received(self, pdu: Any) -> int:
        found = re.match(rb"id:(\d+) .* stat:(\w+) ", pdu.short_message)
        assert found
        assert pdu.receipted_message_id.rstrip(b"\0") == found[1]
        self.receipts.append((found[1].decode(), found[2].decode()))
        return int(consts.SMPP_ESME_ROK)

    def send(self, **fields: Any) -> None:
        self.client.send_message(
            source_addr_ton=consts.SMPP_TON_ALNUM,
            source_addr="BANK",
            dest_addr_ton=consts.SMPP_TON_INTL,
            dest_addr_npi=consts.SMPP_NPI_ISDN,
            destination_addr="243810000001",
            registered_delivery=True,
            **fields,
        )

    def until(self, done: Callable[[], bool]) -> None:
        """Read until *done*; the client's own time-out bounds a silence."""
        deadline = time.monotonic() + 15
        while not done():
            assert time.monotonic() < deadline
            self.client.read_once()


@contextmanager
def connected(daemon: Daemon, bind: str = "bind_transceiver") -> Iterator[Stack]:
    client = Client("127.0.0.1", daemon.smpp, timeout=5, allow_unknown_opt_params=True)
    client.connect()
    try:
        getattr(client, bind)(system_id="bank", password="secret")
        yield Stack(client)
        client.unbind()
    finally:
        client.disconnect()


def by_udh_8() -> Iterator[dict[str, Any]]:
    parts, coding, esm_class = gsm.make_parts(LONG)
    assert len(parts) == 3
    for part in parts:
        yield {"short_message": part, "data_coding": coding, "esm_class": esm_class}


def by_udh_16() -> Iterator[dict[str, Any]]:
    for n, piece in enumerate(PIECES, 1):
        udh = bytes((6, 8, 4, 0x12, 0x34, len(PIECES), n))
        yield {"short_message": udh + piece, "esm_class": consts.SMPP_GSMFEAT_UDHI}


def by_sar() -> Iterator[dict[str, Any]]:
    for n, piece in enumerate(PIECES, 1):
        yield {
            "short_message": piece,
            "sar_msg_ref_num": 77,
            "sar_total_segments": len(PIECES),
            "sar_segment_seqnum": n,
        }


def by_message_payload() -> Iterator[dict[str, Any]]:
    yield {"short_message": b"", "message_payload": LONG.encode()}


@pytest.mark.parametrize("ways", [by_udh_8, by_udh_16, by_sar, by_message_payload])
def test_a_long_text_is_joined_and_each_segment_has_its_receipt(
    daemon: Daemon, provider: Provider, ways: Callable[[], Iterator[dict[str, Any]]]
) -> None:
    daemon.start()
    with connected(daemon) as stack:
        segments = list(ways())
        for fields in segments:
            stack.send(**fields)
        stack.until(lambda: len(stack.receipts) == len(segments))
        assert len(set(stack.ids)) == len(segments)
        assert sorted(stack.receipts) == sorted((n, "DELIVRD") for n in stack.ids)
    assert provider.taken == {LONG: 1}


def test_a_transmitter_sends_and_a_receiver_hears(daemon: Daemon, provider: Provider) -> None:
    daemon.start()
    with connected(daemon, "bind_transmitter") as tx, connected(daemon, "bind_receiver") as rx:
        tx.send(short_message=gsm.gsm_encode(GSM))
        tx.send(short_message=UCS2.encode("utf-16-be"), data_coding=consts.SMPP_ENCODING_ISO10646)
        tx.until(lambda: len(tx.ids) == 2)
        rx.until(lambda: len(rx.receipts) == 2)
        assert {n for n, _ in rx.receipts} == set(tx.ids)
        assert tx.receipts == []
    assert provider.taken == {GSM: 1, UCS2: 1}


def test_a_wrong_password_is_understood(daemon: Daemon) -> None:
    daemon.settings["accounts"][0]["password"] = "other"
    daemon.start()
    with pytest.raises(PDUError, match="14"), connected(daemon):
        pass

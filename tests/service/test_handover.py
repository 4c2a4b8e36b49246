"""The record that one process of the bridge leaves to the next."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from typing import cast

import pytest

from smppbridge.net.handed_sessions import HandedRequest, HandedResponse, HandedSession
from smppbridge.service.bridge import Bridge
from smppbridge.service.handed_figures import adopt_figures
from smppbridge.service.handover import (
    VARIABLE,
    BadHandOver,
    HandedListener,
    HandOver,
    decode,
    encode,
    give,
    hand_over_of,
    take,
)
from smppbridge.web.keyring import HandedLogin

ASKED = HandedRequest(sequence_number=7, command_id=5, left=41.5, message_id=3, parent=2, state=2)
RESPONSE = HandedResponse(
    sequence_number=9,
    message_id=4,
    parent=4,
    asked_ago=0.5,
    left=9.5,
    within=10.0,
    id_form="%x",
)


def session_on(fd: int) -> HandedSession:
    return HandedSession(
        fd=fd,
        host="2001:db8::7",
        invited=True,
        system_id="bank",
        password="a digest",
        bound_as=9,
        bound_ago=12.25,
        interface_version=0x34,
        last_number=7,
        asked=(ASKED, replace(ASKED, sequence_number=6, message_id=0)),
        responses=(RESPONSE,),
        faults=1,
        silences=2,
        inbound=bytes(range(256)),
        outbound=b"\0\xff",
    )


@pytest.fixture
def record() -> Iterator[HandOver]:
    """A record of a session and a listener; both are pipes here."""
    fds = os.pipe()
    listener = HandedListener("smpp", "tcp:2775", fds[1])
    login = HandedLogin(
        digest="of a cookie", name="ann", role="viewer", csrf="c", user="", lasting=2.5, idle=0.5
    )
    yield hand_over_of([session_on(fds[0])], [listener], [login], 1.5, b"\xffkey")
    for fd in fds:
        if is_open(fd):
            os.close(fd)


def is_open(fd: int) -> bool:
    return os.path.exists(f"/proc/self/fd/{fd}")


def test_a_record_is_read_as_it_was_written(record: HandOver) -> None:
    assert decode(encode(record)) == record


def test_a_record_of_a_version_without_logins_is_read(record: HandOver) -> None:
    older = json.loads(encode(record))
    del older["logins"]
    assert decode(json.dumps(older).encode()) == replace(record, logins=())


def test_passwords_texts_and_the_key_are_not_shown(record: HandOver) -> None:
    for secret in ("digest", "xff"):
        assert secret not in repr(record)


@pytest.mark.parametrize("change", [{"format": 2}, {"sessions": [{}]}, {"listeners": None}])
def test_descriptors_of_a_record_of_another_format_are_closed(
    record: HandOver, change: dict[str, object]
) -> None:
    octets = json.dumps(json.loads(encode(record)) | change).encode()
    with pytest.raises(BadHandOver):
        decode(octets)
    assert not any(map(is_open, record.fds))


@pytest.mark.parametrize(
    "octets", [b"", b"{}", b"[1]", b"\xff", b'{"format": 1, "pid": 1, "fds": 3}']
)
def test_octets_that_are_no_record_are_refused(octets: bytes) -> None:
    with pytest.raises(BadHandOver):
        decode(octets)


def test_a_record_for_another_process_closes_nothing(record: HandOver) -> None:
    with pytest.raises(BadHandOver, match="another process"):
        decode(encode(replace(record, pid=1)))
    assert all(map(is_open, record.fds))


def test_a_program_that_cannot_be_started_leaves_all_as_it_was(record: HandOver) -> None:
    environ: dict[str, str] = {}
    before = os.listdir("/proc/self/fd")
    assert isinstance(give(record, ["/nonexistent"], environ), FileNotFoundError)
    assert environ == {}
    assert not any(map(os.get_inheritable, record.fds))
    assert os.listdir("/proc/self/fd") == before


def test_a_record_is_taken_once_and_no_child_inherits_its_descriptors(record: HandOver) -> None:
    memory = os.memfd_create("record", 0)
    os.write(memory, encode(record))
    os.set_inheritable(record.fds[0], True)
    environ = {VARIABLE: str(memory)}
    assert take(environ) == record
    assert (environ, is_open(memory)) == ({}, False)
    assert not any(map(os.get_inheritable, record.fds))
    assert take(environ) is None


@pytest.mark.parametrize("number", ["none", "-1", "999999"])
def test_a_variable_that_names_no_record_is_refused(number: str) -> None:
    environ = {VARIABLE: number}
    with pytest.raises(BadHandOver):
        take(environ)
    assert environ == {}


@pytest.mark.parametrize("octets", [b"", b"{", b'{"reasons": 3}'])
def test_figures_of_another_form_are_left_out(record: HandOver, octets: bytes) -> None:
    record = replace(record, figures=octets)
    assert decode(encode(record)) == record
    assert not adopt_figures(cast(Bridge, None), record.figures)

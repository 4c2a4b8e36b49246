from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smppbridge.smpp import codec, fields, tlvs
from smppbridge.smpp.compiled import compile_decode, compile_encode, field_by_field
from smppbridge.smpp.constants import RESPONSE, CommandId, CommandStatus, status_name
from smppbridge.smpp.errors import FramingError, LocalError, PduError
from smppbridge.smpp.matrix import State
from smppbridge.smpp.pdus import (
    BY_COMMAND_ID,
    DECODE,
    BindTransceiver,
    DataSmResp,
    DeliverSmResp,
    GenericNack,
    Pdu,
    QuerySm,
    SubmitMulti,
    SubmitSm,
    SubmitSmResp,
    refusal,
)
from tests.smpp.sessions import smsc
from tests.vectors.vectors import READ_BUT_NEVER_WRITTEN, STREAMS, VECTORS, Vector

COUNTS = {"sm_length", "number_of_dests", "no_unsuccess"}


def meant(vector: Vector) -> dict[str, Any]:
    """Return the fields of a vector as a PDU of ours has them."""
    values = {
        name: (bytes.fromhex(value) if name == "short_message" else value.encode("latin-1"))
        if isinstance(value, str)
        else value
        for name, value in vector.fields.items()
        if name not in COUNTS
    }
    return values | ({"tlvs": vector.tlvs} if vector.tlvs else {})


def repeated(pdu: Pdu) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for prefix, name in (("dest", "dest_address"), ("unsuccess", "unsuccess_sme")):
        for i, one in enumerate(getattr(pdu, name, ())):
            if prefix == "dest":
                flag = 2 if isinstance(one, fields.DistributionList) else 1
                found.append((f"dest[{i}].dest_flag", flag))
            for field in one.__dataclass_fields__:
                value = getattr(one, field)
                shown = value.decode() if isinstance(value, bytes) else value
                found.append((f"{prefix}[{i}].{field}", shown))
    return found


@pytest.mark.parametrize("vector", VECTORS.values(), ids=VECTORS)
def test_vectors_are_read(vector: Vector) -> None:
    pdu: Any = codec.decode(vector.octets)
    assert {name: getattr(pdu, name) for name in meant(vector)} == meant(vector)
    assert getattr(pdu, "tlvs", ()) == vector.tlvs
    assert repeated(pdu) == list(vector.repeated)
    if "sm_length" in vector.fields:
        assert len(pdu.short_message) == vector.fields["sm_length"]


@pytest.mark.parametrize(
    "vector",
    [v for v in VECTORS.values() if v.name not in READ_BUT_NEVER_WRITTEN],
    ids=lambda v: v.name,
)
def test_vectors_are_written(vector: Vector) -> None:
    assert codec.encode(codec.decode(vector.octets)) == vector.octets


def test_what_others_may_send_we_never_do() -> None:
    for name in READ_BUT_NEVER_WRITTEN - {"submit_sm_length_255"}:
        assert codec.decode(VECTORS[name].octets).encode() != VECTORS[name].octets
    with pytest.raises(LocalError):
        codec.decode(VECTORS["submit_sm_length_255"].octets).encode()


@pytest.mark.parametrize("stream", STREAMS.values(), ids=STREAMS)
def test_streams_are_cut(stream: Any) -> None:
    frames = codec.FrameBuffer()
    whole = b"".join(stream.chunks)
    for chunks in (stream.chunks, [whole], [whole[i : i + 1] for i in range(len(whole))]):
        found = [pdu for chunk in chunks for pdu in fed(frames, chunk)]
        assert found == [codec.decode(VECTORS[name].octets) for name in stream.pdus]


def fed(frames: codec.FrameBuffer, chunk: bytes) -> list[Pdu]:
    frames.feed(chunk)
    found: list[Pdu] = []
    while (frame := frames.next_frame()) is not None:
        command_id, status, number, start, end = frame
        found.append(DECODE[command_id](frames.octets, start, end, status, number))
    return found


def values(kind: Any) -> st.SearchStrategy[Any]:
    def c_octets(size: int) -> st.SearchStrategy[bytes]:
        return st.binary(max_size=size - 1).map(lambda b: b.replace(b"\0", b"x"))

    octet = st.integers(0, 255)
    match kind:
        case fields.Integer(size):
            return st.integers(0, 256**size - 1)
        case fields.COctets(size):
            return c_octets(size)
        case fields.Octets(size):
            return st.binary(max_size=size)
        case fields.TlvArea():
            tag = st.integers(0x1400, 0xFFFF)
            return st.lists(st.tuples(tag, st.binary(max_size=9)), max_size=3).map(tuple)
        case fields.DestAddresses():
            one = st.builds(fields.SmeAddress, octet, octet, c_octets(21))
            other = st.builds(fields.DistributionList, c_octets(21))
            return st.lists(one | other, min_size=1, max_size=3).map(tuple)
    sme = st.builds(fields.UnsuccessSme, octet, octet, c_octets(21), st.integers(0, 2**32 - 1))
    return st.lists(sme, max_size=3).map(tuple)


numbers = st.integers(0, 2**32 - 1)
pdus = st.one_of(
    [
        st.builds(
            cls,
            sequence_number=numbers,
            **{name: values(kind) for name, kind in fields.layout(cls)},
        )
        for cls in BY_COMMAND_ID.values()
    ]
)


@given(st.lists(pdus, min_size=1, max_size=3), st.data())
def test_every_pdu_comes_back_in_any_chunks(sent: list[Pdu], data: st.DataObject) -> None:
    octets = b"".join(pdu.encode() for pdu in sent)
    cuts = data.draw(st.lists(st.integers(0, len(octets)), max_size=5).map(sorted))
    frames = codec.FrameBuffer()
    found = [
        pdu
        for start, end in zip([0, *cuts], [*cuts, len(octets)], strict=True)
        for pdu in fed(frames, octets[start:end])
    ]
    assert found == sent
    assert not frames.size


def outcome(decode: Any, *args: Any) -> Any:
    try:
        return decode(*args)
    except PduError as error:
        return error.status


@given(st.sampled_from(sorted(BY_COMMAND_ID)), st.binary(max_size=120), st.binary(max_size=60))
def test_compiled_code_does_what_the_kinds_do(command_id: int, body: bytes, behind: bytes) -> None:
    args = (body + behind, 0, len(body), 0, 7)
    slowly = outcome(field_by_field(BY_COMMAND_ID[command_id]), *args)
    assert outcome(DECODE[command_id], *args) == slowly
    if command_id & RESPONSE:
        assert isinstance(slowly, Pdu)


@given(pdus, st.data())
def test_cut_or_spoilt_pdus_fare_the_same(pdu: Pdu, data: st.DataObject) -> None:
    body = bytearray(pdu.encode()[16:])
    if body:
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
        del body[data.draw(st.integers(0, len(body))) :]
    args = (bytes(body) + b"\0\0\0\1" * 9, 0, len(body), 0, 7)
    assert outcome(DECODE[pdu.command_id], *args) == outcome(field_by_field(type(pdu)), *args)


@given(st.binary(max_size=200))
def test_garbage_raises_only_errors_of_ours(octets: bytes) -> None:
    for whole in (octets, (16 + len(octets)).to_bytes(4, "big") + octets):
        with suppress(FramingError, PduError):
            codec.decode(whole)


SUBMIT = SubmitSm(sequence_number=7, destination_addr=b"447700900123", short_message=b"Hello")
S = CommandStatus


@pytest.mark.parametrize(
    ("field", "size", "status"),
    [
        ("service_type", 6, S.ESME_RINVSERTYP),
        ("source_addr", 21, S.ESME_RINVSRCADR),
        ("destination_addr", 21, S.ESME_RINVDSTADR),
        ("schedule_delivery_time", 17, S.ESME_RINVSCHED),
        ("validity_period", 17, S.ESME_RINVEXPIRY),
    ],
)
def test_too_long_a_field_has_its_own_status(field: str, size: int, status: int) -> None:
    longest = codec.decode(SUBMIT.encode())
    setattr(longest, field, b"1" * (size - 1))
    octets = longest.encode()
    assert codec.decode(octets) == longest
    over = octets.replace(b"1" * (size - 1), b"1" * size)
    with pytest.raises(PduError) as caught:
        codec.decode(len(over).to_bytes(4, "big") + over[4:])
    assert (caught.value.status, caught.value.sequence_number) == (status, 7)
    setattr(longest, field, b"1" * size)
    with pytest.raises(LocalError):
        longest.encode()


def with_body(body: bytes, command_id: int = CommandId.SUBMIT_SM) -> bytes:
    return b"".join(n.to_bytes(4, "big") for n in (16 + len(body), command_id, 0, 7)) + body


@pytest.mark.parametrize(
    ("octets", "status"),
    [
        (SUBMIT.encode()[16:-6] + b"\x06Hello", S.ESME_RINVMSGLEN),
        (SUBMIT.encode()[16:-6], S.ESME_RINVCMDLEN),
        (SUBMIT.encode()[16:] + b"\0\0\0", None),
        (SUBMIT.encode()[16:] + b"\0\0\1", S.ESME_RINVOPTPARSTREAM),
        (SUBMIT.encode()[16:] + b"\x02\x04\0\x02\1", S.ESME_RINVOPTPARSTREAM),
        (SUBMIT.encode()[16:] + b"\x14\0\0\0" * 100, None),
        (SUBMIT.encode()[16:] + b"\x14\0\0\0" * 101, S.ESME_RINVOPTPARSTREAM),
        (SUBMIT.encode()[16:] + b"\x13\x0c\0\0", None),
        (SUBMIT.encode()[16:] + b"\x13\x0c\0\1\0", None),
        (SUBMIT.encode()[16:] + b"\x13\x0c\0\2\0\0", S.ESME_RINVPARLEN),
        (SUBMIT.encode()[16:] + b"\x12\x04\0\4\0\0\0\1", None),
        (SUBMIT.encode()[16:] + b"\x12\x04\0\2\0\0", S.ESME_RINVPARLEN),
    ],
)
def test_the_end_of_a_submit_sm(octets: bytes, status: int | None) -> None:
    found = outcome(codec.decode, with_body(octets))
    assert found == status if status else isinstance(found, SubmitSm)


def tlvs_behind(plain: SubmitSm, area: bytes) -> tlvs.Tlvs:
    """Return the TLVs that are read in *area*, which stands behind a submit_sm without TLVs."""
    pdu = codec.decode(with_body(plain.encode()[16:] + area))
    assert isinstance(pdu, SubmitSm)
    assert pdu.short_message == plain.short_message
    return pdu.tlvs


SAR = ((0x020C, b"\0\1"), (0x020E, b"\2"), (0x020F, b"\1"))
LOW = ((0x0019, b"\0"), (0x001E, b"1\0"))
ENDS_IN_NULS = ((0x1400, b"id\0"), (0x0204, b"\0\0"))


@pytest.mark.parametrize("nuls", [1, 2, 3])
@pytest.mark.parametrize(
    "found",
    [
        SAR,
        LOW,
        ENDS_IN_NULS,
        ((0x0427, b"\2"),),  # after three NULs: a TLV 0x0000 of four octets, at a first look
        ((0x0501, b"\1"), (0x1400, b"x")),
        ((0x0424, b"A long text. " * 20),),
        ((0x0424, b"\0" * 9_400),),
    ],
)
def test_nuls_between_short_message_and_tlvs_are_survived(found: Any, nuls: int) -> None:
    for text in (b"Hello", b""):
        plain = SubmitSm(0, 7, b"", 1, 1, b"BANK", 1, 1, b"243810000001", short_message=text)
        assert tlvs_behind(plain, bytes(nuls) + tlvs.write(found)) == found
        spaced = bytes(nuls).join(tlvs.write((each,)) for each in found)
        assert tlvs_behind(plain, spaced) == found


@pytest.mark.parametrize(
    ("area", "status"),
    [
        (bytes(5) + tlvs.write(SAR), S.ESME_RINVOPTPARSTREAM),
        (b"\1" + tlvs.write(SAR), S.ESME_RINVOPTPARSTREAM),
        (b"\0\1" + tlvs.write(SAR), S.ESME_RINVOPTPARSTREAM),
        (b"\0" + tlvs.write(SAR)[:-1], S.ESME_RINVOPTPARSTREAM),
        (b"\0" + tlvs.write(SAR) + b"\1", S.ESME_RINVOPTPARSTREAM),
        (b"\0" + tlvs.write(((0x020C, b"\1"),)), S.ESME_RINVOPTPARSTREAM),
        (b"\0" + tlvs.write(((0x1400, b""),) * 101), S.ESME_RINVOPTPARSTREAM),
    ],
)
def test_what_is_no_padding_is_refused(area: bytes, status: int) -> None:
    assert outcome(codec.decode, with_body(SUBMIT.encode()[16:] + area)) == status


@pytest.mark.parametrize("found", [((0, b""),), ((3, b"reserved"),), ((4, b""), (0x1400, b"x"))])
def test_tags_that_are_reserved_are_kept_where_no_padding_explains_them(found: Any) -> None:
    assert tlvs_behind(SUBMIT, tlvs.write(found)) == found


@pytest.mark.parametrize(
    ("destinations", "status"),
    [
        (b"\0", S.ESME_RINVNUMDESTS),
        (b"\xff", S.ESME_RINVNUMDESTS),
        (b"\1\3abc\0", S.ESME_RINVDESTFLAG),
        (b"\1\2" + b"n" * 21 + b"\0", S.ESME_RINVDLNAME),
        (b"\1\1\0\0" + b"1" * 21 + b"\0", S.ESME_RINVDSTADR),
        (b"\2\2list\0", S.ESME_RINVDESTFLAG),
        (b"\2\2list\0\1", S.ESME_RINVCMDLEN),
    ],
)
def test_destinations_of_submit_multi(destinations: bytes, status: int) -> None:
    tail = b"" if status == S.ESME_RINVCMDLEN else b"\0" * 10
    octets = with_body(b"\0\0\0\0" + destinations + tail, CommandId.SUBMIT_MULTI)
    assert outcome(codec.decode, octets) == status


def test_many_destinations() -> None:
    one = fields.SmeAddress(1, 1, b"447700900123")
    most = SubmitMulti(dest_address=(one,) * 254)
    assert codec.decode(most.encode()) == most
    for number in (0, 255):
        with pytest.raises(LocalError):
            SubmitMulti(dest_address=(one,) * number).encode()


@pytest.mark.parametrize(
    "pdu",
    [
        SubmitSm(source_addr=b"a\0b"),
        SubmitSm(esm_class=256),
        SubmitSm(short_message=b"x" * 255),
        SubmitSm(tlvs=((1, b"x" * 65536),)),
        SubmitSm(sequence_number=-1),
        SubmitSmResp(message_id=b"x" * 65),
    ],
    ids=repr,
)
def test_what_does_not_fit_is_not_sent(pdu: Pdu) -> None:
    with pytest.raises(LocalError):
        pdu.encode()


def test_long_passwords_are_read() -> None:
    bind = BindTransceiver(password=b"p" * 64)
    assert codec.decode(bind.encode()) == bind


@pytest.mark.parametrize(
    ("body", "message_id"),
    [
        (b"", b""),
        (b"\0", b""),
        (b"abc", b"abc"),
        (b"abc\0\1", b"abc"),
        (b"x" * 90 + b"\0", b"x" * 90),
    ],
)
@pytest.mark.parametrize("cls", [SubmitSmResp, DeliverSmResp, DataSmResp])
def test_responses_are_read_leniently(cls: type[Pdu], body: bytes, message_id: bytes) -> None:
    assert codec.decode(with_body(body, cls.command_id)) == cls(0, 7, message_id)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("request_id", "octets"),
    [
        (CommandId.BIND_TRANSCEIVER, 16),
        (CommandId.SUBMIT_SM, 16),
        (CommandId.DELIVER_SM, 17),
        (CommandId.DATA_SM, 17),
        (CommandId.QUERY_SM, 20),
        (CommandId.SUBMIT_MULTI, 18),
        (CommandId.CANCEL_SM, 16),
        (CommandId.REPLACE_SM, 16),
        (CommandId.UNBIND, 16),
        (0x99, 16),
    ],
)
def test_refusals_have_the_form_their_senders_can_read(request_id: int, octets: int) -> None:
    refused = refusal(int(request_id), S.ESME_RSYSERR, 9)
    assert (refused.command_status, refused.sequence_number) == (S.ESME_RSYSERR, 9)
    assert len(refused.encode()) == octets


def test_a_refused_query_keeps_its_message_id() -> None:
    query = QuerySm(sequence_number=40, message_id=b"1700000000123")
    expected = VECTORS["query_sm_resp_failed_full_body"].octets
    assert refusal(query, S.ESME_RQUERYFAIL).encode() == expected


@pytest.mark.parametrize("octets", [b"", b"\0\0\0\x10", VECTORS["unbind"].octets * 2])
def test_decode_wants_exactly_one_pdu(octets: bytes) -> None:
    with pytest.raises(FramingError):
        codec.decode(octets)


def test_an_unknown_command_is_named() -> None:
    with pytest.raises(PduError) as caught:
        codec.decode(with_body(b"", 0x111))
    error = caught.value
    assert (error.status, error.command_id, error.sequence_number) == (3, 0x111, 7)


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        (b"\x16\x03\x01\0", "TLS on a clear port"),
        (b"POST /", "HTTP request"),
        (b"PROXY TCP4", "PROXY protocol, version 1"),
        (b"\r\n\r\n\0\r\nQUIT\n", "PROXY protocol, version 2"),
    ],
)
def test_strangers_are_known_and_not_answered(octets: bytes, reason: str) -> None:
    frames = codec.FrameBuffer()
    frames.feed(octets)
    with pytest.raises(FramingError) as caught:
        frames.next_frame()
    assert (caught.value.reason, caught.value.answer) == (reason, None)


def test_nothing_secret_is_shown() -> None:
    shown = repr(BindTransceiver(password=b"hunter2")) + repr(
        SubmitSm(short_message=b"hunter2", tlvs=((0x424, b"hunter2"),))
    )
    assert "hunter2" not in shown
    assert not re.search("68756e74", shown)


def test_statuses_have_names() -> None:
    assert status_name(0x0B) == "ESME_RINVDSTADR"
    assert status_name(0x412) == "0x00000412"


def head(length: int, command_status: int = 0, sequence_number: int = 7) -> bytes:
    words = (length, CommandId.SUBMIT_SM, command_status, sequence_number)
    return b"".join(word.to_bytes(4, "big") for word in words)


def framed(*chunks: bytes, **limits: int) -> tuple[int, ...] | None:
    """Return the first frame of a stream that came in chunks, asked for after each of them."""
    frames = codec.FrameBuffer()
    for chunk in chunks:
        frames.feed(chunk)
        if (frame := frames.next_frame(**limits)) is not None:
            return frame
    return None


@pytest.mark.parametrize("cut", [0, 4, 10, 16, 100])
def test_the_longest_pdu_is_read_and_no_longer_one(cut: int) -> None:
    longest = head(65_536) + bytes(65_520)
    assert framed(longest[:cut], longest[cut:]) == (CommandId.SUBMIT_SM, 0, 7, 16, 65_536)
    too_long = head(65_537) + bytes(65_521)
    with pytest.raises(FramingError):
        framed(too_long[:cut], too_long[cut:])
    assert framed(longest[:100], longest[100:120], max_length=65_536) is None


@pytest.mark.parametrize("chunks", [(1, 1, 1, 1), (3, 1), (4,), (2, 2)])
def test_a_wrong_length_is_seen_at_its_last_octet(chunks: tuple[int, ...]) -> None:
    frames, octets = codec.FrameBuffer(), b"\0\0\0\x0f"
    for size in chunks[:-1]:
        frames.feed(octets[:size])
        octets = octets[size:]
        assert frames.next_frame() is None
    frames.feed(octets)
    with pytest.raises(FramingError):
        frames.next_frame()


def test_a_pdu_in_single_octets_is_copied_three_times_only() -> None:
    frames, whole = codec.FrameBuffer(), SUBMIT.encode()
    joined = []
    for i in range(len(whole)):
        frames.feed(whole[i : i + 1])
        assert (frames.next_frame() is not None) == (i == len(whole) - 1)
        joined.append(len(frames.octets))
    # once its length is there, once its header, once its body
    assert sorted(set(joined)) == [1, 4, 16, len(whole)]


def test_chunks_may_pile_up_before_anybody_asks() -> None:
    frames, whole = codec.FrameBuffer(), SUBMIT.encode()
    assert frames.size == 0
    for chunk in (whole[:20], whole[20:], b"", whole[:1]):
        frames.feed(chunk)
    assert frames.size == len(whole) + 1
    assert frames.next_frame() == (CommandId.SUBMIT_SM, 0, 7, 16, len(whole))
    assert frames.next_frame() is None
    assert frames.size == 1
    again = codec.FrameBuffer()
    again.feed(whole)
    again.feed(b"")
    assert again.next_frame() == (CommandId.SUBMIT_SM, 0, 7, 16, len(whole))


@pytest.mark.parametrize(
    ("length", "named"),
    [(15, 0), (65_537, 0x12345678), ((1 << 24) - 1, 0x12345678), (1 << 24, 0), (1 << 31, 0)],
)
def test_a_nack_names_the_request_where_the_length_may_be_one(length: int, named: int) -> None:
    with pytest.raises(FramingError) as caught:
        framed(head(length, 0xFFFFFFFF, 0x12345678))
    assert caught.value.answer == GenericNack(S.ESME_RINVCMDLEN, named).encode()
    with pytest.raises(FramingError) as caught:
        framed(head(length, 0xFFFFFFFF, 0x12345678)[:12])
    assert caught.value.answer == GenericNack(S.ESME_RINVCMDLEN, 0).encode()


@dataclass(slots=True)
class Odd(Pdu):
    """Fields that stand beside each other in no PDU of SMPP."""

    command_id = 0x99
    alone: int = fields.integer()
    first: bytes = fields.c_octets(5)
    second: bytes = fields.c_octets(5)
    wide: int = fields.integer(2)
    last: int = fields.integer()


def test_fields_may_stand_in_any_order() -> None:
    pdu = Odd(0, 7, 1, b"ab", b"cd", 0x1234, 5)
    body = b"\x01ab\0cd\0\x12\x34\x05"
    assert compile_encode(Odd)(pdu) == head(16 + len(body)).replace(b"\4", b"\x99", 1) + body
    decode = compile_decode(Odd)
    assert decode(b"..." + body, 3, 3 + len(body), 0, 7) == pdu
    for end in range(len(body)):
        assert outcome(decode, body, 0, end, 0, 7) == outcome(
            field_by_field(Odd), body, 0, end, 0, 7
        )
    for too_much in (Odd(alone=256), Odd(wide=65_536), Odd(second=b"12345")):
        with pytest.raises(LocalError):
            compile_encode(Odd)(too_much)


class Counted(bytes):
    """Octets that count how often somebody reaches into them."""

    reads = 0

    def __getitem__(self, key: Any) -> Any:
        type(self).reads += 1
        return super().__getitem__(key)


def test_a_submit_sm_is_read_in_few_steps() -> None:
    body = Counted(SUBMIT.encode()[16:])
    assert DECODE[SUBMIT.command_id](body, 0, len(body), 0, 7) == SUBMIT
    # 5 strings, one of them not empty; 4 runs of single octets; the length and the text
    assert Counted.reads == 5 + 1 + 4 + 2


def test_the_well_formed_is_written_without_asking_each_kind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    expected = SUBMIT.encode()
    for kind in (fields.Integer, fields.COctets, fields.Octets):
        monkeypatch.delattr(kind, "write")
    assert SUBMIT.encode() == expected


@pytest.mark.parametrize(("length", "ends"), [(1_024, False), (1_025, True)])
def test_before_its_bind_a_peer_sends_a_kibibyte_at_most(length: int, ends: bool) -> None:
    session = smsc(State.OPEN)
    list(session.receive(head(length) + bytes(length - 16), 0.0))
    assert (session.state is State.CLOSED) == ends

"""session_tap: the octets of one SMPP session, cut into PDUs for the recordings that want them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from smppbridge.smpp.codec import FrameBuffer
from smppbridge.smpp.constants import RESPONSE, CommandId
from smppbridge.smpp.errors import FramingError, PduError
from smppbridge.smpp.matrix import BOUND_AS
from smppbridge.smpp.pdus import DECODE, DataSm, DeliverSm, Pdu
from smppbridge.smpp.receipt import id_candidates, parse
from smppbridge.tracing.masked_pdu import HEADER_OCTETS, masked_pdu
from smppbridge.tracing.message_words import NOBODY, MessageWords, about_of
from smppbridge.tracing.recording import Packet, PacketEnd, Protocol, Recording
from smppbridge.tracing.traces import Traces

_SUBMITTED: Final = frozenset((CommandId.SUBMIT_SM_RESP, CommandId.DATA_SM_RESP))
MOST_OPEN: Final = 4_000
"""Requests of a session that wait for the response that belongs to them, for all recordings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TracedSession:
    """A session: its name, and its provider ("" for an ESME's).

    *ends* returns the peer's end and ours, once there is a connection; *account* the system_id that
    the session is bound by, "" before; *asked* the token of a request of ours that is open.
    """

    name: str
    ends: Callable[[], tuple[PacketEnd, PacketEnd]]
    provider: str = ""
    account: Callable[[], str]
    asked: Callable[[int], object]


class SessionTap:
    """Keeps the PDUs of a session in recordings.  Only the tap writes its state.

    *pending* are octets of the peer that came before the tap, and are no whole PDU yet.
    """

    def __init__(self, traces: Traces, line: TracedSession, pending: bytes = b"") -> None:
        self._traces, self._line = traces, line
        self._frames = {True: FrameBuffer(), False: FrameBuffer()}  # inbound, outbound
        if pending:
            self._frames[True].feed(pending)
        self._ends: tuple[PacketEnd, PacketEnd] | None = None
        self._account = ""
        self._open: dict[tuple[int, bool, int], None] = {}
        self._lost = False

    def heard(self, octets: bytes) -> None:
        """Go by octets of the peer, before the session does."""
        with self._traces.guard():
            self._take(octets, inbound=True)

    def sent(self, octets: bytes) -> None:
        """Go by octets that leave."""
        with self._traces.guard():
            self._take(octets, inbound=False)

    def ended(self, reason: str) -> None:
        """Note the end of the session."""
        with self._traces.guard():
            self._note(f"the session is over: {reason}", inbound=True)

    def _note(self, words: str, *, inbound: bool) -> None:
        wanted = [r for r in self._traces.running if self._is_of(r)]
        if wanted:
            self._keep("words", b"", words, inbound, wanted)

    @property
    def _peer_and_us(self) -> tuple[PacketEnd, PacketEnd]:
        if self._ends is None:
            self._ends = self._line.ends()
        return self._ends

    def _take(self, octets: bytes, *, inbound: bool) -> None:
        if self._lost:
            return
        frames = self._frames[inbound]
        frames.feed(octets)
        try:
            while (frame := frames.next_frame()) is not None:
                *_, start, end = frame
                self._judge(frames.octets[start - HEADER_OCTETS : end], frame[0], frame[2], inbound)
        except FramingError as error:
            self._lost = True
            words = f"{frames.size} octets that are no PDU: {error.reason}"
            self._note(words, inbound=inbound)

    def _judge(self, octets: bytes, command_id: int, number: int, inbound: bool) -> None:
        """Keep a PDU in the recordings that want it."""
        if inbound and command_id in BOUND_AS and not self._line.provider:
            self._account = octets[HEADER_OCTETS:].partition(b"\0")[0].decode("latin-1")
        answers = bool(command_id & RESPONSE)
        ours = answers is inbound
        about = about_of(self._line.asked(number)) if ours else NOBODY
        pdu: Pdu | None = None
        wanted: list[Recording] = []
        for recording in self._traces.running:
            key = recording.number, inbound is not answers, number
            if answers and key in self._open:
                del self._open[key]
            elif not self._is_of(recording):
                pdu = pdu or _decoded(octets, command_id)
                if not self._is_about(recording, about, pdu):
                    continue
                self._expect(key, answers)
            if answers and self._line.provider:
                recording.remember(_ids(pdu or _decoded(octets, command_id)))
            wanted.append(recording)
        if wanted:
            self._keep("smpp", octets, about.words, inbound, wanted)

    def _expect(self, key: tuple[int, bool, int], answers: bool) -> None:
        if answers:
            return
        self._open[key] = None
        if len(self._open) > MOST_OPEN:
            del self._open[next(iter(self._open))]

    def _is_of(self, recording: Recording) -> bool:
        """Whether all of the session belongs to a recording."""
        line = self._line
        if recording.is_address(self._peer_and_us[0].host):
            return True
        if line.provider:
            return recording.is_about("provider", line.provider)
        account = line.account() or self._account
        return recording.is_about("account", account)

    def _is_about(self, recording: Recording, about: MessageWords, pdu: Pdu | None) -> bool:
        order = recording.order
        if order.kind == "account":
            known = bool(self._line.provider) and recording.knows(_ids(pdu))
            return known or order.value in about.accounts
        return order.kind == "number" and recording.is_number(*about.numbers, *_numbers(pdu))

    def _keep(
        self,
        protocol: Protocol,
        octets: bytes,
        words: str,
        inbound: bool,
        wanted: list[Recording],
    ) -> None:
        peer, us = self._peer_and_us
        source, destination = (peer, us) if inbound else (us, peer)
        for texts in (False, True):
            recordings = [r for r in wanted if r.order.texts is texts]
            if not recordings:
                continue
            masked = masked_pdu(octets, self._traces.words, texts=texts) if octets else b""
            packet = Packet(
                at=self._traces.now(),
                line=self._line.name,
                protocol=protocol,
                source=source,
                destination=destination,
                octets=masked if protocol == "smpp" else words.encode(),
                inbound=inbound,
                words=words,
            )
            self._traces.keep(packet, recordings)


def _decoded(octets: bytes, command_id: int) -> Pdu | None:
    """Return a PDU, None for one that cannot be read."""
    decode = DECODE.get(command_id)
    if decode is None:
        return None
    status, number = (int.from_bytes(octets[at : at + 4], "big") for at in (8, 12))
    try:
        pdu: Pdu = decode(octets, HEADER_OCTETS, len(octets), status, number)
    except PduError:
        return None
    return pdu


def _numbers(pdu: Pdu | None) -> list[str]:
    """Return the addresses in a PDU."""
    names = ("source_addr", "destination_addr", "esme_addr")
    found = [getattr(pdu, name, b"") for name in names]
    several = (*getattr(pdu, "dest_address", ()), *getattr(pdu, "unsuccess_sme", ()))
    found += [getattr(each, "destination_addr", b"") for each in several]
    return [address.decode("latin-1") for address in found if address]


def _ids(pdu: Pdu | None) -> list[str]:
    """Return the ids that an upstream SMSC gives to messages, in its responses and its receipts."""
    if isinstance(pdu, DeliverSm | DataSm):
        receipt = parse(pdu)
        return list(id_candidates(receipt.message_id, hex_decimal=True)) if receipt else []
    if pdu is not None and pdu.command_id in _SUBMITTED:
        return [getattr(pdu, "message_id", b"").decode("latin-1")]
    return []

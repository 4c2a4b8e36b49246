"""An ESME that makes load, fast enough not to be measured itself.

``python -m smppbridge.bench.load --port 2775 --messages 20000`` prints one line of JSON.  No
Twisted, no codec on the way: PDUs are octets with a number patched in, responses are looked at just
closely enough to be counted.
"""

from __future__ import annotations

import argparse
import json
import select
import socket
import sys
from collections.abc import Callable, Sequence
from struct import Struct
from time import monotonic, process_time

from smppbridge.bench.tally import Traffic, TrafficTally
from smppbridge.smpp.constants import CommandId, status_name
from smppbridge.smpp.pdus import Bind, BindTransceiver, BindTransmitter, SubmitSm

_HEADER = Struct(">IIII")
_NUMBER = Struct(">I")
_CHUNK = 1 << 18
_LONGEST = 1 << 16
_BINDING = 10  # binds under way at once: servers bound those of one address
_PACE = 0.001
_LINGER = 0.3  # seconds in which a receipt may still come a second time
_RESPONSE = 1 << 31
_SUBMIT_SM_RESP = int(CommandId.SUBMIT_SM_RESP)
_DELIVER_SM = int(CommandId.DELIVER_SM)
_ASKING = (CommandId.ENQUIRE_LINK, CommandId.UNBIND)
_BINDS = (CommandId.BIND_TRANSMITTER_RESP, CommandId.BIND_TRANSCEIVER_RESP)
_TEXT = b"tk%09d at %015.6f. Your one time code: 246810"  # monotonic seconds
_DESTINATION = b"2438%08d"


class LoadFailed(Exception):
    """The server refused a bind or does not speak SMPP."""


class _Session:
    """One connection; *sent_at* is indexed by sequence_number: the bind had the first."""

    __slots__ = ("bound", "out", "rest", "room", "sent_at", "socket", "wanted")

    def __init__(self, connected: socket.socket, window: int) -> None:
        self.socket, self.room = connected, window
        self.bound = False
        self.out = bytearray()
        self.rest = b""
        self.sent_at = [0.0, 0.0]
        self.wanted = select.EPOLLIN


class LoadGenerator:
    """All sessions of one load, in one loop.  `bind`, then `run` or `hold`, then `close`."""

    def __init__(self, traffic: Traffic) -> None:
        self.traffic = traffic
        self.tally = TrafficTally()
        self._sessions: dict[int, _Session] = {}
        self._poll = select.epoll()
        self._template = _template(traffic.receipts)
        self._bound = 0

    # -- what it does ---------------------------------------------------------------------------

    def bind(self) -> None:
        """Connect and bind all sessions, a few at a time; raises LoadFailed, OSError."""
        kind = BindTransceiver if self.traffic.receipts else BindTransmitter
        request = _bind_octets(kind, self.traffic)
        deadline = monotonic() + self.traffic.seconds
        for opened in range(1, self.traffic.binds + 1):
            session = self._open()
            session.out += request
            self._flush(session)
            if opened % _BINDING == 0 or opened == self.traffic.binds:
                self._serve(self._all_bound, deadline)
        if not self._all_bound() or self._bound < self.traffic.binds:
            raise LoadFailed(f"{self._bound} of {self.traffic.binds} sessions were bound")

    def run(self) -> TrafficTally:
        """Send all messages; wait for the answers, and for the receipts if there are any."""
        traffic, tally = self.traffic, self.tally
        spent = process_time()
        tally.began = monotonic()
        for session in self._sessions.values():
            self._submit(session)
            self._flush(session)
        done = self._receipts_done if traffic.receipts else self._answers_done
        self._serve(done, tally.began + traffic.seconds)
        tally.cpu = process_time() - spent
        if traffic.receipts:
            self._serve(lambda: False, monotonic() + _LINGER)
        return tally

    def hold(self, until_readable: int) -> None:
        """Keep the sessions bound until the file descriptor is readable or closed."""
        self._poll.register(until_readable, select.EPOLLIN)
        ended: list[int] = []
        while not ended:
            for descriptor, _ in self._poll.poll():
                if descriptor == until_readable:
                    ended.append(descriptor)
                elif descriptor in self._sessions:
                    self._read(self._sessions[descriptor])
        self._poll.unregister(until_readable)

    def close(self) -> None:
        """Close all connections."""
        for session in list(self._sessions.values()):
            self._drop(session)
        self._poll.close()

    # -- inside ---------------------------------------------------------------------------------

    def _all_bound(self) -> bool:
        return self._bound == len(self._sessions)

    def _answers_done(self) -> bool:
        return len(self.tally.latencies) >= self.traffic.messages

    def _receipts_done(self) -> bool:
        tally = self.tally
        return self._answers_done() and len(tally.receipts) >= len(tally.accepted)

    def _serve(self, done: Callable[[], bool], deadline: float) -> None:
        last_at = monotonic()
        sessions = self._sessions
        paced = self.traffic.rate and self.tally.began
        patience = _PACE if paced else 0.1
        while sessions and not done():
            now = monotonic()
            if now > deadline or now - last_at > self.traffic.silence:
                return
            events = self._poll.poll(min(patience, deadline - now + 0.001))
            if events:
                last_at = now
            for descriptor, event in events:
                session = sessions[descriptor]
                if event & ~select.EPOLLOUT:
                    self._read(session)
                if session.out:
                    self._flush(session)
            if paced:
                last_at = now if self._keep_pace() else last_at

    def _keep_pace(self) -> bool:
        """Send the messages that are due by now; return whether there were any."""
        sent = self.tally.sent
        for session in list(self._sessions.values()):
            self._submit(session)
            if session.out:
                self._flush(session)
        return self.tally.sent > sent

    def _open(self) -> _Session:
        connected = socket.create_connection(("127.0.0.1", self.traffic.port), timeout=10)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connected.setblocking(False)
        session = self._sessions[connected.fileno()] = _Session(connected, self.traffic.window)
        self._poll.register(connected, select.EPOLLIN)
        return session

    def _drop(self, session: _Session) -> None:
        self._poll.unregister(session.socket)
        del self._sessions[session.socket.fileno()]
        session.out.clear()
        session.socket.close()

    def _flush(self, session: _Session) -> None:
        try:
            del session.out[: session.socket.send(session.out)]
        except BlockingIOError:
            pass
        except OSError:
            self._drop(session)
            return
        wanted = select.EPOLLIN | (select.EPOLLOUT if session.out else 0)
        if wanted != session.wanted:
            session.wanted = wanted
            self._poll.modify(session.socket, wanted)

    def _submit(self, session: _Session) -> None:
        """Put as many submit_sm in line as there is room and need for."""
        now = monotonic()
        count = min(session.room, self._wanted(now))
        if count <= 0:
            return
        template, pack, sent_at = self._template, _NUMBER.pack, session.sent_at
        first, token = len(sent_at), self.tally.sent
        session.out += b"".join(
            [template % (pack(first + n), token + n, token + n, now) for n in range(count)]
        )
        sent_at += [now] * count
        session.room -= count
        self.tally.sent += count

    def _wanted(self, now: float) -> int:
        """Return how many more messages are to be sent by now."""
        traffic, tally = self.traffic, self.tally
        due = traffic.messages
        if traffic.rate:
            due = min(due, int((now - tally.began) * traffic.rate) + 1)
        return due - tally.sent

    def _received(self, session: _Session) -> bytes:
        """Return the octets received, after an incomplete PDU's; none if the session is lost."""
        try:
            octets = session.socket.recv(_CHUNK)
        except BlockingIOError:
            return session.rest
        except OSError:
            octets = b""
        if octets:
            return session.rest + octets
        self._drop(session)
        return b""

    def _read(self, session: _Session) -> None:
        octets = self._received(session)
        now, tally, unpack = monotonic(), self.tally, _HEADER.unpack_from
        sent_at, latency, accept = session.sent_at, tally.latencies.append, tally.accepted.add
        at, end, room = 0, len(octets), 0
        while end - at >= 16:
            length, command_id, status, sequence_number = unpack(octets, at)
            if not 16 <= length <= _LONGEST:
                raise LoadFailed(f"command_length {length}")
            if end - at < length:
                break
            if command_id == _SUBMIT_SM_RESP:
                room += 1
                latency(now - sent_at[sequence_number])
                if status:
                    tally.refused[status] += 1
                else:
                    accept(octets[at + 16 : at + length - 1])
            elif command_id == _DELIVER_SM:
                self._count_receipt(session, octets[at : at + length], sequence_number)
            else:
                self._read_other(session, command_id, status, sequence_number)
            at += length
        session.rest = octets[at:]
        if room:
            tally.answered_at = now
            session.room += room
            self._submit(session)
            self._flush(session)

    def _count_receipt(self, session: _Session, deliver_sm: bytes, sequence_number: int) -> None:
        """Acknowledge a deliver_sm; count the receipt by the message_id in its text."""
        session.out += _HEADER.pack(17, _DELIVER_SM | _RESPONSE, 0, sequence_number) + b"\0"
        start = deliver_sm.find(b"id:") + 3
        self.tally.receipts[deliver_sm[start : deliver_sm.find(b" ", start)]] += 1
        self.tally.receipt_at = monotonic()

    def _read_other(
        self, session: _Session, command_id: int, status: int, sequence_number: int
    ) -> None:
        if command_id in _ASKING:
            session.out += _HEADER.pack(16, command_id | _RESPONSE, 0, sequence_number)
            self._flush(session)
        elif command_id in _BINDS:
            if status:
                raise LoadFailed(f"bind refused: {status_name(status)}")
            session.bound = True
            self._bound += 1


def _bind_octets(kind: type[Bind], traffic: Traffic) -> bytes:
    return kind(
        sequence_number=1,
        system_id=traffic.system_id.encode(),
        password=traffic.password.encode(),
    ).encode()


def _template(receipts: bool) -> bytes:
    """Return a submit_sm for the operator %: sequence_number, number, token and time."""
    octets = SubmitSm(
        source_addr_ton=5,
        source_addr=b"INFO",
        dest_addr_ton=1,
        dest_addr_npi=1,
        destination_addr=_DESTINATION % 0,
        registered_delivery=int(receipts),
        short_message=_TEXT % (0, 0),
    ).encode()
    octets = octets.replace(b"%", b"%%")
    octets = octets.replace(_DESTINATION % 0, _DESTINATION).replace(_TEXT % (0, 0), _TEXT)
    return octets[:12] + b"%b" + octets[16:]


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="load", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--system-id", default="bench")
    parser.add_argument("--password", default="bench")
    parser.add_argument("--binds", type=int, default=4)
    parser.add_argument("--window", type=int, default=50)
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--rate", type=float, default=0.0, help="messages a second")
    parser.add_argument("--receipts", action="store_true", help="ask for them and wait for them")
    parser.add_argument("--seconds", type=float, default=120.0, help="the longest it may take")
    parser.add_argument("--idle", action="store_true", help="only stay bound until input closes")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Make the load that the command line describes."""
    given = vars(_arguments(arguments))
    idle = given.pop("idle")
    esme = LoadGenerator(Traffic(**given))
    try:
        esme.bind()
        if idle:
            sys.stdout.write(f"{json.dumps({'bound': given['binds']})}\n")
            sys.stdout.flush()
            esme.hold(sys.stdin.fileno())
        else:
            sys.stdout.write(f"{json.dumps(esme.run().figures())}\n")
    except LoadFailed as failure:
        raise SystemExit(f"esme: {failure}") from None
    finally:
        esme.close()


if __name__ == "__main__":
    main()

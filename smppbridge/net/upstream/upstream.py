"""All sessions with one upstream SMSC: kept bound, submit_sm spread over them, deliveries heard."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from smppbridge.net.upstream.link import SmscLink
from smppbridge.net.upstream.sessions import NAMES, Answers, StandingSession, Terms, World
from smppbridge.providers.exchange import BadReply, NoAnswer, NotSent, Received
from smppbridge.providers.smpp.deliver import Delivered
from smppbridge.providers.smpp.provider import SmppRequest
from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.smpp.constants import status_name
from smppbridge.smpp.errors import LocalError
from smppbridge.smpp.events import Faulty
from smppbridge.smpp.pdus import Bind, BindReceiver, BindTransceiver, BindTransmitter, Pdu, SubmitSm
from smppbridge.store.port import StoreFailure

KINDS: dict[str, tuple[type[Bind], ...]] = {
    "trx": (BindTransceiver,),
    "tx+rx": (BindTransmitter, BindReceiver),
}
_LEAVING = "the provider is being left"
MOST_TOLD = 20  # PDUs of one session, faulty or unreadable, that are logged

Ask = tuple[Any, SmppRequest]
Call = tuple[SmscLink, Delivered, list[Received]]


class Upstream:
    """The sessions with one SMSC, and what waits for room in their windows.

    `start`, then `send`, then `stop`.
    """

    _log = Logger()

    def __init__(self, name: str, terms: Terms, world: World) -> None:
        self.name, self.terms, self.world = name, terms, world
        self.links: list[SmscLink] = []
        self._waiting: deque[tuple[Any, SubmitSm, float]] = deque()
        self._later: dict[int, tuple[Any, IDelayedCall]] = {}
        self._returned: Answers = []
        self._heard: list[Call] = []
        self._late: IDelayedCall | None = None
        self._cutting: IDelayedCall | None = None
        self._number = 0
        self.stopping = False
        binding = terms.provider.binding
        kinds = KINDS[binding.bind] * binding.binds
        self._sessions = [StandingSession(name, terms, world, kind, self) for kind in kinds]

    # -- what is asked of it --------------------------------------------------------------------

    @property
    def waiting(self) -> int:
        """Return how many submit_sm wait, for room or for their time."""
        return len(self._waiting) + len(self._later)

    def start(self) -> None:
        """Connect and bind, from now on."""
        for session in self._sessions:
            session.start()

    def send(self, asks: list[Ask]) -> None:
        """Send each submit_sm once; what stands beside it comes back with its answer."""
        for about, request in asks:
            if request.after and not self.stopping:
                self._number += 1
                enter = (request.after, self._enter_later, self._number, request.pdu)
                self._later[self._number] = (about, self.world.clock.callLater(*enter))
            else:
                self._enter(about, request.pdu)
        self._move()

    async def stop(self, seconds: float) -> None:
        """Part from the SMSC: what waits is not sent, what is out may take *seconds*."""
        self.stopping = True
        for about, timer in self._later.values():
            timer.cancel()
            self._give_back(about, _LEAVING)
        self._later.clear()
        self._return_waiting(_LEAVING)
        ended = DeferredList([session.ended for session in self._sessions])
        for session in self._sessions:
            session.leave(_LEAVING)
        if not ended.called:
            self._cutting = self.world.clock.callLater(seconds, self._cut)
            await ended
            if self._cutting.active():
                self._cutting.cancel()

    def hurry(self, seconds: float) -> None:
        """Let what is out take *seconds* at most, now that it is being left."""
        cutting = self._cutting
        if cutting and cutting.active():
            cutting.reset(min(seconds, cutting.getTime() - self.world.clock.seconds()))

    def _cut(self) -> None:
        for link in list(self.links):
            link.close()

    # -- submit_sm ------------------------------------------------------------------------------

    def _enter_later(self, number: int, pdu: SubmitSm) -> None:
        about, _ = self._later.pop(number)
        self._enter(about, pdu)
        self._move()

    def _enter(self, about: Any, pdu: SubmitSm) -> None:
        if self.stopping or not any(link.submits for link in self.links):
            self._give_back(about, "no session is bound")
            return
        self._waiting.append((about, pdu, self.world.clock.seconds() + self.terms.timeout))

    def _move(self) -> None:
        """Let what waits leave on the sessions that have the most room."""
        waiting, touched = self._waiting, set()
        rooms = {link: room for link in self.links if (room := link.room())}
        while waiting and rooms:
            link = max(rooms, key=rooms.__getitem__)
            about, pdu, _ = waiting.popleft()
            try:
                link.submit(pdu, about)
            except LocalError as error:
                self._give_back(about, str(error))
                continue
            touched.add(link)
            rooms[link] -= 1
            if not rooms[link]:
                del rooms[link]
        for link in touched:
            link.flush()
        if waiting and self._late is None:
            delay = max(0.0, waiting[0][2] - self.world.clock.seconds())
            self._late = self.world.clock.callLater(delay, self._waited_too_long)

    def _waited_too_long(self) -> None:
        self._late = None
        now = self.world.clock.seconds()
        while self._waiting and self._waiting[0][2] <= now:
            self._give_back(self._waiting.popleft()[0], "no room in the window in time")
        self._move()

    def _return_waiting(self, reason: str) -> None:
        while self._waiting:
            self._give_back(self._waiting.popleft()[0], reason)
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _give_back(self, about: Any, reason: str) -> None:
        """Answer what was not sent: later, for whoever asked is not done asking."""
        if not self._returned:
            self.world.clock.callLater(0, self._return)
        self._returned.append((about, NotSent(reason)))

    def _return(self) -> None:
        returned, self._returned = self._returned, []
        self.world.answered(returned)

    # -- what links say -------------------------------------------------------------------------

    def bound(self, link: SmscLink) -> None:
        """Note that a link is bound."""
        self.world.journal("upstream_bound", provider=self.name, kind=NAMES[link.kind])
        self.world.bound(self.name)
        self._move()

    def answered(self, link: SmscLink, answers: list[tuple[Any, Pdu]]) -> None:
        """Hand answers on; there is room again."""
        self.world.answered(list(answers))
        self._move()

    def unanswered(self, link: SmscLink, abouts: list[Any], reason: str) -> None:
        """Tell whose submit_sm left in vain: they are never sent again from here."""
        self.world.answered([(about, NoAnswer(reason)) for about in abouts])
        self._move()

    def writable(self) -> None:
        """Go on submitting."""
        self._move()

    def faulty(self, link: SmscLink, fault: Faulty) -> None:
        """Tell of PDUs that were refused; of a session's first ones only."""
        if link.faults <= MOST_TOLD:
            self.world.journal(
                "pdu_refused",
                provider=self.name,
                command_id=f"{fault.command_id:#010x}",
                command_status=status_name(fault.status),
                reason=fault.why,
            )

    def joined(self, link: SmscLink) -> None:
        """Note that a link is connected."""
        self.links.append(link)

    def ended(self, link: SmscLink) -> None:
        """Note that a link is gone; without another one nothing waits here."""
        self.links.remove(link)
        if not any(other.submits for other in self.links):
            self._return_waiting("no session is bound")

    # -- deliver_sm -----------------------------------------------------------------------------

    def delivered(self, link: SmscLink, request: Delivered) -> None:
        """Read what was delivered; it is answered when it is on disk.

        What nobody can read is answered too: it would come again for ever.
        """
        try:
            heard = list(self.terms.provider.read_deliver(request, link.token))
        except BadReply as fault:
            link.faults += 1
            if link.faults <= MOST_TOLD:
                self.world.journal("deliver_sm_unread", provider=self.name, reason=str(fault))
            heard = []
        except Exception:  # a provider's fault must not end a session
            self._log.failure("deliver_sm")
            link.reply(request, Status.ESME_RX_P_APPN)
            return
        if not heard:
            link.reply(request, Status.ESME_ROK)
            return
        if not self._heard:
            self.world.clock.callLater(0, self._tell_all)
        self._heard.append((link, request, heard))

    def _tell_all(self) -> None:
        calls, self._heard = self._heard, []
        told = [one for _, _, heard in calls for one in heard]
        Deferred.fromCoroutine(self._told(calls, told))

    async def _told(self, calls: Sequence[Call], told: list[Received]) -> None:
        status = Status.ESME_ROK
        try:
            await self.world.tell(self.name, told)
        except StoreFailure:  # which the store has told of
            status = Status.ESME_RX_T_APPN
        except Exception:
            self._log.failure("deliver_sm")
            status = Status.ESME_RX_T_APPN
        for link, request, _ in calls:
            link.reply(request, status)
        for link in {link for link, _, _ in calls}:
            link.flush()

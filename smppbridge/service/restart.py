"""restart: the bridge becomes its next version, and no session without TLS ends.

check -> lanes idle -> listeners frozen, TLS parts -> sessions frozen -> exec
Nothing is torn down before exec(2), which keeps the process: a step that fails leads back to
serving.  Whatever comes between is in the store, as after kill -9.
"""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as TookTooLong
from twisted.internet.task import deferLater
from twisted.internet.utils import getProcessOutputAndValue

from smppbridge.net.esme_session import EsmeSession
from smppbridge.net.handed_sessions import can_pass, hand_over
from smppbridge.service.handed_figures import figures_of
from smppbridge.service.handover import HandOver, give, hand_over_of
from smppbridge.smpp.matrix import State
from smppbridge.store.port import StoreFailure

if TYPE_CHECKING:
    from smppbridge.service.bridge import Bridge

FROZEN = 2.0  # seconds, at most, for what is being answered when the sessions freeze
PARTING = 6.0  # seconds for sessions with TLS to unbind
SILENT = 30.0  # seconds for which other nodes wait for the next program, unless a lease is longer
GAP = 120.0  # seconds, at most, in which the next program starts; the watchdog has to wait
REASON = "the bridge is restarting"
_NO_DATABASE = "the database does not answer"
_SAID = 2_000  # octets, the last ones, of what a check that failed said


class NotRestarted(Exception):
    """The bridge was not restarted and serves on; the reason."""


@dataclass(frozen=True, slots=True)
class Program:
    """The command line of the next process, and that of the check of its configuration."""

    run: list[str]
    check: list[str]


def program_of(config: str) -> Program:
    """Return the program that this process was started as, whatever version of it is installed."""
    given = len(sys.argv) - 1
    started = [sys.executable, *sys.orig_argv[1:]]
    before = started[: len(started) - given]
    return Program(started, [*before, "check", "--database", "--config", config])


class Restart:
    """Restarts of a bridge, one at a time.

    Only the instance writes whether one is under way, and why the last one did not come about.
    *masked* blocks the signals that the next program sets its own answers for; it returns a
    function that undoes this.
    """

    def __init__(
        self, bridge: Bridge, program: Program, masked: Callable[[], Callable[[], None]]
    ) -> None:
        self.under_way = False
        self.refused, self.refused_at = "", 0.0
        self._bridge, self._program, self._masked = bridge, program, masked

    async def now(self) -> str:
        """Become the program that is installed now, with the sessions of this one.

        If that does not come about, the bridge serves on; returns the reason, which the log has.
        """
        try:
            await self.prepare()
        except NotRestarted as error:
            return str(error)
        return await self.carry_out()

    async def prepare(self) -> None:
        """Begin a restart, which `carry_out` ends: let the new program check the configuration.

        Raises NotRestarted, which the log has.
        """
        bridge = self._bridge
        if self.under_way or bridge.draining or not bridge.listening:
            raise NotRestarted("the bridge is restarting, stopping or starting")
        self.under_way = True
        bridge.notify.reloading(bridge.clock.monotonic())
        try:
            if bridge.membership is not None and not bridge.membership.serves:
                raise NotRestarted(_NO_DATABASE)
            await self._check()
        except NotRestarted as error:
            self._serve_on(str(error))
            raise

    async def carry_out(self) -> str:
        """Become the new program; if that does not come about, return the reason."""
        reason = "the bridge could not hand over: the log says why"
        try:
            await self._hand_over()
        except NotRestarted as error:
            reason = str(error)
        finally:
            self._serve_on(reason)
        return reason

    def _serve_on(self, reason: str) -> None:
        bridge = self._bridge
        bridge.journal("restart_refused", reason=reason)
        self.refused, self.refused_at = reason, bridge.clock.wall()
        self.under_way = False
        if not bridge.draining:
            bridge.notify.ready(bridge.status())

    async def _check(self) -> None:
        """Let the new program check the configuration: it may read it otherwise."""
        command = self._program.check
        try:
            found: tuple[bytes, bytes, int] = await getProcessOutputAndValue(
                command[0], command[1:], dict(os.environ), reactor=self._bridge.reactor
            )
        except Exception as error:  # a program that cannot be started, or that a signal ended
            raise NotRestarted(f"the new program cannot check the configuration: {error}") from None
        said, complained, status = found
        words = (said + complained)[-_SAID:].decode("utf-8", "replace").strip()
        if status == os.EX_CONFIG:
            raise NotRestarted(f"the new program refuses the configuration: {words}")
        if status:
            last = words.rpartition("\n")[2]  # above it stands where it was raised
            raise NotRestarted(f"the new program does not run ({status}): {last}")

    async def _hand_over(self) -> NoReturn:
        bridge, frozen = self._bridge, list[EsmeSession]()
        for part in (bridge.relay.submit, bridge.relay.dialogues):
            part.drain()
        try:
            await self._until(self._lanes_idle, bridge.settings.drain)
            bridge.listeners.freeze()
            await self._part_with_others()
            await self._be_silent(SILENT)
            frozen = [session for session in bridge.doors.smsc.sessions if session.bound_as]
            await self._pass(frozen)
        finally:  # reached only if the process is still this program
            self._go_on(frozen)

    def _go_on(self, frozen: list[EsmeSession]) -> None:
        bridge = self._bridge
        for session in frozen:
            session.thaw()
        if bridge.draining:
            return  # SIGTERM came: the bridge is stopping
        bridge.listeners.thaw()
        bridge.spawn(self._be_silent(0.0))
        bridge.relay.submit.drain(False)
        bridge.relay.dialogues.drain(False)
        bridge.use(bridge.settings)  # upstream sessions are bound again

    # -- before the sessions are frozen ---------------------------------------------------------

    def _lanes_idle(self) -> bool:
        relay = self._bridge.relay
        return relay.submit.idle and not relay.ussd.waiting

    async def _part_with_others(self) -> None:
        """Unbind the sessions with TLS and those with upstreams; let binds under way end."""
        bridge = self._bridge
        smsc, most = bridge.doors.smsc, min(PARTING, bridge.settings.drain / 2)
        leaving = [s for s in smsc.sessions if s.bound_as and s.channel.tls]
        for session in leaving:
            session.unbind(REASON)

        def left() -> bool:
            return all(s.gone or s not in smsc.sessions for s in leaving)

        parted = Deferred.fromCoroutine(bridge.relay.wires.smpp.stop(most))
        await self._until(left, most)
        for session in leaving:
            if session in smsc.sessions:
                session.close()
        await parted
        await self._until(lambda: not any(map(_binding, smsc.sessions)), FROZEN)

    async def _be_silent(self, seconds: float) -> None:
        """Have the other nodes, if there are any, wait for the next program.

        Raises NotRestarted.
        """
        membership = self._bridge.membership
        if membership is None:
            return
        said = membership.store.be_silent(seconds)
        said.addTimeout(FROZEN, self._bridge.reactor)
        try:
            await said
        except (StoreFailure, TookTooLong):
            raise NotRestarted(_NO_DATABASE) from None

    # -- while the sessions are frozen ----------------------------------------------------------

    async def _pass(self, frozen: list[EsmeSession]) -> NoReturn:
        """Freeze sessions, and become the new program.  Raises NotRestarted."""
        reactor, at = self._bridge.reactor, self._bridge.clock.monotonic()
        for session in frozen:
            session.freeze()
        unmask = self._masked()
        try:
            for _ in range(2):  # turns, in which signals that came before are acted on
                await deferLater(reactor, 0)
            await self._settle(frozen)
            raise NotRestarted(str(self._become(frozen, at)))
        finally:
            unmask()

    async def _settle(self, frozen: list[EsmeSession]) -> None:
        """Let requests that were begun be answered and written."""
        bridge = self._bridge
        bridge.spawn(bridge.notebook.flush())

        def settled() -> bool:
            bridge.relay.deliver.flush()
            return bridge.store.idle and not any(map(self._answering, frozen))

        await self._until(settled, FROZEN, 0.005)

    def _answering(self, session: EsmeSession) -> bool:
        waiting = len(self._bridge.relay.responses.of(session))
        return not session.gone and session.session.unanswered > waiting

    def _become(self, frozen: list[EsmeSession], at: float) -> OSError:
        """Become the new program, within this turn of the reactor; return the error of failing."""
        bridge, responses = self._bridge, self._bridge.relay.responses
        for session in frozen:
            session.flush()
        passing = [session for session in frozen if can_pass(session, responses)]
        key = secrets.token_bytes(32)
        record: HandOver = hand_over_of(
            [hand_over(session, responses, key) for session in passing],
            bridge.listeners.handed(),
            bridge.admin.keyring.handed(),
            at,
            key,
            figures=figures_of(bridge),
        )
        for session in frozen:
            if session not in passing and not session.gone:
                session.unbind(REASON)
        bridge.journal(
            "restarting",
            sessions=len(passing),
            unbound=len(frozen) - len(passing),
            unfinished=bridge.relay.lanes.out,
            frozen=round(bridge.clock.monotonic() - at, 3),
        )
        bridge.journal.flush(1.0)
        bridge.live.streams.close()
        bridge.beside.interrupt()  # the next program would not know them
        bridge.notify.gap(GAP)
        error = give(record, self._program.run, os.environ)
        bridge.notify.gap(None)
        return error

    async def _until(self, done: Callable[[], bool], seconds: float, every: float = 0.05) -> None:
        """Wait for a condition, *seconds* at most; raises NotRestarted if the bridge stops."""
        await self._bridge.until(done, seconds, every)
        if self._bridge.draining:
            raise NotRestarted("the bridge is stopping")


def _binding(session: EsmeSession) -> bool:
    return session.session.state is State.BINDING

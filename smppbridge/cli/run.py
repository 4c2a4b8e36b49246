"""``smppbridge run``: the daemon, as started by systemd or in a container."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import click
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from smppbridge.cli.default_paths import configured
from smppbridge.cli.faults import EX_CONFIG, EX_TEMPFAIL, print_faults
from smppbridge.cli.signals import Handler, hold_all, obey, obey_end
from smppbridge.observe.lines import Lines, read_by_journal
from smppbridge.observe.log import EventLog, take_over_libraries
from smppbridge.observe.notify import from_environment
from smppbridge.service.apply import verify
from smppbridge.service.breakdown import Breakdown, threads_watched
from smppbridge.service.bridge import Bridge
from smppbridge.service.clock import never_stepping
from smppbridge.service.handover import BadHandOver, HandOver, take
from smppbridge.service.storing import NotAwaited, TakenOver
from smppbridge.settings.configuration import load
from smppbridge.settings.document import BadSettings
from smppbridge.settings.schema import Settings
from smppbridge.store.migrate import UnfitStore

_log = Logger()


@click.command()
@configured("The configuration; checked first, exit 78 if it is bad.")
def run(config: Path) -> None:
    """Run the bridge until SIGTERM; SIGHUP applies the configuration anew.

    SIGUSR2 restarts it as the version that is installed, and sessions without TLS stay bound.
    """
    from twisted.internet import reactor

    handed = handed_over()
    never_stepping(reactor)
    settings = checked(config, reactor)
    log = settings.log
    descriptor = sys.stderr.fileno()
    lines = Lines(descriptor, priorities=read_by_journal(descriptor, os.environ))
    journal = EventLog(lines, form=log.format, level=log.level, words=log.words)
    take_over_libraries(journal)
    bridge = Bridge(settings, reactor, journal, from_environment(), hold_all)
    if isinstance(handed, BadHandOver):
        journal("handover_refused", reason=str(handed))
        handed = None
    raise SystemExit(serve(bridge, config, reactor, handed))


def handed_over() -> HandOver | BadHandOver | None:
    """Return the record of the program before, or why it cannot be taken."""
    try:
        return take(os.environ)
    except BadHandOver as error:
        return error


def checked(config: Path, reactor: Any) -> Settings:
    """Return the settings of a file; print faults, if the file has any, and exit with 78."""
    try:
        settings = load(config)
        faults = [settings.fault(f.key, f.message) for f in verify(settings, reactor)]
    except BadSettings as error:
        faults = list(error.faults)
    if faults:
        print_faults(faults, err=True)
        raise SystemExit(EX_CONFIG)
    return settings


def _stopping() -> None:
    """Ignore a further SIGTERM: the bridge is stopping already; SIGINT ends it now."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def serve(bridge: Bridge, config: Path | None, reactor: Any, handed: HandOver | None = None) -> int:
    """Run the reactor with a bridge; return the exit status."""
    status = 0

    def failed(failure: Failure) -> None:
        nonlocal status
        if failure.check(NotAwaited):
            return  # the reactor stops already
        why = failure.check(UnfitStore, TakenOver)
        status = {UnfitStore: EX_CONFIG, TakenOver: EX_TEMPFAIL}.get(why, 1)
        error = failure.value
        bridge.journal("start_failed", error=type(error).__name__, reason=str(error))
        bridge.journal.flush(1.0)
        reactor.stop()

    async def begin() -> None:
        _stop_at_signals(reactor)
        obey_end()
        await bridge.start(handed)
        if config is not None:
            obey(signal.SIGHUP, lambda *_: reactor.callFromThread(reload, bridge))
            obey(signal.SIGUSR2, restart_at_signal(bridge))

    starting: Deferred[None] = Deferred()

    def end() -> Deferred[None]:
        _stopping()
        bridge.await_no_longer()
        return starting.addCallback(lambda _: Deferred.fromCoroutine(bridge.stop()))

    def started() -> None:
        Deferred.fromCoroutine(begin()).addErrback(failed).chainDeferred(starting)

    reactor.callWhenRunning(started)
    reactor.addSystemEventTrigger("before", "shutdown", end)
    with threads_watched(Breakdown(bridge, os._exit).called):
        reactor.run()
    return status or bridge.exit_status


def _stop_at_signals(reactor: Any) -> None:
    """Stop the reactor at SIGTERM, and at SIGINT unless that is ignored."""

    def terminate(signum: int, frame: FrameType | None) -> None:
        _stopping()  # at once: a second signal before the reactor stops would be an error
        reactor.callFromThread(reactor.stop)

    for each in (signal.SIGTERM, signal.SIGINT):
        if signal.getsignal(each) is not signal.SIG_IGN:  # as in the background of a shell
            signal.signal(each, terminate)


def restart_at_signal(bridge: Bridge) -> Handler:
    """Return a handler that restarts a bridge in place."""

    def begin() -> None:
        if bridge.restart is None:
            return
        restarting = Deferred.fromCoroutine(bridge.restart.now())
        restarting.addErrback(lambda failure: _log.failure("restart", failure))

    return lambda *_: bridge.reactor.callFromThread(begin)


def reload(bridge: Bridge) -> None:
    """Apply the configuration anew, or log why the old configuration stays."""
    reloading = Deferred.fromCoroutine(bridge.configuration.reload())
    reloading.addErrback(lambda failure: _log.failure("reload", failure))

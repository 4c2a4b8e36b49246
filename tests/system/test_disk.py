"""A disk that takes nothing for a while: no ESME_ROK, nothing lost, and service again."""

from __future__ import annotations

from smppbridge.smpp.constants import CommandStatus as Status
from tests.system.daemon import Daemon
from tests.system.esme import ids
from tests.system.provider import Provider


def test_a_disk_that_is_full_costs_nothing_but_time(daemon: Daemon, provider: Provider) -> None:
    with daemon.start().bound() as esme:
        before = esme.submit("before").message_id.decode()
        esme.await_receipts(1)
        daemon.no_more_disk(True)
        answers = [esme.submit(f"full {n}").command_status for n in range(5)]
        assert set(answers) <= {Status.ESME_RSYSERR, Status.ESME_RMSGQFUL}
        assert daemon.get("/readyz")[0] == 503
        assert provider.report("kc-of-nobody") == 503
        daemon.no_more_disk(False)
        after = esme.submit("after").message_id.decode()
        assert ids(esme.await_receipts(2)) == {before, after}
        assert daemon.get("/readyz")[0] == 200
    assert daemon.events("store_failed")
    assert not daemon.events("unhandled_error")
    assert provider.taken == {"before": 1, "after": 1}


def test_what_was_answered_when_the_disk_filled_is_sent_when_there_is_room(
    daemon: Daemon, provider: Provider
) -> None:
    with daemon.start().bound() as esme:
        with provider.held():
            message_id = esme.submit("out").message_id.decode()
            provider.await_taken(1)
            daemon.no_more_disk(True)
        daemon.await_event("store_failed")
        daemon.no_more_disk(False)
        assert ids(esme.await_receipts(1)) == {message_id}
    assert provider.taken == {"out": 1}


def test_the_bridge_is_ready_again_without_anybody_asking_for_it(daemon: Daemon) -> None:
    with daemon.start().bound() as esme:
        daemon.no_more_disk(True)
        assert esme.submit("full").command_status == Status.ESME_RSYSERR
        assert daemon.get("/readyz")[0] == 503
        daemon.no_more_disk(False)
        daemon.await_event("store_works")
        assert daemon.get("/readyz")[0] == 200
    assert daemon.rows("select count(*) from early") == [(0,)]

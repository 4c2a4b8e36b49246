from __future__ import annotations

import pytest
from twisted.internet.defer import Deferred

from smppbridge.model.report import Report
from smppbridge.net.upstream.client import Upstreams
from smppbridge.providers.exchange import NoAnswer, NoAnswerYet, NotSent
from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.smpp.constants import MessageState
from smppbridge.smpp.pdus import (
    BindReceiver,
    BindTransceiver,
    BindTransmitter,
    EnquireLink,
    Unbind,
    UnbindResp,
)
from tests.net.smscs import asks
from tests.net.upstream.smsc_session import RECEIPT, bound, terms


def kinds(answers):
    return [(about, type(answer)) for about, answer in answers]


# -- binding --------------------------------------------------------------------------------------


def test_it_binds_as_it_is_told(client, around):
    (smsc,) = bound(client, around, system_type="VMA", enquire_link=20.0)
    (request,) = smsc.heard
    assert isinstance(request, BindTransceiver)
    assert (request.system_id, request.password) == (b"bank", b"sesame")
    assert (request.system_type, request.interface_version) == (b"VMA", 0x34)
    assert client.bound_counts() == {("it", "transceiver"): 1}
    assert around.named("upstream_bound") == [{"provider": "it", "kind": "transceiver"}]


def test_transmitters_and_receivers_come_in_pairs(client, around):
    smscs = bound(client, around, bind="tx+rx", binds=2)
    found = [type(smsc.heard[0]) for smsc in smscs]
    assert found == [BindTransmitter, BindReceiver] * 2
    assert client.bound_counts() == {("it", "transmitter"): 2, ("it", "receiver"): 2}
    client.send("it", asks("a", "b"))
    assert [len(smsc.submitted()) for smsc in smscs] == [1, 0, 1, 0]


@pytest.mark.parametrize("bind", ["trx", "tx+rx"])
def test_a_part_of_the_binds_is_kept_where_other_nodes_have_the_rest(around, bind):
    """What is given up counts until its connection is gone; what is left stays bound."""
    client, each = Upstreams(around.ports, shared=True), 1 if bind == "trx" else 2

    def unbind():
        found = [smsc for smsc in around.smscs if any(isinstance(p, Unbind) for p in smsc.hear())]
        for smsc in found:
            smsc.lose()
        return found

    bound(client, around, bind=bind, binds=3)
    assert (around.smscs, client.binds("it")) == ([], 0)
    client.confine("it", 9)
    assert (len(around.smscs), client.binds("it")) == (3 * each, 3)
    client.confine("it", 1)
    assert client.binds("it") == 3
    assert unbind() == around.smscs[each:]
    assert client.binds("it") == 1
    around.pass_time(100)
    assert len(around.smscs) == 3 * each  # nobody binds again
    client.confine("it", 2)
    assert (len(around.smscs), client.binds("it")) == (4 * each, 2)
    client.change({"it": terms(bind=bind, binds=4)})  # its part is the same after a reload
    assert len(unbind()) == 2 * each
    assert client.binds("it") == 2
    stopped = Deferred.fromCoroutine(client.stop(1.0))
    assert len(unbind()) == 2 * each
    assert stopped.called


def test_a_lost_session_is_bound_again(client, around):
    bound(client, around)
    around.pass_time(100)
    around.smscs[0].lose()
    assert client.bound_counts() == {}
    around.clock.advance(0.99)
    assert len(around.smscs) == 1
    around.clock.advance(0.01)
    assert client.bound_counts() == {("it", "transceiver"): 1}
    (lost,) = around.named("upstream_lost")
    assert lost["again_in"] == "1s"


def test_nobody_there_is_tried_again_ever_more_slowly(client, around):
    around.reachable = False
    bound(client, around)
    around.pass_time(200)
    assert around.tries == [0, 1, 3, 7, 15, 31, 63, 123, 183]
    assert "nobody listens" in around.named("upstream_unreachable")[0]["reason"]


@pytest.mark.parametrize(
    ("status", "again", "event"),
    [
        (Status.ESME_RINVPASWD, 50, "upstream_credentials_refused"),
        (Status.ESME_RALYBND, 45, "upstream_refused"),
        (Status.ESME_RBINDFAIL, 1, "upstream_refused"),
    ],
)
def test_a_refused_bind_is_tried_again_as_its_status_deserves(client, around, status, again, event):
    around.status = status
    (smsc,) = bound(client, around)
    around.pass_time(1)  # we close, after a moment
    assert smsc.wire.disconnecting
    around.status = 0
    smsc.lose()
    around.clock.advance(again - 0.01)
    assert len(around.smscs) == 1
    around.clock.advance(0.01)
    assert client.bound_counts() == {("it", "transceiver"): 1}
    assert around.named(event)[0]["command_status"] == status.name


def test_a_reload_binds_at_once_what_pauses_and_leaves_the_others(client, around):
    around.status = Status.ESME_RINVPASWD
    (smsc,) = bound(client, around)
    around.pass_time(1)
    smsc.lose()
    assert not client.may_submit("it")
    around.status = 0
    bound(client, around)  # the same settings once more
    around.clock.advance(0)
    assert len(around.smscs) == 2
    assert client.may_submit("it")
    bound(client, around)
    around.clock.advance(100)  # nor does the pause that was ended come to anything
    assert len(around.smscs) == 2


def test_whoever_has_no_session_may_be_asked(client):
    assert client.may_submit("keccel")


def test_a_bind_without_an_answer_is_given_up(client, around):
    around.status = None
    (smsc,) = bound(client, around)
    around.pass_time(10)
    assert not smsc.wire.disconnecting
    around.pass_time(1)
    assert smsc.wire.disconnecting
    smsc.lose()
    assert around.named("upstream_unreachable")[0]["reason"] == "no bind in time"


def test_nothing_is_said_before_the_bind_is_answered(client, around):
    around.status = None
    (smsc,) = bound(client, around)
    client.send("it", asks("a"))
    around.pass_time(1)
    assert len(smsc.heard) == 1
    assert kinds(around.answers) == [("a", NotSent)]


def test_a_silent_smsc_is_asked_and_then_left(client, around):
    (smsc,) = bound(client, around, enquire_link=30.0)
    smsc.hear = list
    around.pass_time(29)
    assert not smsc.wire.value()
    around.clock.advance(1)
    assert smsc.wire.value() == EnquireLink(0, 2).encode()
    around.pass_time(31)
    assert smsc.wire.disconnecting


# -- submitting -----------------------------------------------------------------------------------


def test_an_answer_comes_back_with_what_it_is_about(client, around):
    (smsc,) = bound(client, around)
    client.send("it", asks("a", "b"))
    first, second = smsc.submitted()
    smsc.answer(second, b"22")
    smsc.answer(first, b"11", Status.ESME_RTHROTTLED)
    assert [(about, pdu.message_id, pdu.command_status) for about, pdu in around.answers] == [
        ("b", b"22", 0),
        ("a", b"11", Status.ESME_RTHROTTLED),
    ]


def test_submits_are_spread_over_sessions_and_wait_for_room(client, around):
    smscs = bound(client, around, binds=2, window=2)
    client.send("it", asks(*"abcde"))
    took = [smsc.submitted() for smsc in smscs]
    assert [len(each) for each in took] == [2, 2]
    assert client.windows() == {("it",): 4}
    assert client.waiting() == {("it",): 1}
    smscs[1].answer(took[1][0])
    assert [pdu.short_message for pdu in smscs[1].submitted()] == [b"e"]
    assert client.waiting() == {("it",): 0}


def test_what_waits_too_long_for_room_was_not_sent(client, around):
    (smsc,) = bound(client, around, window=1, enquire_link=1000.0)
    client.send("it", asks("a"))
    around.pass_time(10)
    client.send("it", asks("b"))
    around.pass_time(20)
    assert kinds(around.answers) == [("a", NoAnswerYet)]
    assert [pdu.short_message for pdu in smsc.heard[1:]] == [b"a", b"b"]
    client.send("it", asks("c"))
    smsc.link.choked = True  # the peer does not read: the window may be empty
    around.pass_time(31)
    assert kinds(around.answers) == [("a", NoAnswerYet), ("b", NoAnswerYet), ("c", NotSent)]


def test_what_is_to_wait_waits(client, around):
    (smsc,) = bound(client, around)
    client.send("it", asks("a", after=2.0))
    assert smsc.submitted() == []
    assert client.waiting() == {("it",): 1}
    around.clock.advance(2.0)
    assert len(smsc.submitted()) == 1


def test_nothing_is_sent_where_nobody_is_bound(client, around):
    around.reachable = False
    bound(client, around)
    client.send("it", asks("a"))
    client.send("another", asks("b"))
    assert around.answers == []  # not at once: whoever asks is not done asking
    around.clock.advance(0)
    assert kinds(around.answers) == [("a", NotSent), ("b", NotSent)]


def test_a_receiver_alone_submits_nothing(client, around):
    transmitter, _receiver = bound(client, around, bind="tx+rx")
    around.reachable = False
    transmitter.lose()
    client.send("it", asks("a"))
    around.clock.advance(0)
    assert kinds(around.answers) == [("a", NotSent)]


def test_a_lost_session_leaves_what_was_out_without_answer_and_returns_the_rest(client, around):
    (smsc,) = bound(client, around, window=1)
    client.send("it", asks("a", "b"))
    smsc.submitted()
    smsc.lose()
    around.clock.advance(0)
    assert kinds(around.answers) == [("a", NoAnswer), ("b", NotSent)]
    around.pass_time(5)
    assert around.smscs[1].submitted() == []  # nothing is sent again from here


def test_what_waits_goes_on_over_another_session(client, around):
    first, second = bound(client, around, binds=2, window=1)
    client.send("it", asks("a", "b", "c"))
    first.submitted()
    (taken,) = second.submitted()
    first.lose()
    second.answer(taken)
    around.clock.advance(0)
    assert [pdu.short_message for pdu in second.submitted()] == [b"c"]


def test_a_submit_sm_without_an_answer_is_not_sent_again(client, around):
    (smsc,) = bound(client, around)
    client.send("it", asks("a"))
    (request,) = smsc.submitted()
    around.pass_time(31)
    assert kinds(around.answers) == [("a", NoAnswerYet)]
    smsc.answer(request, b"77")  # too late to be the answer
    assert len(around.answers) == 1
    assert client.bound_counts() == {("it", "transceiver"): 1}


def test_an_answer_that_comes_late_is_handed_on_once(client, around):
    (smsc,) = bound(client, around)
    client.send("it", asks("a", "b"))
    first, second = smsc.submitted()
    around.pass_time(31)
    smsc.answer(second, b"78")
    smsc.answer(first, b"77")
    smsc.answer(first, b"77")
    assert [(about, answer.message_id) for about, answer in around.late] == [
        ("b", b"78"),
        ("a", b"77"),
    ]
    (refused,) = around.named("pdu_refused")
    assert refused["reason"] == "answers no request of ours"


def test_a_late_answer_ends_a_row_of_silence(client, around):
    (smsc,) = bound(client, around)
    for name in "abcd":
        client.send("it", asks(name))
        (request,) = smsc.submitted()
        around.pass_time(31)
        smsc.answer(request)
    assert not any(isinstance(pdu, Unbind) for pdu in smsc.heard)


def test_no_late_answer_can_come_over_another_session(client, around):
    (smsc,) = bound(client, around)
    client.send("it", asks("a"))
    (request,) = smsc.submitted()
    around.pass_time(31)
    smsc.lose()
    around.pass_time(2)
    around.smscs[1].answer(request)
    assert around.late == []


def test_a_session_that_answers_nothing_is_bound_anew(client, around):
    (smsc,) = bound(client, around)
    client.send("it", asks("a", "b", "c"))
    around.pass_time(31)
    assert any(isinstance(pdu, Unbind) for pdu in smsc.heard)
    smsc.lose()
    around.pass_time(2)
    assert len(around.smscs) == 2


def test_a_pdu_that_cannot_be_written_was_not_sent(client, around):
    (smsc,) = bound(client, around)
    bad, good = asks("a", "b")
    bad[1].pdu.source_addr = b"x" * 30
    client.send("it", [bad, good])
    around.clock.advance(0)
    assert kinds(around.answers) == [("a", NotSent)]
    assert [pdu.short_message for pdu in smsc.submitted()] == [b"b"]


# -- changing and stopping ------------------------------------------------------------------------


def test_what_has_not_changed_stays_bound(client, around):
    (smsc,) = bound(client, around)
    client.change({"it": terms(service_type="CMT"), "more": terms()})
    assert len(around.smscs) == 2
    assert not any(isinstance(pdu, Unbind) for pdu in smsc.hear())
    smsc.deliver(RECEIPT)
    around.clock.advance(0)
    assert around.recorded[0][0] == "it"


def test_what_is_read_is_read_by_the_newest_settings(client, around):
    (smsc,) = bound(client, around)
    client.change({"it": terms(receipts_as_text=True)})
    smsc.deliver(RECEIPT, esm_class=0)
    around.clock.advance(0)
    assert around.recorded == [("it", [Report("42", MessageState.DELIVERED)])]


def test_a_changed_password_binds_anew_after_the_old_session_has_ended(client, around):
    (old,) = bound(client, around)
    client.send("it", asks("a"))
    (request,) = old.submitted()
    client.change({"it": terms(password="other")})
    around.pass_time(1)
    assert len(around.smscs) == 1
    assert not any(isinstance(pdu, Unbind) for pdu in old.heard)
    old.answer(request)
    around.pass_time(1)
    assert any(isinstance(pdu, Unbind) for pdu in old.heard)
    old.lose()
    assert [about for about, _ in around.answers] == ["a"]
    assert around.smscs[1].heard[0].password == b"other"
    assert client.bound_counts() == {("it", "transceiver"): 1}


def test_a_removed_provider_is_unbound(client, around):
    (smsc,) = bound(client, around)
    client.change({})
    assert isinstance(smsc.hear()[0], Unbind)
    smsc.lose()
    around.pass_time(70)
    assert len(around.smscs) == 1
    assert client.bound_counts() == {}


def test_two_changes_in_a_row_bind_once(client, around):
    (old,) = bound(client, around)
    client.change({"it": terms(password="second")})
    client.change({"it": terms(password="third")})
    old.hear()
    old.lose()
    around.pass_time(1)
    assert [smsc.heard[0].password for smsc in around.smscs] == [b"sesame", b"third"]


def test_stopping_unbinds_and_is_done_when_all_are_gone(client, around):
    smscs = bound(client, around, binds=2)
    client.send("it", asks("a", after=5.0))
    stopped = Deferred.fromCoroutine(client.stop(5.0))
    for smsc in smscs:
        assert isinstance(smsc.hear()[0], Unbind)
        smsc.lose()
    assert stopped.called
    around.clock.advance(0)
    assert kinds(around.answers) == [("a", NotSent)]
    assert not around.clock.getDelayedCalls()


def test_stopping_waits_no_longer_than_it_may(client, around):
    (smsc,) = bound(client, around)
    smsc.parts = False
    client.send("it", asks("a"))
    stopped = Deferred.fromCoroutine(client.stop(3.0))
    around.pass_time(2.5)
    assert not smsc.wire.aborted
    around.pass_time(0.5)
    assert smsc.wire.aborted
    smsc.lose()
    assert stopped.called
    assert kinds(around.answers) == [("a", NoAnswer)]


def test_stopping_hurries_what_is_being_left(client, around):
    (smsc,) = bound(client, around)
    client.send("it", asks("a"))
    client.change({})
    stopped = Deferred.fromCoroutine(client.stop(3.0))
    around.pass_time(3)
    assert smsc.wire.aborted
    smsc.lose()
    assert stopped.called


@pytest.mark.parametrize("reachable", [True, False])
def test_stopping_ends_the_tries(client, around, reachable):
    around.reachable = reachable
    around.status = Status.ESME_RBINDFAIL
    smscs = bound(client, around)
    for smsc in smscs:
        smsc.lose()
    stopped = Deferred.fromCoroutine(client.stop(3.0))
    assert stopped.called
    tries = len(around.tries)
    around.pass_time(100)
    assert len(around.tries) == tries


def test_an_smsc_that_unbinds_is_bound_again(client, around):
    (smsc,) = bound(client, around)
    smsc.say(Unbind(0, 5))
    assert isinstance(smsc.hear()[0], UnbindResp)
    around.pass_time(1)
    smsc.lose()
    around.pass_time(2)
    assert client.bound_counts() == {("it", "transceiver"): 1}


def test_the_password_does_not_show(client, around):
    bound(client, around)
    assert "sesame" not in repr(around.events) + repr(terms())


def test_stopping_gives_up_a_connection_that_is_not_there_yet(client, around, monkeypatch):
    connecting = Deferred()
    monkeypatch.setattr(around, "connecting", connecting)
    bound(client, around)
    stopped = Deferred.fromCoroutine(client.stop(3.0))
    assert stopped.called
    assert connecting.called
    assert not around.clock.getDelayedCalls()


def test_over_tls_nothing_is_said_before_the_server_has_proved_who_it_is(client, around):
    (smsc,) = bound(client, around, tls=True)
    assert smsc.heard == []
    smsc.link.handshakeCompleted()
    smsc.hear()
    assert client.bound_counts() == {("it", "transceiver"): 1}


def test_a_server_that_never_proves_it_is_given_up(client, around):
    (smsc,) = bound(client, around, tls=True)
    around.pass_time(9.5)
    assert not smsc.wire.disconnecting
    around.pass_time(1)
    assert smsc.wire.disconnecting
    smsc.lose()
    assert around.named("upstream_unreachable")[0]["reason"] == "no bind in time"


def test_a_proof_that_comes_after_we_have_left_changes_nothing(client, around):
    (smsc,) = bound(client, around, tls=True)
    client.change({})
    smsc.link.handshakeCompleted()
    assert smsc.hear() == []
    around.pass_time(1)
    assert smsc.wire.disconnecting

"""What every provider must do, done by one that is kept bound, against the simulated SMSC."""

from __future__ import annotations

from dataclasses import replace
from time import time

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred, DeferredQueue
from twisted.internet.endpoints import serverFromString
from twisted.internet.task import deferLater

from smppbridge.model.address import Address
from smppbridge.model.message import Message
from smppbridge.model.mo import Mo
from smppbridge.model.outcome import Accepted, Postponed, Refused
from smppbridge.net.upstream.client import Terms, UpstreamPorts, Upstreams, connector
from smppbridge.providers.exchange import NoAnswer, NoAnswerYet, NotSent
from smppbridge.providers.smpp.provider import PAUSES, Smpp
from smppbridge.relay.submit.carry import Carrier
from smppbridge.simulators.smsc import SmscSimulator
from smppbridge.smpp.constants import CommandStatus, MessageState
from smppbridge.store.port import StoreFailure
from tests.net.test_tls import LOOPBACK, certificate
from tests.patience import PATIENCE

NUMBER = "2547220000"
SILENCE = 0.2
LONG = "0123456789" * 40


def message_to(number, text):
    now = time()
    return Message(
        message_id=int(now),
        system_id="shop",
        source=Address("ACME", 5),
        destination=Address(number, 1, 1),
        number=number,
        text=text,
        data_coding=0,
        priority=0,
        registered_delivery=1,
        route=("it",),
        accepted_at=now,
        expires_at=now + 3600,
        due=now,
    )


class Stage:
    """A simulator, a client bound to it, and the relay's driver of exchanges."""

    def __init__(self, *, options=None, **settings):
        self.simulator = SmscSimulator(reactor, delay=0.0, **(options or {}))
        port = self.simulator.listen()
        self.provider = Smpp(
            **{
                "host": "127.0.0.1",
                "port": port,
                "system_id": "bank",
                "password": "right",
                **settings,
            }
        )
        self.heard = DeferredQueue()
        self.events = DeferredQueue()
        self.late = DeferredQueue()
        self.failures, self.reasons = [], []
        self.client = Upstreams(
            UpstreamPorts(
                clock=reactor,
                connect=connector(reactor),
                answered=lambda answers: self.carrier.answered(answers),
                late=lambda answers: self.late.put(answers),
                record=self._record,
                bound=lambda name: None,
                alerted=lambda name, alert: None,
                random=lambda: 0.5,
                wall=time,
                journal=self._note,
            )
        )
        self.carrier = Carrier(self.client.send, time)

    def _note(self, event, /, **fields):
        self.reasons.append(fields.get("reason"))
        self.events.put(event)

    async def _record(self, provider, heard):
        if self.failures:
            raise self.failures.pop()
        for one in heard:
            self.heard.put(one)

    async def bound(self, timeout=PATIENCE):
        """Bind; wait until all sessions are."""
        self.client.change({"it": Terms(self.provider, None, PATIENCE, timeout)})
        for _ in range(self.provider.binds * (2 if self.provider.bind == "tx+rx" else 1)):
            assert await self.event() == "upstream_bound"
        return self

    def event(self):
        return self.events.get().addTimeout(PATIENCE, reactor)

    def submit(self, ending, text="Hello"):
        """Carry one message's exchange; done with what it came to."""
        done = Deferred()

        def conclude(conclusions):
            ((_, came_to),) = conclusions
            if isinstance(came_to, Exception):
                done.errback(came_to)
            else:
                done.callback(came_to)

        message = message_to(NUMBER + ending, text)
        self.carrier.carry("it", [message], self.provider.submit, conclude)
        return done

    def report(self):
        return self.heard.get().addTimeout(PATIENCE, reactor)

    async def close(self):
        await Deferred.fromCoroutine(self.client.stop(1.0))
        await self.simulator.close()
        while any(not link._closing for link in self.simulator.links):
            await deferLater(reactor, 0.001)


@pytest_twisted.async_yield_fixture
async def stages():
    made = []

    def make(**settings):
        made.append(Stage(**settings))
        return made[-1]

    yield make
    for stage in made:
        await stage.close()


BOTH = pytest.mark.parametrize(
    "settings", [{}, {"bind": "tx+rx", "options": {"trx": False}}], ids=["trx", "tx+rx"]
)


@BOTH
@pytest_twisted.ensureDeferred
async def test_a_message_is_accepted_under_an_id_of_its_own(stages, settings):
    stage = await stages(**settings).bound()
    first, second = await stage.submit("01"), await stage.submit("01")
    assert isinstance(first, Accepted)
    assert first.provider_message_id != second.provider_message_id
    assert stage.simulator.accepted == 2


@pytest_twisted.ensureDeferred
async def test_a_message_is_rejected_for_its_own_fault(stages):
    stage = await stages().bound()
    assert await stage.submit("91") == Refused("ESME_RINVDSTADR", CommandStatus.ESME_RINVDSTADR)


@pytest_twisted.ensureDeferred
async def test_a_rejection_may_come_later_with_a_letter_too_many(stages):
    stage = await stages(options={"rejects_late": True}).bound()
    outcome = await stage.submit("91")
    report = await stage.report()
    assert report.state is MessageState.REJECTED
    assert report.provider_message_id == outcome.provider_message_id


@pytest_twisted.ensureDeferred
async def test_with_a_wrong_credential_nothing_is_sent(stages):
    stage = stages(password="wrong")
    stage.client.change({"it": Terms(stage.provider)})
    assert await stage.event() == "upstream_credentials_refused"
    with pytest.raises(NotSent):
        await stage.submit("01")
    assert stage.simulator.requests == 0


@pytest_twisted.ensureDeferred
async def test_a_throttled_message_holds_up_the_lane_and_then_passes(stages):
    stage = await stages().bound()
    for _ in range(2):
        assert await stage.submit("94") == Postponed("ESME_RTHROTTLED", whole_lane=True)
    assert isinstance(await stage.submit("94"), Accepted)


@pytest_twisted.ensureDeferred
async def test_silence_is_no_answer(stages):
    stage = await stages().bound(SILENCE)
    with pytest.raises(NoAnswer):
        await stage.submit("95")
    assert stage.simulator.requests == 1


@pytest_twisted.ensureDeferred
async def test_a_session_that_is_lost_before_the_answer_is_no_answer(stages):
    stage = await stages().bound()
    answer = stage.submit("95")
    while not stage.simulator.requests:
        await deferLater(reactor, 0.001)
    for link in tuple(stage.simulator.links):
        link.close()
    with pytest.raises(NoAnswer):
        await answer


@pytest_twisted.ensureDeferred
async def test_a_port_where_nobody_listens_is_not_sent(stages):
    stage = stages()
    await stage.simulator.close()
    stage.client.change({"it": Terms(stage.provider)})
    assert await stage.event() == "upstream_unreachable"
    with pytest.raises(NotSent):
        await stage.submit("01")


@pytest_twisted.ensureDeferred
async def test_a_server_error_is_to_be_tried_again(stages):
    stage = await stages().bound()
    assert await stage.submit("93") == Postponed("ESME_RSYSERR")


@BOTH
@pytest.mark.parametrize(
    ("ending", "state"),
    [
        ("01", MessageState.DELIVERED),
        ("90", MessageState.UNDELIVERABLE),
        ("99", MessageState.EXPIRED),
    ],
)
@pytest_twisted.ensureDeferred
async def test_a_receipt_reports_what_became_of_it(stages, settings, ending, state):
    stage = await stages(**settings).bound()
    outcome = await stage.submit(ending)
    report = await stage.report()
    assert (report.provider_message_id, report.state) == (outcome.provider_message_id, state)


@pytest_twisted.ensureDeferred
async def test_a_receipt_can_come_before_the_answer(stages):
    stage = await stages().bound()
    answer = stage.submit("96")
    report = await stage.report()
    assert not answer.called
    assert (await answer).provider_message_id == report.provider_message_id


@pytest_twisted.ensureDeferred
async def test_a_receipt_can_come_twice(stages):
    stage = await stages().bound()
    await stage.submit("97")
    assert await stage.report() == await stage.report()


@pytest_twisted.ensureDeferred
async def test_a_receipt_that_we_could_not_keep_comes_again(stages, monkeypatch):
    monkeypatch.setattr("smppbridge.simulators.smsc._AGAIN", 0.0)
    stage = await stages().bound()
    stage.failures.append(StoreFailure("full"))
    await stage.submit("01")
    assert (await stage.report()).state is MessageState.DELIVERED
    assert stage.simulator.refused_deliveries == 1


@pytest_twisted.ensureDeferred
async def test_ids_that_are_spelled_in_two_ways_meet(stages):
    stage = await stages(ids="hex_to_decimal", options={"hex_ids": True, "with_tlvs": True}).bound()
    outcome = await stage.submit("01")
    assert (await stage.report()).provider_message_id == outcome.provider_message_id


@pytest.mark.parametrize("way", ["udh", "udh16", "sar", "payload"])
@pytest_twisted.ensureDeferred
async def test_a_long_message_has_a_receipt_for_each_of_its_ids(stages, way):
    stage = await stages(segments=way).bound()
    outcome = await stage.submit("01", LONG)
    count = 1 if way == "payload" else 3
    reports = [await stage.report() for _ in range(count)]
    ids = [part.provider_message_id for part in outcome.parts] or [outcome.provider_message_id]
    assert ids[0] == outcome.provider_message_id
    assert sorted(report.provider_message_id for report in reports) == sorted(ids)
    assert {report.state for report in reports} == {MessageState.DELIVERED}
    assert stage.simulator.accepted == count
    assert not stage.heard.pending


@pytest_twisted.ensureDeferred
async def test_a_throttled_segment_is_repeated_alone(stages, monkeypatch):
    monkeypatch.setattr("smppbridge.providers.smpp.provider.PAUSES", (0.001,) * len(PAUSES))
    stage = await stages().bound()
    for _ in range(2):
        assert isinstance(await stage.submit("94", LONG), Postponed)
    assert isinstance(await stage.submit("94", LONG), Accepted)
    assert stage.simulator.requests == 2 + 1 + 3 + 3
    assert set(stage.simulator.taken.values()) == {1}


@pytest_twisted.ensureDeferred
async def test_silence_after_the_first_segment_is_uncertain(stages):
    stage = await stages().bound(SILENCE)
    simulator = stage.simulator
    submit = simulator.submit
    simulator.submit = lambda link, pdu: submit(link, pdu) if not simulator.requests else None
    with pytest.raises(NoAnswerYet, match="no answer in time"):
        await stage.submit("01", LONG)


@pytest_twisted.ensureDeferred
async def test_a_phone_is_heard(stages):
    stage = await stages().bound()
    await stage.simulator.receive("bank", "254722000001", "22141", b"YES")
    heard = await stage.report()
    assert isinstance(heard, Mo)
    assert (heard.source, heard.destination, heard.octets) == ("254722000001", "22141", b"YES")


@pytest_twisted.ensureDeferred
async def test_many_messages_over_few_sessions_all_come_back(stages):
    stage = await stages(binds=2, window=3).bound()
    answers = [stage.submit("01") for _ in range(200)]
    outcomes = [await answer for answer in answers]
    reports = {(await stage.report()).provider_message_id for _ in range(200)}
    assert reports == {outcome.provider_message_id for outcome in outcomes}
    assert len(reports) == 200


@pytest.mark.filterwarnings("ignore:Passing pyOpenSSL:DeprecationWarning")  # Twisted's own way
@pytest_twisted.ensureDeferred
async def test_all_of_it_goes_over_tls_to_a_server_that_proves_who_it_is(stages, tmp_path):
    ca_file, key_file = certificate(tmp_path, LOOPBACK)
    stage = stages(tls=True)
    where = f"ssl:0:interface=127.0.0.1:privateKey={key_file}:certKey={ca_file}"
    port = await serverFromString(reactor, where).listen(stage.simulator)
    stage.provider = replace(stage.provider, port=port.getHost().port)
    stage.client.change({"it": Terms(stage.provider, None, PATIENCE, PATIENCE)})
    assert await stage.event() == "upstream_unreachable"
    assert "certificate verify failed" in stage.reasons[-1]
    stage.client.change({"it": Terms(stage.provider, str(ca_file), PATIENCE, PATIENCE)})
    assert await stage.event() == "upstream_bound"
    outcome = await stage.submit("01")
    assert (await stage.report()).provider_message_id == outcome.provider_message_id
    await port.stopListening()

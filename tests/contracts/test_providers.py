"""What every provider must do, each against its simulator."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from time import time
from typing import Any
from uuid import uuid4

import pytest
import pytest_twisted
from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred, DeferredQueue
from twisted.internet.error import ConnectError
from twisted.web.client import Agent, FileBodyProducer, HTTPConnectionPool
from twisted.web.http_headers import Headers
from twisted.web.resource import Resource
from twisted.web.server import Site

from smppbridge.model.address import Address
from smppbridge.model.message import Message, Traits
from smppbridge.model.outcome import Accepted, Postponed, Refused
from smppbridge.providers.exchange import (
    BadReply,
    HttpRequest,
    HttpResponse,
    NoAnswer,
    NotSent,
    alone,
)
from smppbridge.providers.registry import TYPES
from smppbridge.simulators import SIMULATORS, serving, simulator_type
from smppbridge.smpp.constants import MessageState
from tests.contracts.roster import PLAYED
from tests.patience import PATIENCE

reactor: Any = installed

SILENCE = 0.2


def able(ability):
    """Return the names of those that have *ability*."""
    return [
        name
        for name, played in PLAYED.items()
        if getattr(played.make(1, "right").abilities, ability)
    ]


def message_to(number, text="Hello"):
    return Message(
        message_id=1,
        system_id="bank",
        source=Address("ACME", 5),
        destination=Address(number, 1, 1),
        number=number,
        text=text,
        data_coding=0,
        priority=0,
        registered_delivery=1,
        route=("it",),
        accepted_at=0.0,
        expires_at=1.0,
        due=0.0,
    )


class Client:
    """Carries exchanges as the relay does, one request at a time."""

    def __init__(self):
        self._pool = HTTPConnectionPool(reactor)
        self._pool.retryAutomatically = False
        self._agent = Agent(reactor, pool=self._pool)

    async def carry(self, exchange, timeout=PATIENCE):
        exchange = alone(exchange, time)
        request = next(exchange)
        while True:
            try:
                answer = await self._send(request, timeout)
            except ConnectError as error:
                step = (exchange.throw, NotSent(str(error)))
            except Exception as error:
                step = (exchange.throw, NoAnswer(str(error)))
            else:
                step = (exchange.send, answer)
            try:
                request = step[0](step[1])
            except StopIteration as end:
                return end.value

    async def _send(self, request, timeout):
        headers = Headers({name: [value] for name, value in request.headers})
        body = FileBodyProducer(BytesIO(request.body)) if request.body else None
        method, url = request.method.encode(), request.url.encode()
        answer = await self._agent.request(method, url, headers, body).addTimeout(timeout, reactor)
        named = {
            name.decode().lower(): values[-1].decode()
            for name, values in answer.headers.getAllRawHeaders()
        }
        return HttpResponse(answer.code, await serving.read_body(answer), named)

    def close(self):
        return self._pool.closeCachedConnections()


class Callbacks(Resource):
    """Where a simulator reports to; *refusals* answers are HTTP 500 first, then *answer*.

    The path is known to nobody else: the port may have been another test's, which is still asked.
    """

    isLeaf = True

    def __init__(self):
        Resource.__init__(self)
        self.path = f"/callbacks/it/{uuid4()}"
        self.came = DeferredQueue()
        self.count = 0
        self.refusals = 0
        self.answer = b""

    def render(self, request):
        if request.path.decode() != self.path:
            request.setResponseCode(404)
            return b""
        self.count += 1
        if self.refusals:
            self.refusals -= 1
            request.setResponseCode(500)
            return b""
        query = {name.decode(): values[-1].decode() for name, values in request.args.items()}
        body = request.content.read()
        self.came.put(HttpRequest(request.method.decode(), "/", body=body, query=query))
        return self.answer


def only(exchange):
    (outcome,) = yield from exchange
    return outcome


class Stage:
    """A simulator that reports to us, and a client for it."""

    def __init__(self, played):
        self.played = played
        self.client = Client()
        self.callbacks = Callbacks()
        site = Site(self.callbacks)
        site.log = lambda request: None
        self._callback_port = reactor.listenTCP(0, site, interface="127.0.0.1")
        url = f"http://127.0.0.1:{self._callback_port.getHost().port}{self.callbacks.path}"
        self.simulator = simulator_type(played.simulator)(reactor, callback_url=url, delay=0.0)
        self.port = self.simulator.listen()
        self.provider = played.make(self.port, "right")
        if self.provider.abilities.needs_callback_url:
            self.provider = replace(self.provider, callback_url=url)
        self.callbacks.answer = self.provider.abilities.callback_answer

    def message_to(self, ending):
        return message_to(self.played.number + ending)

    def submit(self, ending, provider=None, timeout=PATIENCE):
        """Hand one message over; to a provider that knows keys in a batch of one, as the relay."""
        provider = provider or self.provider
        message = self.message_to(ending)
        if provider.abilities.idempotent:
            exchange = only(provider.submit_batch([message], str(uuid4())))
        else:
            exchange = provider.submit(message)
        return Deferred.fromCoroutine(self.client.carry(exchange, timeout))

    def submit_batch(self, *endings, provider=None, key=None):
        messages = [self.message_to(ending) for ending in endings]
        exchange = (provider or self.provider).submit_batch(messages, key or str(uuid4()))
        return Deferred.fromCoroutine(self.client.carry(exchange))

    def query(self, identifier, provider=None):
        exchange = (provider or self.provider).query(self.message_to("00"), identifier)
        return Deferred.fromCoroutine(self.client.carry(exchange))

    def price(self, text, provider=None):
        message = replace(self.message_to("01"), text=text)
        exchange = (provider or self.provider).price(message)
        return Deferred.fromCoroutine(self.client.carry(exchange))

    def balance(self, provider=None):
        return Deferred.fromCoroutine(self.client.carry((provider or self.provider).balance()))

    async def told(self):
        request = await self.callbacks.came.get().addTimeout(PATIENCE, reactor)
        (report,) = self.provider.read_callback(request)
        return report

    async def report(self):
        """Return the next report, past those that only say that it is on its way."""
        report = await self.told()
        while report.state == MessageState.ENROUTE:
            report = await self.told()
        return report

    async def close(self):
        await self.simulator.close()
        await self.client.close()
        await self._callback_port.stopListening()


@pytest_twisted.async_yield_fixture
async def stage(request):
    staged = Stage(PLAYED[request.param])
    yield staged
    await staged.close()


everybody = pytest.mark.parametrize("stage", list(PLAYED), indirect=True)
who_calls_back = pytest.mark.parametrize("stage", able("callbacks"), indirect=True)
who_can_be_asked = pytest.mark.parametrize("stage", able("polling"), indirect=True)
several = [name for name, played in PLAYED.items() if played.make(1, "right").abilities.batch > 1]
who_takes_several = pytest.mark.parametrize("stage", several, indirect=True)
who_tells_at_once = pytest.mark.parametrize(
    "stage", [name for name in several if not PLAYED[name].later], indirect=True
)
who_tells_later = pytest.mark.parametrize(
    "stage", [name for name in several if PLAYED[name].later], indirect=True
)
who_knows_keys = pytest.mark.parametrize("stage", able("idempotent"), indirect=True)
who_tells_the_balance = pytest.mark.parametrize("stage", able("balance"), indirect=True)


who_tells_the_price = pytest.mark.parametrize("stage", able("prices"), indirect=True)


def test_every_provider_with_a_simulator_is_here():
    assert {played.simulator for played in PLAYED.values()} >= set(TYPES) & set(SIMULATORS)


@everybody
@pytest_twisted.ensureDeferred
async def test_a_message_is_accepted_under_an_id_of_its_own(stage):
    first, second = await stage.submit("01"), await stage.submit("01")
    assert isinstance(first, Accepted)
    assert first.provider_message_id != second.provider_message_id
    assert stage.simulator.accepted == 2


@everybody
@pytest_twisted.ensureDeferred
async def test_a_message_is_rejected_for_its_own_fault(stage):
    outcome = await stage.submit("91")
    assert isinstance(outcome, Refused)
    assert not outcome.provider_fault


@everybody
@pytest_twisted.ensureDeferred
async def test_a_wrong_credential_is_the_providers_fault(stage):
    outcome = await stage.submit("01", stage.played.make(stage.port, "wrong"))
    assert isinstance(outcome, Refused)
    assert outcome.provider_fault
    assert stage.simulator.accepted == 0


@everybody
@pytest_twisted.ensureDeferred
async def test_a_throttled_message_waits_as_told_and_then_passes(stage):
    for _ in range(2):
        outcome = await stage.submit("94")
        assert isinstance(outcome, Postponed)
        assert (outcome.after, outcome.whole_lane) == (stage.played.throttled_for, True)
    assert isinstance(await stage.submit("94"), Accepted)


@everybody
@pytest_twisted.ensureDeferred
async def test_silence_is_no_answer(stage):
    with pytest.raises(NoAnswer):
        await stage.submit("95", timeout=SILENCE)


@everybody
@pytest_twisted.ensureDeferred
async def test_a_port_where_nobody_listens_is_not_sent(stage):
    port = reactor.listenTCP(0, Site(Resource()), interface="127.0.0.1")
    number = port.getHost().port
    await port.stopListening()
    with pytest.raises(NotSent):
        await stage.submit("01", stage.played.make(number, "right"))


@everybody
@pytest_twisted.ensureDeferred
async def test_a_server_error_is_what_it_is_for_this_provider(stage):
    assert isinstance(await stage.submit("93"), stage.played.on_5xx)


@who_takes_several
@pytest_twisted.ensureDeferred
async def test_each_message_of_a_batch_is_accepted_under_an_id_of_its_own(stage):
    outcomes = await stage.submit_batch("01", "02", "03")
    assert len({outcome.provider_message_id for outcome in outcomes}) == 3
    assert stage.simulator.accepted == 3


@who_tells_at_once
@pytest_twisted.ensureDeferred
async def test_a_message_that_is_rejected_does_not_spoil_its_batch(stage):
    first, rejected, last = await stage.submit_batch("01", "91", "02")
    assert isinstance(rejected, Refused)
    assert not rejected.provider_fault
    assert first.provider_message_id != last.provider_message_id


@who_tells_later
@pytest_twisted.ensureDeferred
async def test_callbacks_tell_what_became_of_each_message_of_a_batch(stage):
    first, rejected, last = await stage.submit_batch("01", "91", "90")
    told = [await stage.told() for _ in range(3 + 2 * (1 + stage.played.on_the_way))]
    fates = {report.provider_message_id: report for report in told}
    assert fates[rejected.provider_message_id].state == MessageState.REJECTED
    for taken, state in ((first, MessageState.DELIVERED), (last, MessageState.UNDELIVERABLE)):
        fate = fates[taken.provider_message_id]
        assert fate.state == MessageState.ENROUTE
        assert fates[fate.renamed].state == state


@who_knows_keys
@pytest_twisted.ensureDeferred
async def test_a_repeated_key_brings_the_same_ids_and_is_not_charged_again(stage):
    key = str(uuid4())
    first = await stage.submit_batch("01", "02", key=key)
    credit = (await stage.balance()).amount
    assert await stage.submit_batch("01", "02", key=key) == first
    assert (await stage.balance()).amount == credit
    another = await stage.submit_batch("01", "02")
    assert len({outcome.provider_message_id for outcome in (*first, *another)}) == 4
    assert stage.simulator.accepted == 4


@who_takes_several
@pytest_twisted.ensureDeferred
async def test_a_wrong_credential_refuses_all_of_a_batch(stage):
    wrong = stage.played.make(stage.port, "wrong")
    outcomes = await stage.submit_batch("01", "02", provider=wrong)
    assert [outcome.provider_fault for outcome in outcomes] == [True, True]
    assert stage.simulator.accepted == 0


@who_calls_back
@pytest.mark.parametrize(
    ("ending", "state"),
    [
        ("01", MessageState.DELIVERED),
        ("90", MessageState.UNDELIVERABLE),
        ("99", MessageState.EXPIRED),
    ],
)
@pytest_twisted.ensureDeferred
async def test_a_callback_reports_what_became_of_it(stage, ending, state):
    outcome = await stage.submit(ending)
    report = await stage.report()
    state = stage.played.expired if ending == "99" else state
    assert (report.provider_message_id, report.state) == (outcome.provider_message_id, state)


@who_calls_back
@pytest_twisted.ensureDeferred
async def test_a_callback_can_come_before_the_answer(stage):
    answer = stage.submit("96")
    report = await stage.report()
    assert not answer.called
    assert (await answer).provider_message_id == report.provider_message_id


@who_calls_back
@pytest_twisted.ensureDeferred
async def test_a_callback_can_come_twice(stage):
    await stage.submit("97")
    assert await stage.report() == await stage.report()


@who_calls_back
@pytest_twisted.ensureDeferred
async def test_a_callback_that_we_did_not_take_comes_again(stage, monkeypatch):
    monkeypatch.setattr(serving, "PAUSES", (0.0,))
    stage.callbacks.refusals = 1
    await stage.submit("01")
    assert (await stage.report()).state == MessageState.DELIVERED
    assert stage.callbacks.count == 2 + stage.played.on_the_way


@who_can_be_asked
@pytest.mark.parametrize(
    ("ending", "state"),
    [
        ("01", MessageState.DELIVERED),
        ("90", MessageState.UNDELIVERABLE),
        ("98", MessageState.ENROUTE),
        ("99", MessageState.EXPIRED),
    ],
)
@pytest_twisted.ensureDeferred
async def test_asking_tells_what_became_of_it(stage, ending, state):
    identifier = (await stage.submit(ending)).provider_message_id
    report = await stage.query(identifier)
    state = stage.played.expired if ending == "99" else state
    assert (report.provider_message_id, report.state) == (identifier, state)


@who_can_be_asked
@pytest_twisted.ensureDeferred
async def test_asking_for_an_unknown_message_ends_nothing(stage):
    report = await stage.query("4711")
    assert report.provider_message_id == "4711"
    assert not report.state.is_final


@who_can_be_asked
@pytest_twisted.ensureDeferred
async def test_asking_with_a_wrong_credential_tells_nothing_of_the_message(stage):
    identifier = (await stage.submit("01")).provider_message_id
    with pytest.raises(BadReply):
        await stage.query(identifier, stage.played.make(stage.port, "wrong"))


@who_tells_the_balance
@pytest_twisted.ensureDeferred
async def test_the_balance_goes_down_with_every_message(stage):
    before = await stage.balance()
    await stage.submit("01")
    after = await stage.balance()
    assert 0 < after.amount < before.amount
    assert after.unit


@who_tells_the_price
@pytest_twisted.ensureDeferred
async def test_the_price_grows_with_the_segments_and_asking_sends_nothing(stage):
    before = await stage.balance()
    one, two = await stage.price("hello"), await stage.price("x" * 161)
    assert (one.parts, two.parts) == (1, 2)
    assert 0 < one.amount < two.amount
    assert (await stage.price("щ" * 71)).parts == 2
    assert stage.simulator.accepted == 0
    assert (await stage.balance()).amount == before.amount


@who_tells_the_price
@pytest_twisted.ensureDeferred
async def test_a_wrong_credential_has_no_price(stage):
    with pytest.raises(BadReply):
        await stage.price("hello", stage.played.make(stage.port, "wrong"))


@who_tells_the_balance
@pytest_twisted.ensureDeferred
async def test_a_wrong_credential_has_no_balance(stage):
    with pytest.raises(BadReply):
        await stage.balance(stage.played.make(stage.port, "wrong"))


CX = [name for name, played in PLAYED.items() if played.simulator == "smscx"]


@pytest.mark.parametrize("stage", CX, indirect=True)
@pytest_twisted.ensureDeferred
async def test_a_scheduled_message_is_dropped_once(stage):
    stage.provider = replace(stage.provider, schedule="provider")
    assert stage.provider.abilities.cancels
    later = replace(stage.message_to("01"), traits=Traits(scheduled=time() + 3_600))
    (outcome,) = await Deferred.fromCoroutine(
        stage.client.carry(stage.provider.submit_batch([later], str(uuid4())))
    )
    identifier = outcome.provider_message_id
    for dropped in (True, False):
        exchange = stage.provider.cancel(later, identifier)
        assert await Deferred.fromCoroutine(stage.client.carry(exchange)) is dropped


@pytest.mark.parametrize("stage", CX, indirect=True)
@pytest_twisted.ensureDeferred
async def test_a_message_that_is_sent_or_unknown_is_not_dropped(stage):
    identifier = (await stage.submit("01")).provider_message_id
    for name in (identifier, "4711", str(uuid4())):
        exchange = stage.provider.cancel(stage.message_to("01"), name)
        assert await Deferred.fromCoroutine(stage.client.carry(exchange)) is False

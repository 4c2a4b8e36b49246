"""What goes to which provider, over real processes: failover, credit, keys."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path
from typing import Any

import pytest_twisted
from twisted.web.server import Request

from smppbridge.simulators.keccel import KeccelSimulator
from smppbridge.simulators.serving import PageAnswer, silent
from smppbridge.simulators.smscx.simulator import SmsCxSimulator
from tests.patience import PATIENCE
from tests.system.esme import Esme, ids, submit_sm
from tests.system.simulated import (
    NUMBER,
    WHOLE,
    Noting,
    Stage,
    Written,
    await_that,
    ends,
    in_thread,
    last_receipts,
    on_stage,
    submit,
    submit_all,
    taken,
    texts,
)

TWO = """
providers:
  first:
    type: keccel
    base_url: http://127.0.0.1:${FIRST}/sms/v2
    token: ${FIRST_TOKEN}
    callback_key: ${CALLBACK_KEY}
    breaker: 3
    breaker_pause: 1s
    failover_after: 1s
    low_balance: 50
    balance_every: 0.5s
  second:
    type: keccel
    base_url: http://127.0.0.1:${SECOND}/sms/v2
    token: any
    callback_key: ${CALLBACK_KEY}
    balance_every: off
routes:
  - via: [first, second]
"""


@pytest_twisted.async_yield_fixture
async def stage(tmp_path: Path) -> Any:
    staged = Stage(tmp_path)
    yield staged
    await staged.close()


def two(stage: Stage, *, token: str = "any", listening: bool = True) -> tuple[Any, Any, Written]:
    """Two of Keccel's kind, and a daemon that prefers the first."""
    first, second = stage.play("first", Noting), stage.play("second", Noting)
    port = on_stage(first.listen) if listening else stage.closed_port()
    daemon = stage.daemon(
        WHOLE + TWO,
        FIRST=str(port),
        FIRST_TOKEN=token,
        SECOND=str(on_stage(second.listen)),
    )
    first.callback_url = daemon.callback_of("first")
    second.callback_url = daemon.callback_of("second")
    return first, second, daemon


# -- failover -------------------------------------------------------------------------------------


@in_thread
def test_wrong_credentials_of_one_are_the_next_ones_gain(stage: Stage) -> None:
    first, second, daemon = two(stage, token="wrong")
    wanted = [f"text {number}" for number in range(5)]
    with daemon.start().bound() as esme:
        given = submit(esme, *wanted)
        assert ends(esme.await_receipts(5), given) == ["DELIVRD"] * 5
        assert (first.requests, texts(first), texts(second)) == (5, set(), set(wanted))
        daemon.text = daemon.text.replace("${FIRST_TOKEN}", "right")
        daemon.write()
        daemon.signal(signal.SIGHUP)
        daemon.await_event("configuration_applied")
        given += submit(esme, "last")
        assert ends(esme.await_receipts(6), given) == ["DELIVRD"] * 6
        assert len(last_receipts(daemon, esme)) == 6
    assert (texts(first), texts(second)) == ({"last"}, set(wanted))


@in_thread
def test_a_closed_port_opens_the_breaker_and_a_probe_closes_it(stage: Stage) -> None:
    first, second, daemon = two(stage, listening=False)
    with daemon.start().bound() as esme:
        given = submit(esme, "a", "b", "c", "d")
        assert daemon.await_event("provider_down")["provider"] == "first"
        assert daemon.value('smppbridge_provider_up{provider="first"}') == 0
        given += submit(esme, "e")
        assert ends(esme.await_receipts(5), given) == ["DELIVRD"] * 5
        assert texts(second) == set("abcde")
        on_stage(first.listen, int(daemon.environment["FIRST"]))
        probes: list[str] = []
        deadline = time.monotonic() + PATIENCE
        while not daemon.events("provider_up"):
            assert time.monotonic() < deadline
            probes += submit(esme, f"probe {len(probes)}")
            esme.await_receipts(5 + len(probes))
        assert daemon.value('smppbridge_provider_up{provider="first"}') == 1
        given += probes + submit(esme, "x", "y", "z")
        assert ends(esme.await_receipts(len(given)), given) == ["DELIVRD"] * len(given)
        assert len(last_receipts(daemon, esme)) == len(given)
    at_first = [n for n in range(len(probes)) if f"probe {n}" in texts(first)]
    assert at_first == list(range(len(probes)))[-len(at_first) :]
    assert texts(first) == {"x", "y", "z"} | {f"probe {n}" for n in at_first}
    probed = {f"probe {n}" for n in range(len(probes))}
    assert texts(second) == set("abcde") | probed - texts(first)


@in_thread
def test_what_has_waited_too_long_for_the_first_goes_to_the_second(stage: Stage) -> None:
    """The breaker stays closed: only the message's own patience ends."""
    first, second, daemon = two(stage, listening=False)
    daemon.text = daemon.text.replace("breaker: 3", "breaker: off")
    with daemon.start().bound() as esme:
        given = submit(esme, "a", "b")
        assert ends(esme.await_receipts(2), given) == ["DELIVRD"] * 2
    assert (texts(first), texts(second)) == (set(), {"a", "b"})
    assert not daemon.events("provider_down")


@in_thread
def test_what_may_have_been_heeded_goes_to_nobody_else(stage: Stage) -> None:
    """Silence and HTTP 500 of one that knows no keys: once, and in the end nobody knows."""
    first, second, daemon = two(stage)
    patience = "failover_after: 1s\n    timeout: 0.5s\n    uncertain_deadline: 1s"
    daemon.text = daemon.text.replace("failover_after: 1s", patience)
    with daemon.start().bound() as esme:
        answers = submit_all(esme, [submit_sm("hello", NUMBER + end) for end in ("93", "95")])
        given = [each.message_id.decode() for each in answers]
        assert ends(esme.await_receipts(2), given) == ["UNKNOWN"] * 2
        assert len(last_receipts(daemon, esme)) == 2
    assert (first.requests, second.requests) == (2, 0)
    assert len(daemon.events("message_uncertain")) == 2


@in_thread
def test_low_credit_sends_messages_to_the_next_and_is_told(stage: Stage) -> None:
    first, second, daemon = two(stage)
    first.credit = 10
    balance = 'smppbridge_provider_balance{provider="first",unit="SMS"}'
    with daemon.start().bound() as esme:
        told = daemon.await_event("balance_low")
        assert (told["provider"], told["balance"]) == ("first", 10)
        assert daemon.value(balance) == 10
        given = submit(esme, "a", "b")
        assert ends(esme.await_receipts(2), given) == ["DELIVRD"] * 2
        first.credit = 1_000
        daemon.await_event("balance_restored")
        assert daemon.value(balance) == 1_000
        given += submit(esme, "c", "d")
        assert ends(esme.await_receipts(4), given) == ["DELIVRD"] * 4
    assert (texts(first), texts(second)) == ({"c", "d"}, {"a", "b"})


# -- keys -----------------------------------------------------------------------------------------

SMSCX = """
providers:
  smscx:
    type: smscx
    base_url: http://127.0.0.1:${PORT}
    api_key: any
    callback_key: ${CALLBACK_KEY}
  other:
    type: keccel
    base_url: http://127.0.0.1:${OTHER}/sms/v2
    token: any
routes:
  - via: [smscx, other]
"""


class Losing(SmsCxSimulator):
    """Takes messages, and loses its first answer: by a *reset* or in *silence*."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.loses = ""
        self.asked: list[tuple[str, tuple[str, ...], str]] = []

    def _send(self, request: Request) -> PageAnswer:
        fields = json.loads(request.content.read())
        request.content.seek(0)
        self.asked.append((fields["idempotencyId"], tuple(fields["to"]), fields["text"]))
        answer = super()._send(request)
        how, self.loses = self.loses, ""
        if how == "reset":
            self._reactor.callLater(0, request.transport.abortConnection)
        return silent(request) if how else answer


def losing(stage: Stage, loses: str = "", *, listening: bool = True) -> tuple[Losing, Any, Written]:
    """SMS.CX, another that stands behind it, and a daemon for both."""
    smscx, other = stage.play("smscx", Losing, rate=1_000), stage.play("other", KeccelSimulator)
    smscx.loses = loses
    port = on_stage(smscx.listen) if listening else stage.closed_port()
    ports = {"PORT": str(port), "OTHER": str(on_stage(other.listen))}
    return smscx, other, stage.daemon(WHOLE + SMSCX, **ports)


def batch(esme: Esme) -> list[str]:
    """Submit one text to five numbers in one go."""
    answers = submit_all(esme, [submit_sm("one for all", f"{NUMBER}0{n}") for n in range(1, 6)])
    return [each.message_id.decode() for each in answers]


def assert_once(smscx: Losing, other: Any) -> None:
    """Look that one batch was asked for twice, under one key, and was taken once."""
    first, second = smscx.asked
    assert first == second
    assert len(first[1]) == 5
    assert (smscx.accepted, set(taken(smscx).values())) == (5, {1})
    assert other.requests == 0


@in_thread
def test_a_batch_whose_answer_is_lost_is_repeated_under_its_key(stage: Stage) -> None:
    smscx, other, daemon = losing(stage, "reset")
    with daemon.start().bound() as esme:
        given = batch(esme)
        assert ends(esme.await_receipts(5), given) == ["DELIVRD"] * 5
        assert ids(last_receipts(daemon, esme)) == set(given)
        assert len(esme.receipts) == 5
    assert_once(smscx, other)


@in_thread
def test_a_batch_is_repeated_under_its_key_after_kill_9(stage: Stage) -> None:
    smscx, other, daemon = losing(stage, "silence")
    with daemon.start().bound() as esme:
        given = batch(esme)
        await_that(lambda: len(smscx.asked) == 1, daemon)
        daemon.kill()
    with daemon.start().bound() as esme:
        assert ends(esme.await_receipts(5), given) == ["DELIVRD"] * 5
        assert len(last_receipts(daemon, esme)) == 5
    assert_once(smscx, other)


@in_thread
def test_a_batch_that_is_never_answered_keeps_its_key_and_its_provider(stage: Stage) -> None:
    smscx, other, daemon = losing(stage)
    patience = "api_key: any\n    timeout: 0.5s\n    uncertain_deadline: 1s\n    attempts: 2"
    daemon.text = daemon.text.replace("api_key: any", patience)
    with daemon.start().bound() as esme:
        requests = [submit_sm("one for all", NUMBER + ending) for ending in ("01", "95")]
        given = [each.message_id.decode() for each in submit_all(esme, requests)]
        assert ends(esme.await_receipts(2), given) == ["UNKNOWN"] * 2
    first, second = smscx.asked
    assert first == second
    assert (smscx.accepted, other.requests) == (0, 0)


@in_thread
def test_a_batch_that_never_left_goes_to_the_next(stage: Stage) -> None:
    smscx, other, daemon = losing(stage, listening=False)
    daemon.text = daemon.text.replace("api_key: any", "api_key: any\n    failover_after: 1s")
    daemon.text = daemon.text.replace("token: any", "token: any\n    first_poll: 1s")
    with daemon.start().bound() as esme:
        given = batch(esme)
        assert ends(esme.await_receipts(5), given) == ["DELIVRD"] * 5
    assert (smscx.asked, set(taken(other).values()), other.accepted) == ([], {1}, 5)

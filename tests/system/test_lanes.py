"""Senders and numbers, whose turn it is, and who finds us too fast: over real processes."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.web.server import Request

from smppbridge.simulators.keccel import KeccelSimulator
from smppbridge.simulators.mspace.v2 import MSpaceV2Simulator
from smppbridge.simulators.serving import PageAnswer, arguments
from smppbridge.simulators.smsc import SmscSimulator
from smppbridge.simulators.smsc_link import SimulatedLink
from smppbridge.smpp.constants import CommandStatus
from smppbridge.smpp.pdus import SubmitSm, SubmitSmResp
from tests.system.esme import Esme, submit_sm
from tests.system.simulated import (
    CALLBACKS,
    HEAD,
    NUMBER,
    WHOLE,
    Noting,
    Stage,
    Written,
    await_that,
    ends,
    in_thread,
    on_stage,
    submit,
    submit_all,
    texts,
)


@pytest_twisted.async_yield_fixture
async def stage(tmp_path: Path) -> Any:
    staged = Stage(tmp_path)
    yield staged
    await staged.close()


# -- senders and numbers --------------------------------------------------------------------------

SENDERS = """
providers:
  strict:
    type: keccel
    base_url: http://127.0.0.1:${STRICT}/sms/v2
    token: any
    number_form: local
    source:
      allowed: [SHOP, "1234*"]
      longest: 9
      too_long: cut
  lenient:
    type: mspace_v2
    base_url: http://127.0.0.1:${LENIENT}/smsapi/v2
    username: acme
    apikey: any
    number_form: plus
    source:
      numeric: "20123"
      numeric_to: ["1"]
routes:
  - via: [strict, lenient]
  - to: "44"
    via: [strict]
    source:
      replace: SHOP
      allowed: ["12345"]
"""


class NotingMSpace(MSpaceV2Simulator):
    """Notes source, destination and text of what it takes, in order."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.seen: list[tuple[str, str, str]] = []

    def _hand_over(self, sender: str, recipient: str, text: str) -> Any:
        self.seen.append((sender, recipient, text))
        return super()._hand_over(sender, recipient, text)


@in_thread
def test_senders_and_numbers_are_as_each_provider_wants_them(stage: Stage) -> None:
    strict, lenient = stage.play("strict", Noting), stage.play("lenient", NotingMSpace)
    daemon = stage.daemon(
        WHOLE + SENDERS,
        STRICT=str(on_stage(strict.listen)),
        LENIENT=str(on_stage(lenient.listen)),
    )
    sent = [
        ("SHOP", "254722000001", "goes as it is"),
        ("12345", "254722000002", "begins as it may"),
        ("BANK", "254722000003", "may not, and goes to the next"),
        ("BANK", "12025550101", "letters are not possible there"),
        ("BANK", "447700900001", "the route replaces it"),
        ("12345", "447700900002", "the route lets it pass"),
    ]
    with daemon.start().bound() as esme:
        answers = submit_all(
            esme, [submit_sm(text, to, source_addr=source.encode()) for source, to, text in sent]
        )
        assert {each.command_status for each in answers} == {0}
        await_that(lambda: len(strict.seen) + len(lenient.seen) == len(sent), daemon)
    assert sorted(strict.seen) == [
        ("12345", "0722000002", "begins as it may"),
        ("12345", "07700900002", "the route lets it pass"),
        ("SHOP", "0722000001", "goes as it is"),
        ("SHOP", "07700900001", "the route replaces it"),
    ]
    assert sorted(lenient.seen) == [
        ("20123", "+12025550101", "letters are not possible there"),
        ("BANK", "+254722000003", "may not, and goes to the next"),
    ]


@in_thread
def test_a_sender_that_nobody_takes_is_rejected(stage: Stage) -> None:
    strict = stage.play("strict", Noting)
    port = str(on_stage(strict.listen))
    text = WHOLE + SENDERS.replace("strict, lenient", "strict")
    daemon = stage.daemon(text, STRICT=port, LENIENT="9")
    with daemon.start().bound() as esme:
        given = submit(esme, "hello")
        assert ends(esme.await_receipts(1), given) == ["REJECTD"]
    assert strict.requests == 0


# -- turns ----------------------------------------------------------------------------------------

RATE = 40
SLOW = (
    HEAD
    + CALLBACKS
    + f"""
accounts:
  - system_id: bank
    password: ${{BANK_PASSWORD}}
  - system_id: shop
    password: ${{BANK_PASSWORD}}
providers:
  slow:
    type: keccel
    base_url: http://127.0.0.1:${{PORT}}/sms/v2
    token: any
    rate: {RATE}
    concurrency: 1  # requests come in the order in which they left
routes:
  - via: [slow]
"""
)
BACKLOG = 90


@pytest.fixture
def slow(stage: Stage) -> Noting:
    simulator: Noting = stage.play("slow", Noting)
    return simulator


def backlog(stage: Stage, slow: Noting) -> tuple[Written, Esme]:
    """Start a daemon on a backlog of an account's, whose first second has left."""
    daemon = stage.daemon(SLOW, PORT=str(on_stage(slow.listen)))
    daemon.start()
    esme = daemon.bound()
    submit(esme, *(f"bank {number}" for number in range(BACKLOG)))
    await_that(lambda: len(slow.seen) >= RATE, daemon)
    return daemon, esme


def places(slow: Noting, who: str) -> list[int]:
    return [place for place, (_, _, text) in enumerate(slow.seen) if text.startswith(who)]


@in_thread
def test_what_is_urgent_overtakes_a_backlog(stage: Stage, slow: Noting) -> None:
    daemon, esme = backlog(stage, slow)
    with esme:
        requests = [submit_sm(f"urgent {n}", NUMBER + "01", priority_flag=3) for n in range(3)]
        submit_all(esme, requests)
        gone = len(slow.seen)
        await_that(lambda: len(slow.seen) == BACKLOG + 3, daemon)
    assert max(places(slow, "urgent")) <= gone + 3 + RATE // 2  # begun, or on its way
    assert len(texts(slow)) == BACKLOG + 3


@in_thread
def test_two_accounts_take_turns(stage: Stage, slow: Noting) -> None:
    daemon, esme = backlog(stage, slow)
    with esme, daemon.bound(system_id="shop") as shop:
        submit(shop, *(f"shop {number}" for number in range(20)))
        gone = len(slow.seen)
        await_that(lambda: len(places(slow, "shop")) == 20, daemon)
        await_that(lambda: len(slow.seen) == BACKLOG + 20, daemon)
    first, *_, last = places(slow, "shop")
    assert first <= gone + RATE // 2  # what is begun or on its way goes before
    whose = Counter(text.partition(" ")[0] for _, _, text in slow.seen[first : last + 1])
    assert abs(whose["shop"] - whose["bank"]) <= 2, whose


# -- too fast -------------------------------------------------------------------------------------

PAUSE = 2  # seconds
FIRST_REFUSED, SENT = 20, 80
ORDERED = [f"o{number:02}" for number in range(SENT)]
LIMITED = (
    WHOLE
    + """
providers:
  limited:
    type: keccel
    base_url: http://127.0.0.1:${PORT}/sms/v2
    token: any
    concurrency: 1
routes:
  - via: [limited]
"""
)
UPSTREAM = (
    WHOLE
    + """
providers:
  limited:
    type: smpp
    host: 127.0.0.1
    port: ${PORT}
    system_id: bank
    password: right
    window: 5
routes:
  - via: [limited]
"""
)


class Limit:
    """Refuses requests for half a second from the *first* on; notes when and what came."""

    def __init__(self, first: int) -> None:
        self.first = first
        self.came: list[tuple[float, str]] = []
        self.refused: list[int] = []

    def refuses(self, now: float, text: str) -> bool:
        self.came.append((now, text))
        number = len(self.came) - 1
        if number < self.first or now > self.came[self.first][0] + 0.5:
            return False
        self.refused.append(number)
        return True

    def taken(self) -> list[str]:
        """Return what was not refused, in the order in which it came."""
        return [text for n, (_, text) in enumerate(self.came) if n not in self.refused]

    def pause(self) -> float:
        """Return the seconds between the last refused request and the next."""
        last = self.refused[-1]
        return self.came[last + 1][0] - self.came[last][0]


class LimitedKeccel(KeccelSimulator):
    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.limit = Limit(FIRST_REFUSED)

    def _message(self, request: Request) -> PageAnswer:
        text = arguments(request)["message"]
        request.content.seek(0)
        if not self.limit.refuses(self._reactor.seconds(), text):
            return super()._message(request)
        request.setResponseCode(429)
        request.setHeader(b"retry-after", b"%d" % PAUSE)
        return b"slow down"


class LimitedSmsc(SmscSimulator):
    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.limit = Limit(FIRST_REFUSED)

    def submit(self, link: SimulatedLink, request: SubmitSm) -> None:
        if self.limit.refuses(self._reactor.seconds(), request.short_message.decode()):
            throttled = CommandStatus.ESME_RTHROTTLED
            link.answer(SubmitSmResp(throttled, request.sequence_number))
        else:
            super().submit(link, request)


def all_in_order(daemon: Written, limit: Limit) -> None:
    """Submit messages in one go, and wait until all are taken in their order."""
    with daemon.bound() as esme:
        submit(esme, *ORDERED)
        paused = daemon.await_event("lane_paused")
        assert paused["provider"] == "limited"
        daemon.await_value('smppbridge_provider_paused_seconds{provider="limited"}', 0.01)
        assert daemon.value('smppbridge_provider_in_flight{provider="limited"}') == 0
        assert daemon.value('smppbridge_provider_pace{provider="limited"}') > 0
        await_that(lambda: len(limit.came) == SENT + len(limit.refused), daemon)
        daemon.await_event("lane_resumed")
    assert limit.taken() == ORDERED
    assert len(daemon.events("lane_paused")) == 1
    assert daemon.value('smppbridge_provider_paused_seconds{provider="limited"}') == 0


@in_thread
def test_nothing_leaves_after_a_429_until_its_time_and_the_order_is_kept(stage: Stage) -> None:
    limited = stage.play("limited", LimitedKeccel)
    daemon = stage.daemon(LIMITED, PORT=str(on_stage(limited.listen)))
    daemon.start()
    all_in_order(daemon, limited.limit)
    assert limited.limit.refused == [FIRST_REFUSED]
    assert limited.limit.pause() >= PAUSE - 0.1
    begun_again = "SELECT count(*) FROM message WHERE attempts > 1"
    daemon.await_rows(begun_again, [(1,)])  # what did not leave has no try more


@in_thread
def test_an_smsc_that_throttles_gets_no_more_than_its_window_and_the_order_is_kept(
    stage: Stage,
) -> None:
    limited = stage.play("limited", LimitedSmsc)
    daemon = stage.daemon(UPSTREAM, PORT=str(on_stage(limited.listen)))
    daemon.start()
    daemon.await_event("upstream_bound")
    all_in_order(daemon, limited.limit)
    assert 1 <= len(limited.limit.refused) <= 5
    assert limited.limit.pause() >= 1.0 - 0.1

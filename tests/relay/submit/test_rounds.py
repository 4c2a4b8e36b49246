from __future__ import annotations

import pytest

from smppbridge.model.mo import OptOut
from smppbridge.providers.exchange import BadReply, Balance, NoAnswer, NotSent
from smppbridge.relay.submit.rounds import RoundRules
from tests.relay.fakes import FakeProvider, FakeStore, KeyedProvider, World, submit_sm


def test_the_balance_is_asked_for_now_and_then() -> None:
    world = World(rounds=RoundRules(balance_every=60.0), store=FakeStore())
    for _ in range(121):
        world.wait(1.0)
    asked = [provider for provider, operation, _ in world.wire.sent if operation == "balance"]
    assert asked == ["one", "two"] * 3
    credit = Balance(12.5, "USD")
    world.wire.answer(("one", credit), ("two", KeyError("secret")), operation="balance")
    assert world.rounds.balances == {"one": credit}
    assert dict(world.said.events)["balance_unknown"] == {"provider": "two", "reason": "KeyError"}
    assert "secret" not in repr(world.said.events)


def test_no_balance_unless_it_is_wanted() -> None:
    world = World()
    world.wait(1e6)
    assert not world.wire.sent


def test_the_balance_is_asked_for_by_hand() -> None:
    world = World()
    told: list[str] = []
    assert world.rounds.ask_balance("one", told.append)
    assert told == []
    credit = Balance(12.5, "USD")
    world.wire.answer(("one", credit), operation="balance")
    assert (told, world.rounds.balances) == ([""], {"one": credit})
    assert world.rounds.ask_balance("one", told.append)
    world.wire.answer(("one", NoAnswer("timed out")), operation="balance")
    assert (told, world.rounds.balances) == (["", "timed out"], {})


def test_low_credit_is_told_once_and_messages_go_elsewhere_until_there_is_more() -> None:
    world = World(rounds=RoundRules(balance_every=60.0, low_balance=100.0))

    def routed(credit: float) -> str:
        world.wait(60.0)
        world.wire.answer(("one", Balance(credit, "SMS")), ("two", KeyError()), operation="balance")
        [(_, _, message_id)] = world.sent(submit_sm())
        return world.store.messages[message_id].provider

    assert [routed(credit) for credit in (101, 100, 99, 101)] == ["one", "two", "two", "one"]
    told = [(event, f["balance"]) for event, f in world.said.events if "balance" in f]
    assert told == [("balance_low", 100), ("balance_restored", 101)]


def test_low_credit_stops_nothing_that_has_no_other_way() -> None:
    world = World(rounds=RoundRules(balance_every=1.0, low_balance=1e9))
    world.wait(1.0)
    for name in ("one", "two"):
        world.wire.answer((name, Balance(1, "SMS")), operation="balance")
    [(_, _, message_id)] = world.sent(submit_sm())
    assert world.wire.submitted() == [message_id]


def test_what_is_new_is_asked_for_now_and_then_and_handed_on() -> None:
    world = World(
        providers={"one": KeyedProvider("one"), "two": FakeProvider("two")},
        rounds=RoundRules(pull_every=60.0),
    )
    world.wait(1.0)
    world.wait(59.0)
    assert [(p, o) for p, o, _ in world.wire.sent] == [("one", "pull")]
    world.wire.answer(("one", (OptOut("1"), OptOut("2"))), operation="pull")
    assert world.received == [("one", OptOut("1")), ("one", OptOut("2"))]
    world.wait(1.0)
    world.wire.answer(("one", BadReply("HTTP 500", "secret")), operation="pull")
    assert ("pull_failed", {"provider": "one", "reason": "HTTP 500"}) in world.said.events
    assert "secret" not in repr(world.said.events)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (NotSent("host name unknown"), "host name unknown"),
        (NoAnswer("timed out"), "timed out"),
        (BadReply("no balance: credentials refused", "Invalid token"), None),
        (BadReply(), "an answer that is none"),
        (7, "int"),
    ],
)
def test_a_balance_that_is_unknown_says_why_in_our_words(
    answer: object, reason: str | None
) -> None:
    world = World(rounds=RoundRules(balance_every=60.0))
    world.wait(1.0)
    world.wire.answer(("one", Balance(1, "SMS")), ("two", answer), operation="balance")
    logged = dict(world.said.events)["balance_unknown"]
    assert logged["reason"] == (reason or "no balance: credentials refused")
    assert "Invalid token" not in repr(logged)


def test_an_empty_account_without_low_balance_is_told_once_and_goes_on() -> None:
    world = World(rounds=RoundRules(balance_every=60.0))
    for credit in (0, -5, 3, 0):
        world.wait(60.0)
        answers = [(name, Balance(credit, "SMS")) for name in ("one", "two")]
        world.wire.answer(*answers, operation="balance")
    told = [f["balance"] for e, f in world.said.events if e == "balance_empty"]
    assert told == [0, 0, 0, 0]  # twice each: there was credit in between
    settings = {f["setting"] for e, f in world.said.events if e == "balance_empty"}
    assert settings == {"providers.one.low_balance", "providers.two.low_balance"}
    [(_, _, message_id)] = world.sent(submit_sm())
    assert world.store.messages[message_id].provider == "one"


def test_an_empty_account_with_low_balance_is_low_and_no_more() -> None:
    world = World(rounds=RoundRules(balance_every=60.0, low_balance=0.0))
    world.wait(60.0)
    world.wire.answer(("one", Balance(0, "SMS")), ("two", KeyError()), operation="balance")
    events = [event for event, f in world.said.events if f.get("provider") == "one"]
    assert events == ["balance_low"]

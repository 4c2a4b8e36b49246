from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

from smppbridge.model.outcome import Accepted, Outcome, Postponed, Refused, Uncertain
from smppbridge.providers.exchange import BadReply, HttpResponse, NoAnswer, NoAnswerYet, NotSent
from smppbridge.relay.lanes.conclusions import outcome_of
from smppbridge.relay.submit.carry import Carried, Carrier, Conclusions

Exchange = Generator[Any, Any, Any]


class Bench:
    """Runs exchanges; *sent* and *ended* come in lists, and that is kept."""

    def __init__(self) -> None:
        self.sent: list[list[tuple[Carried, Any]]] = []
        self.ended: list[Conclusions] = []
        self.carrier = Carrier(
            lambda provider, asks: self.sent.append(asks), lambda: 1_700_000_000.0
        )

    def carry(self, *exchanges: Exchange) -> None:
        abouts = range(len(exchanges))
        self.carrier.carry("one", abouts, exchanges.__getitem__, self.ended.append)

    def answer(self, *answers: Any) -> None:
        asks = self.sent.pop(0)
        self.carrier.answered([(carried, a) for (carried, _), a in zip(asks, answers, strict=True)])


def asking(*requests: str) -> Exchange:
    answers = []
    for request in requests:
        answers.append((yield request))
    return answers


def test_an_exchange_whose_answer_may_come_late_is_concluded_and_not_ended() -> None:
    bench = Bench()
    bench.carry(asking("a", "b"))
    [[(carried, _)]] = bench.sent
    silence = NoAnswerYet("no answer in time")
    bench.answer(silence)
    assert bench.ended == [[(0, silence)]]
    assert outcome_of(silence) == Uncertain("no answer in time")
    bench.carrier.answered([(carried, "late")])
    bench.answer("in time")
    assert bench.ended[1:] == [[(0, ["late", "in time"])]]


def failing_at(step: str) -> Exchange:
    if step == "next":
        raise ZeroDivisionError
    try:
        yield "a"
    except NotSent:
        raise KeyError from None
    raise ZeroDivisionError


def test_a_provider_that_cannot_even_begin_strands_nothing() -> None:
    bench = Bench()
    bench.carrier.carry("one", "ab", {"b": asking("b")}.__getitem__, bench.ended.append)
    [[(about, fault)]] = bench.ended
    assert (about, type(fault)) == ("a", KeyError)
    assert [request for _, request in bench.sent[0]] == ["b"]


@pytest.mark.parametrize("unable", ["a", "c"])
def test_a_conclude_that_raises_keeps_no_exchange_from_its_conclusion(unable: str) -> None:
    ended: list[Any] = []

    def conclude(conclusions: Conclusions) -> None:
        ended.extend(about for about, _ in conclusions)
        raise ZeroDivisionError

    def start(about: str) -> Exchange:
        if about == unable:
            raise KeyError(about)
        return asking()

    bench = Bench()
    with pytest.raises(ZeroDivisionError):
        bench.carrier.carry("one", "abc", start, conclude)
    assert sorted(ended) == ["a", "b", "c"]


def thinking_twice() -> Exchange:
    """A login whose silence is harmless."""
    try:
        yield "login"
    except NoAnswer:
        return Postponed("login unanswered")
    return (yield "submit")


def test_exchanges_of_several_steps_go_on_together() -> None:
    bench = Bench()
    bench.carry(asking("a"), asking("b", "c"), asking())
    assert bench.ended == [[(2, [])]]
    assert [request for _, request in bench.sent[0]] == ["a", "b"]
    bench.answer(1, 2)
    assert bench.ended[1:] == [[(0, [1])]]
    assert [request for _, request in bench.sent[0]] == ["c"]
    bench.answer(3)
    assert bench.ended[2:] == [[(1, [2, 3])]]


@pytest.mark.parametrize(
    ("step", "answer", "error"),
    [
        ("next", None, ZeroDivisionError),
        ("send", 1, ZeroDivisionError),
        ("throw", NotSent("?"), KeyError),
        ("uncaught", NoAnswer("?"), NoAnswer),
    ],
)
def test_a_faulty_provider_ends_its_own_exchange_alone(
    step: str, answer: Any, error: type[Exception]
) -> None:
    bench = Bench()
    bench.carry(failing_at(step), asking("b"))
    bench.answer(*([answer] if step != "next" else []), "fine")
    ended = dict(pair for conclusions in bench.ended for pair in conclusions)
    assert isinstance(ended[0], error)
    assert ended[1] == ["fine"]


def test_only_the_provider_knows_what_silence_means() -> None:
    bench = Bench()
    bench.carry(thinking_twice(), thinking_twice())
    bench.answer(NoAnswer("silence"), HttpResponse(200))
    assert bench.ended == [[(0, Postponed("login unanswered"))]]
    bench.answer(NoAnswer("silence"))
    ((_, error),) = bench.ended[1]
    assert isinstance(error, NoAnswer)


@pytest.mark.parametrize(
    ("conclusion", "outcome"),
    [
        (Accepted("x"), Accepted("x")),
        (Refused("no"), Refused("no")),
        (Postponed("later"), Postponed("later")),
        (Uncertain("?"), Uncertain("?")),
        (NotSent("refused"), Postponed("refused")),
        (NoAnswer("reset"), Uncertain("reset")),
        (BadReply("secret"), Uncertain("unreadable answer: BadReply")),
        (KeyError("secret"), Uncertain("unreadable answer: KeyError")),
        (None, Uncertain("unreadable answer: NoneType")),
    ],
)
def test_whatever_ends_an_exchange_is_an_outcome(conclusion: Any, outcome: Outcome) -> None:
    assert outcome_of(conclusion) == outcome

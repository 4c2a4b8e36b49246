from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred

from smppbridge.model.identifiers import Identifiers
from smppbridge.model.mo import Mo, OptOut
from smppbridge.relay import mo as mobile
from smppbridge.relay.accept import optouts as limits
from smppbridge.relay.accept.optouts import Optouts
from smppbridge.relay.deliver import FIRST_PAUSE
from smppbridge.relay.mo import MoMessages
from smppbridge.routing.mo import MoRule, MoTable
from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.store.port import StoreFailure
from tests.relay.fakes import NOW, FakeReceiver, FakeStore, World, account, segment_sm, submit_sm

KEEP, REMEMBER = 172_800.0, 604_800.0
RULES = [
    MoRule("bank", "243810000001"),
    MoRule("shop", "12345"),
    MoRule("bank", "12345", "bal"),
    MoRule("ghost", "666"),
]


class Phones(World):
    """A world in which phones answer."""

    def __init__(self, *, known: list[tuple[str, str]] | None = None, **more: Any) -> None:
        super().__init__(optouts=Optouts(known or ()), **more)
        self.mobile = MoMessages(
            self.store,
            self.deliver.owe,
            self.optouts,
            identifiers=Identifiers(max(self.ids(), default=0), 0.0, slots=1),
            keep=KEEP,
            remember=REMEMBER,
            every_fate=True,
            around=self.around,
        )
        names = ("bank", "shop")
        self.mobile.change(MoTable(RULES), {n: account(system_id=n) for n in names})

    def hear(self, *heard: Mo | OptOut, provider: str = "one") -> list[Any]:
        """Tell what phones said; the list gets "kept" or what failed."""
        answered: list[Any] = []
        telling = Deferred.fromCoroutine(self.mobile.receive(provider, heard))
        telling.addCallbacks(lambda _: answered.append("kept"), lambda f: answered.append(f.type))
        return answered

    def bound(self, system_id: str = "bank", window: int = 10) -> FakeReceiver:
        receiver = FakeReceiver(window)
        self.deliver.bound(system_id, receiver)
        return receiver

    def ids(self) -> list[int]:
        return [message_id for message_id, _ in self.store.deliveries]

    def outcomes(self) -> dict[str, int]:
        counts = self.said.counts.items()
        return {said[2]: count for said, count in counts if said[:2] == ("mo", "one")}

    def events(self) -> list[str]:
        return [event for event, _ in self.said.events]


def mo(name: str = "X1", text: str = "hello", **more: Any) -> Mo:
    said = {"source": "243990000007", "destination": "243810000001", "text": text}
    return Mo(provider_message_id=name, **{**said, **more})


def part(number: int, name: str = "", octets: bytes = b"BAL 7", **more: Any) -> Mo:
    """Return a segment of three as an upstream SMSC passes it on."""
    udh = bytes((5, 0, 3, 9, 3, number))
    said = {"octets": udh + octets, "esm_class": 0x40, "destination": "12345"}
    return mo(name or f"S{number}", "", **{**said, **more})


# -- messages ---------------------------------------------------------------------------------


def test_a_message_goes_to_the_account_that_owns_the_number() -> None:
    phones = Phones()
    bank, shop = phones.bound(), phones.bound("shop")
    assert phones.hear(mo(text="héllo")) == ["kept"]
    ((pdu, owed),) = bank.asked
    assert shop.asked == []
    assert (pdu.source_addr, pdu.source_addr_ton, pdu.source_addr_npi) == (b"243990000007", 1, 1)
    assert (pdu.destination_addr, pdu.dest_addr_ton) == (b"243810000001", 1)
    assert (pdu.short_message, pdu.data_coding, pdu.esm_class) == (b"h\x05llo", 0, 0)
    assert (pdu.registered_delivery, pdu.tlvs, pdu.service_type) == (0, (), b"")
    assert (owed.state, owed.expires_at) == (0, NOW + KEEP)
    phones.deliver.answered("bank", [(bank.take(1)[0], 0)])
    phones.deliver.flush()
    assert list(phones.store.finished) == [(owed.message_id, 0)]
    assert phones.deliver.outbox("bank").depth == 0
    assert phones.outcomes() == {"owed": 1}
    ((event, said),) = phones.said.events
    assert (event, said["message_id"], said["system_id"]) == ("mo_owed", owed.message_id, "bank")
    assert "text" not in said


def test_a_long_text_is_delivered_in_segments_in_order() -> None:
    phones = Phones()
    bank = phones.bound()
    phones.hear(mo(text="x" * 400), mo("X2"))
    assert [len(pdu.short_message) for pdu, _ in bank.asked] == [159, 159, 100, 5]
    assert [pdu.esm_class for pdu, _ in bank.asked] == [0x40, 0x40, 0x40, 0]
    references = {pdu.short_message[3] for pdu, _ in bank.asked[:3]}
    assert len(references) == 1
    assert [pdu.short_message[4:6] for pdu, _ in bank.asked[:3]] == [b"\3\1", b"\3\2", b"\3\3"]
    assert [d.parent for _, d in bank.asked] == [bank.ids()[0]] * 3 + [bank.ids()[3]]
    assert sorted(set(bank.ids())) == bank.ids()
    assert phones.outcomes() == {"owed": 2}


def test_each_account_has_its_alphabet() -> None:
    phones = Phones()
    latin = account(alphabet_0="latin1")
    phones.mobile.change(MoTable([MoRule("bank")]), {"bank": latin})
    bank = phones.bound()
    phones.hear(mo(text="hé"), mo("X2", text="€"))
    assert [pdu.short_message for pdu, _ in bank.asked] == [b"h\xe9", b"\x20\xac"]
    assert [pdu.data_coding for pdu, _ in bank.asked] == [0, 8]


def test_octets_of_an_upstream_pass_as_they_are() -> None:
    phones = Phones()
    bank = phones.bound()
    phones.hear(mo(octets=b"\x06\x05\x04\x0b\x84\x23\xf0\xff", esm_class=0x40, data_coding=4))
    phones.hear(mo("X2", octets=b"y" * 300, data_coding=3))
    (first, _), (second, _) = bank.asked
    assert first.short_message == b"\x06\x05\x04\x0b\x84\x23\xf0\xff"
    assert (first.esm_class, first.data_coding) == (0x40, 4)
    assert (second.short_message, second.tlvs) == (b"", ((0x0424, b"y" * 300),))


def test_segments_follow_the_first_and_its_keyword() -> None:
    phones = Phones()
    bank, shop = phones.bound(), phones.bound("shop")
    phones.hear(part(1), part(2, octets=b"vote"))
    phones.hear(part(2, "T2", source="243990000008"), part(3))
    assert [pdu.short_message[5] for pdu, _ in bank.asked] == [1, 2, 3]
    assert [pdu.short_message[5] for pdu, _ in shop.asked] == [2]  # nobody knows its first one
    phones.hear(part(1, "U1", octets=b"hello"), part(2, "U2"))
    assert [pdu.short_message[5] for pdu, _ in shop.asked] == [2, 1, 2]


def test_so_many_first_segments_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mobile, "MOST_REMEMBERED", 2)
    phones = Phones()
    bank, shop = phones.bound(), phones.bound("shop")
    phones.hear(*(part(1, f"A{n}", source=f"24399000000{n}") for n in (1, 2, 1, 3)))
    phones.hear(*(part(2, f"B{n}", source=f"24399000000{n}") for n in (1, 2, 3)))
    sources = [pdu.source_addr[-1:] for pdu, _ in bank.asked if pdu.short_message[5] == 2]
    assert sources == [b"1", b"3"]
    assert [pdu.source_addr[-1:] for pdu, _ in shop.asked] == [b"2"]


# -- what is not wanted -------------------------------------------------------------------------


@pytest.mark.parametrize("destination", ["99", "666", ""])
def test_nobodys_message_is_told_of_once_and_dropped(destination: str) -> None:
    phones = Phones()
    lost = mo(text="secret words", destination=destination)
    assert phones.hear(lost) == phones.hear(lost, lost) == ["kept"]
    assert phones.store.deliveries == {}
    assert phones.outcomes() == {"unrouted": 3}
    ((event, said),) = phones.said.events
    assert (event, said["provider"], said["provider_message_id"]) == ("mo_unrouted", "one", "X1")
    assert "secret" not in repr(said)
    (stray,) = phones.noted.strays
    assert (stray.kind, stray.provider_message_id, stray.reason) == ("mo", "X1", "no_owner")
    assert stray.source == "2439*****007"
    phones.hear(mo("X2", destination=destination), mo("", destination=destination))
    phones.hear(mo("", destination=destination))  # without a name each is another one
    assert phones.events() == ["mo_unrouted"] * 4


def test_what_no_pdu_can_carry_is_told_of_and_dropped() -> None:
    phones = Phones()
    assert phones.hear(mo(octets=bytes(70_000)), mo("X2")) == ["kept"]
    assert phones.outcomes() == {"owed": 1, "too_long": 1}
    assert phones.events() == ["mo_too_long", "mo_owed"]


def test_what_is_older_than_we_remember_is_not_taken() -> None:
    phones = Phones()
    phones.hear(mo(received_at=NOW - REMEMBER - 1), mo("X2", received_at=NOW - REMEMBER))
    assert phones.outcomes() == {"owed": 1, "outdated": 1}
    assert phones.events() == ["mo_outdated", "mo_owed"]


def test_a_message_is_delivered_once_however_often_it_is_told() -> None:
    phones = Phones(store=FakeStore(at_once=False))
    bank = phones.bound()
    phones.store.commit_all()
    first, second = phones.hear(mo(), mo()), phones.hear(mo(text="x" * 400))
    assert (first, second) == ([], [])
    phones.store.commit_all()
    assert first == second == ["kept"]
    phones.hear(mo())
    phones.store.commit_all()
    assert len(bank.ids()) == 1
    assert phones.outcomes() == {"owed": 1, "repeated": 3}
    phones.hear(mo(), provider="two")  # ids are a provider's own
    phones.hear(part(1, "S"), part(2, "S"))  # one name for all of it
    phones.hear(mo(""), mo(""))
    phones.store.commit_all()
    assert len(bank.ids()) == 1 + 1 + 2 + 2


# -- the disk -----------------------------------------------------------------------------------


def test_nothing_is_answered_or_delivered_before_it_is_on_disk() -> None:
    phones = Phones(store=FakeStore(at_once=False))
    bank = phones.bound()
    phones.store.commit_all()
    answered = phones.hear(mo())
    assert (answered, bank.ids()) == ([], [])
    phones.store.commit_all()
    assert (answered, len(bank.ids())) == (["kept"], 1)


def test_what_cannot_be_kept_is_not_answered_and_comes_again() -> None:
    phones = Phones()
    bank = phones.bound()
    phones.store.failing = True
    assert phones.hear(mo()) == [StoreFailure]
    assert (bank.ids(), phones.outcomes()) == ([], {})
    phones.store.failing = False
    assert phones.hear(mo()) == ["kept"]
    assert len(bank.ids()) == 1


@pytest.mark.parametrize("durable", [False, True])
def test_a_crash_before_the_answer_loses_nothing(durable: bool) -> None:
    before = Phones(store=FakeStore(at_once=False))
    assert before.hear(mo()) == []
    if durable:
        before.store.commit(1)
    before.store.crash()
    before.store.at_once = True
    after = Phones(store=before.store)
    bank = after.bound()
    assert after.hear(mo()) == ["kept"]  # it calls again
    assert len(bank.ids()) == 1
    assert after.outcomes() == ({"repeated": 1} if durable else {"owed": 1})


def test_what_nobody_takes_waits_for_a_bind_and_a_restart() -> None:
    before = Phones()
    before.hear(mo(text="x" * 200), mo("X2"))
    after = Phones(store=before.store)
    bank = after.bound()
    assert [len(pdu.short_message) for pdu, _ in bank.asked] == [159, 53, 5]


def test_what_is_not_answered_comes_again() -> None:
    phones = Phones()
    bank = phones.bound(window=1)
    phones.hear(mo(), mo("X2"))
    phones.deliver.unanswered("bank", bank.take())
    phones.deliver.go_on("bank")
    phones.deliver.answered("bank", [(bank.take()[0], Status.ESME_RX_T_APPN)])
    phones.wait(FIRST_PAUSE)
    phones.deliver.answered("bank", [(bank.take()[0], 0)])
    phones.tick()
    one, two = sorted(set(bank.ids()))
    assert bank.ids() == [one, two, one, two]


# -- opt-outs -----------------------------------------------------------------------------------

GONE = "243810000001"


def test_who_opted_out_gets_no_more_where_that_counts() -> None:
    phones = Phones()
    phones.optouts.change({"two"})
    assert phones.hear(OptOut(GONE)) == ["kept"]
    assert phones.store.optouts == {("one", GONE): NOW}
    assert phones.sent(submit_sm())[0][1] == 0  # it opted out where that does not count
    phones.hear(OptOut(GONE), provider="two")
    assert phones.sent(submit_sm())[0][1] == Status.ESME_RINVDSTADR
    assert phones.sent(submit_sm(destination_addr=b"243810000002"))[0][1] == 0
    phones.optouts.change(())
    assert phones.sent(submit_sm())[0][1] == 0
    assert phones.said.counts["opted_out", "two"] == 1


def test_a_long_message_to_who_opted_out_is_rejected() -> None:
    phones = Phones(known=[("one", GONE)])
    phones.optouts.change({"one"})
    session = phones.session()
    phones.take(session, segment_sm(1, 2, b"a"), segment_sm(2, 2, b"b", sequence_number=2))
    assert [status for _, status, _ in session.answers] == [0, 0]
    assert {state for _, state in phones.store.deliveries} == {8}


def test_an_opt_out_counts_when_it_is_on_disk() -> None:
    phones = Phones(store=FakeStore(at_once=False))
    phones.optouts.change({"one"})
    answered = phones.hear(mo(), OptOut(GONE))
    phones.store.commit(1)
    assert (answered, len(phones.optouts)) == ([], 0)
    phones.store.fail()
    assert (answered, len(phones.optouts)) == ([StoreFailure], 0)
    answered = phones.hear(mo(), OptOut(GONE))
    phones.store.commit_all()
    assert (answered, len(phones.optouts)) == (["kept"], 1)


def test_an_opt_out_is_taken_back_by_hand() -> None:
    phones = Phones()
    phones.optouts.change({"one"})
    phones.hear(OptOut(GONE))
    phones.store.ended.append(("one", GONE))
    phones.run(phones.mobile.take_back())
    assert len(phones.optouts) == 0
    assert phones.sent(submit_sm())[0][1] == 0
    assert phones.said.events[-1][0] == "optout_ended_by_hand"


@pytest.mark.parametrize("number", ["", "BANK", "+243810000001", "2" * 16, "١٢٣"])
def test_an_opt_out_of_what_is_no_number_is_nothing(number: str) -> None:
    phones = Phones()
    assert phones.hear(OptOut(number)) == ["kept"]
    assert phones.store.optouts == {}


def test_memory_holds_so_many_and_says_when_it_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MOST", 2)
    phones = Phones()
    phones.hear(OptOut("1"), OptOut("1"))
    phones.hear(OptOut("2"), OptOut("3"))
    phones.hear(OptOut("4"))
    assert (len(phones.optouts), len(phones.store.optouts)) == (2, 4)
    assert phones.events() == ["optouts_full"]
    phones.optouts.drop("one", "9")
    assert phones.optouts.full
    phones.optouts.drop("one", "1")
    phones.optouts.drop("one", "1")
    assert len(phones.optouts) == 1


def test_what_phones_say_does_not_show() -> None:
    phones = Phones()
    phones.hear(mo(text="hunter2"))
    (owed,) = phones.store.unfinished()
    assert "hunter2" not in repr([owed, replace(owed), mo(text="hunter2")])


ACTS = ["tell", "tell", "repeat", "commit", "commit", "fail", "ack", "lose", "tick", "crash"]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(ACTS), min_size=10, max_size=50))
def test_every_message_that_was_answered_is_taken_and_once_unless_a_crash_forgets_that(
    acts: list[str],
) -> None:
    phones, names, kept, taken = Phones(store=FakeStore(at_once=False)), 0, set(), Counter[str]()
    receiver = phones.bound(window=3)
    for act in [*acts, "tick"]:
        if act == "tell" or (act == "repeat" and names):
            names += act == "tell"
            told = f"X{names}"
            answered = Deferred.fromCoroutine(phones.mobile.receive("one", [mo(told, told)]))
            answered.addCallbacks(lambda _, told=told: kept.add(told), lambda _: None)
        elif act in ("commit", "fail"):
            getattr(phones.store, act)(min(1, len(phones.store.pending)))
        elif act == "ack":
            taken.update(acknowledged(phones, receiver, 2))
        elif act == "lose":
            phones.deliver.lost("bank", receiver, receiver.take())
            receiver = phones.bound(window=3)
        elif act == "tick":
            phones.tick()
        else:
            phones.store.crash()
            phones = Phones(store=phones.store)
            receiver = phones.bound(window=3)
    for _ in range(60):  # in the end all goes well
        phones.store.commit_all()
        taken.update(acknowledged(phones, receiver, 9))
        phones.wait(60.0)
    phones.store.commit_all()
    assert set(taken) >= kept
    assert "crash" in acts or set(taken.values()) <= {1}
    assert not phones.store.unfinished()
    assert phones.deliver.outbox("bank").held == set()
    assert "crash" in acts or phones.deliver.outbox("bank").depth == 0


def acknowledged(phones: Phones, receiver: FakeReceiver, count: int) -> list[str]:
    """Acknowledge so many; return their texts."""
    taken = receiver.take(count)
    phones.deliver.answered("bank", [(each, 0) for each in taken])
    return [each.content.octets.decode() for each in taken if each.content]

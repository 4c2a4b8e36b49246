from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import pytest
from argon2 import PasswordHasher, extract_parameters
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock, deferLater

from smppbridge.model.account import Account, Secret
from smppbridge.model.reasons import Reason
from smppbridge.net import binds as admission
from smppbridge.net.binds import PROBE, REPLACED, Binds, JudgedBind, PlacesUnknown
from smppbridge.net.penalties import LONGEST_DELAY
from smppbridge.relay.accept.intake import Rights, rights_of
from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.smpp.pdus import Bind, BindReceiver, BindTransceiver, BindTransmitter

TX, RX, TRX = BindTransmitter, BindReceiver, BindTransceiver
HASH = "$argon2id$of-right"


class Esme:
    """A bound session; *alive* ones answer a probe."""

    def __init__(self, clock: Clock, kind: type[Bind], *, alive: bool = True, heard: float = 0.0):
        self.clock, self.bound_as, self.alive, self.heard = clock, kind.command_id, alive, heard
        self.probes, self.closed = 0, ""

    def probe(self) -> None:
        self.probes += 1
        if self.alive:
            self.heard = self.clock.seconds()

    def last_heard(self) -> float:
        return self.heard

    def replace(self, reason: str) -> None:
        self.closed = reason


class Door:
    """Binds, with a clock, and argon2 that says yes to "right" after a moment."""

    def __init__(self, *accounts: Account) -> None:
        self.clock, self.verified = Clock(), 0
        self.clock.advance(1_000.0)
        self.binds = Binds(verified=self._verify, wait=self._wait, seconds=self.clock.seconds)
        self.change(*accounts)

    def change(self, *accounts: Account) -> None:
        self.binds.change({a.system_id: rights_of(a, 0.0) for a in accounts})

    async def _verify(self, hashed: str, password: str) -> bool:
        self.verified += 1
        await deferLater(self.clock, 0.1)
        return hashed == HASH and password == "right"

    async def _wait(self, seconds: float) -> None:
        await deferLater(self.clock, seconds)

    def knock(
        self,
        system_id: str = "bank",
        password: str = "right",
        *,
        kind: type[Bind] = TRX,
        host: str = "192.0.2.1",
    ) -> list[tuple[Rights | None, int]]:
        """Start a bind; what it comes to will be in the list."""
        came: list[Any] = []
        bind = kind(0, 1, system_id.encode(), password.encode())
        self.judging = Deferred.fromCoroutine(self.binds.judge(bind, host))

        def judged(value: JudgedBind) -> JudgedBind:
            came.append((value.rights, value.status))
            self.refused_for = value.reason
            return value

        self.judging.addCallback(judged)
        self.judging.addErrback(lambda failure: failure.trap(CancelledError))
        return came

    def reason(self, *args: Any, **kw: Any) -> str:
        """Return the reason of a refusal."""
        said: list[str] = []
        self.knock(*args, **kw)
        self.judging.addCallback(lambda judged: said.append(judged.reason))
        self.clock.pump([0.01] * 100)
        return said[0]

    def answer(self, *args: Any, **kw: Any) -> tuple[int, float]:
        """Return a bind's status and how long it took."""
        begun, came = self.clock.seconds(), self.knock(*args, **kw)
        while not came:
            self.clock.advance(0.01)
        return came[0][1], round(self.clock.seconds() - begun, 1)

    def let_in(self, kind: type[Bind] = TRX, system_id: str = "bank", **settings: Any) -> Esme:
        assert self.answer(system_id, kind=kind)[0] == Status.ESME_ROK
        session = Esme(self.clock, kind, **settings)
        self.binds.bound(system_id, session)
        return session


def account(system_id: str = "bank", password: Secret | None = None, **settings: Any) -> Account:
    return Account(system_id=system_id, password=password or Secret("right"), **settings)


def hashed(system_id: str = "bank", **settings: Any) -> Account:
    return account(system_id, Secret(hashed=HASH), **settings)


def test_a_password_is_verified_once_and_its_success_remembered() -> None:
    door = Door(hashed())
    assert door.answer() == (Status.ESME_ROK, 0.1)
    assert (door.answer(), door.verified) == ((Status.ESME_ROK, 0.0), 1)
    assert (door.answer(password="wrong")[0], door.verified) == (Status.ESME_RINVPASWD, 2)
    door.change(hashed())
    door.answer(host="192.0.2.9")
    assert door.verified == 3


@pytest.mark.parametrize(
    "accounts", [(account(),), (hashed(),), (account(), hashed("other"))], ids=str
)
@pytest.mark.parametrize("password", ["wrong", "", "right"])
def test_an_unknown_system_id_is_like_a_wrong_password(accounts: Any, password: str) -> None:
    unknown = Door(*accounts).answer("nobody", password)
    wrong = Door(*accounts).answer("bank", "wrong")
    assert unknown == wrong
    assert unknown[0] == Status.ESME_RINVPASWD


def test_the_hash_of_no_password_takes_as_long_as_any() -> None:
    stand_in, usual = admission._STAND_IN, PasswordHasher(time_cost=3)
    assert extract_parameters(stand_in) == extract_parameters(usual.hash("x"))
    assert not admission.verify_password(stand_in, "x")
    assert not admission.verify_password("no hash at all", "x")


def test_an_address_that_guesses_is_slowed_and_a_good_bind_forgives() -> None:
    door = Door(account())
    delays = [door.answer(password="wrong")[1] for _ in range(8)]
    assert delays == pytest.approx([0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 8.0], abs=0.06)
    assert door.answer(host="192.0.2.2") == (Status.ESME_ROK, 0.0)
    assert door.answer() == (Status.ESME_ROK, LONGEST_DELAY)
    assert door.answer() == (Status.ESME_ROK, 0.0)


def test_a_guesser_slows_no_other_account_of_its_address_and_none_forgives_it() -> None:
    door = Door(account(), account("shop"))
    for _ in range(6):
        door.answer(password="wrong")
    assert door.answer("shop") == (Status.ESME_ROK, 0.0)
    assert door.answer(password="wrong") == (Status.ESME_RINVPASWD, 8.0)


def test_an_honest_bind_waits_a_turn_and_not_for_all_guesses() -> None:
    """9 addresses with 20 guesses each are before it: 18 s of argon2 on one thread."""
    door = Door(hashed(), hashed("victim"))
    for address in range(9):
        for _ in range(20):
            door.knock("victim", "guess", host=f"198.51.100.{address}")
    door.clock.pump([0.1] * 3)  # by now six of them are known to guess
    status, seconds = door.answer()
    assert status == Status.ESME_ROK
    assert seconds <= 0.6  # behind the other three, two at a time, and a turn of those that guessed


def test_a_first_bind_waits_for_no_guess_of_known_guessers() -> None:
    """Nor do these wait for ever for addresses that are new."""
    door = Door(hashed(), hashed("victim"))
    for address in range(9):
        door.answer("victim", "guess", host=f"198.51.100.{address}")
        for n in range(20):
            door.knock(f"other {n}", "guess", host=f"198.51.100.{address}")
    assert door.answer()[1] <= 0.3
    door.answer("victim", "guess", host="198.51.100.99")
    again = door.knock("victim", host="198.51.100.99")
    for n in range(60):
        door.knock(password="guess", host=f"203.0.113.{n}")
    door.clock.pump([0.1] * 30)
    assert again[0][1] == Status.ESME_ROK


def test_a_bind_that_is_gone_takes_no_turn() -> None:
    door = Door(hashed())
    for _ in range(20):
        door.knock(password="guess")
        door.judging.cancel()
    assert len(door.binds._checks) == 0
    door.clock.advance(0.1)
    assert door.answer() == (Status.ESME_ROK, 0.1)
    assert door.verified == 3  # the two that were running, and the last


def test_a_refusal_says_to_us_which_and_to_the_peer_nothing() -> None:
    nets = (ip_network("10.0.0.0/8"),)
    door = Door(hashed(), hashed("inner", allow_from=nets), account("full", binds=1))
    door.let_in(system_id="full")
    assert door.reason("nobody") == "unknown_system_id"
    assert door.reason(password="wrong") == "wrong_password"
    assert door.reason("inner") == "allow_from"
    refusals = [("nobody", "right"), ("bank", "wrong"), ("inner", "right"), ("inner", "wrong")]
    answers = {door.answer(*each, host=f"192.0.2.{n}") for n, each in enumerate(refusals, 7)}
    assert answers == {(Status.ESME_RINVPASWD, 0.1)}
    came = door.knock("full")
    said: list[str] = []
    door.judging.addCallback(lambda judged: said.append(judged.reason))
    door.clock.advance(PROBE)
    assert (came[0][1], said) == (Status.ESME_RBINDFAIL, ["binds"])


def test_an_address_that_no_account_allows_costs_no_check() -> None:
    door = Door(hashed(allow_from=(ip_network("10.0.0.0/8"),)))
    assert door.answer("bank") == door.answer("nobody") == (Status.ESME_RINVPASWD, 0.0)
    assert door.verified == 0
    assert (door.binds.expects("10.1.1.1"), door.binds.expects("192.0.2.1")) == (True, False)
    door.change(account())
    assert not door.binds.expects("10.1.1.1")


NETWORKS = ("10.0.0.0/8", "2001:db8::/32")


@pytest.mark.parametrize(
    ("allowed", "host", "status"),
    [
        (None, "203.0.113.1", Status.ESME_ROK),
        ((), "203.0.113.1", Status.ESME_RINVPASWD),
        (NETWORKS, "10.255.0.1", Status.ESME_ROK),
        (NETWORKS, "11.0.0.1", Status.ESME_RINVPASWD),
        (NETWORKS, "::ffff:10.1.2.3", Status.ESME_ROK),
        (NETWORKS, "::ffff:11.1.2.3", Status.ESME_RINVPASWD),
        (NETWORKS, "2001:db8:1::1", Status.ESME_ROK),
        (NETWORKS, "2001:db9::1", Status.ESME_RINVPASWD),
        (NETWORKS, "local", Status.ESME_RINVPASWD),
    ],
)
def test_an_account_binds_from_its_networks(allowed: Any, host: str, status: Status) -> None:
    networks = None if allowed is None else tuple(map(ip_network, allowed))
    assert Door(account(allow_from=networks)).answer(host=host)[0] == status


@pytest.mark.parametrize(
    ("limits", "kinds", "last"),
    [
        ({"binds": 2}, (TX, RX), TX),
        ({"binds": 2}, (TRX, TRX), TRX),
        ({"binds_transmitter": 1}, (TX, RX), TX),
        ({"binds_receiver": 1}, (RX, TX), RX),
        ({"binds_transceiver": 1}, (TRX, TX, RX), TRX),
    ],
)
def test_the_sessions_of_an_account_are_limited(limits: Any, kinds: Any, last: Any) -> None:
    door = Door(account(**limits))
    sessions = [door.let_in(kind) for kind in kinds]
    assert door.answer(kind=last) == (Status.ESME_RBINDFAIL, PROBE)
    assert not any(session.closed for session in sessions)
    door.binds.unbound("bank", sessions[0])
    assert door.answer(kind=last)[0] == Status.ESME_ROK


def test_a_transceiver_counts_once() -> None:
    door = Door(account(binds=2, binds_transmitter=1, binds_receiver=1))
    door.let_in(TRX)
    assert door.answer(kind=TX)[0] == Status.ESME_ROK


def test_the_longest_silent_session_gives_way_if_it_is_dead() -> None:
    door = Door(account(binds=3), account("other"))
    stranger = door.let_in(system_id="other", alive=False, heard=0.0)
    lively = door.let_in(alive=True, heard=20.0)
    dead = door.let_in(alive=False, heard=10.0)
    fresh = door.let_in(alive=False, heard=30.0)
    assert door.answer() == (Status.ESME_ROK, PROBE)
    assert [s.closed for s in (lively, dead, fresh, stranger)] == ["", REPLACED, "", ""]
    assert [s.probes for s in (lively, dead, fresh, stranger)] == [0, 1, 0, 0]
    door.binds.unbound("bank", dead)  # its connection ends after that
    assert door.binds.sessions["bank"] == [lively, fresh]


def test_only_a_session_of_the_kind_that_is_full_gives_way() -> None:
    door = Door(account(binds_receiver=1))
    transmitter = door.let_in(TX, alive=False, heard=1.0)
    receiver = door.let_in(RX, alive=False, heard=2.0)
    assert door.answer(kind=RX)[0] == Status.ESME_ROK
    assert (transmitter.closed, receiver.closed) == ("", REPLACED)


def test_two_dead_sessions_give_way_to_two_binds_at_once() -> None:
    door = Door(account(binds=2))
    dead = [door.let_in(alive=False), door.let_in(alive=False)]
    came = [door.knock(), door.knock(), door.knock()]
    door.clock.advance(PROBE)
    assert sorted(c[0][1] for c in came) == [0, 0, Status.ESME_RBINDFAIL]
    assert all(session.closed for session in dead)


def test_binds_at_once_do_not_exceed_the_limit() -> None:
    door = Door(hashed(binds=2))
    came = [door.knock() for _ in range(5)]
    door.clock.pump([0.1, 0.1, 0.1, PROBE])
    assert [c[0][1] for c in came] == [0, 0] + [Status.ESME_RBINDFAIL] * 3
    for command_id in (TRX.command_id,) * 2:
        door.binds.release("bank", command_id)
    assert door.answer()[0] == Status.ESME_ROK


@pytest.mark.parametrize("then", [(), (account(password=Secret("new")),), (account(binds=9),)])
@pytest.mark.parametrize("waits_for", ["its turn", "argon2", "a probe"])
def test_a_bind_during_a_reload_has_to_come_again(waits_for: str, then: Any) -> None:
    door = Door(hashed(binds=1) if waits_for == "argon2" else account(binds=1))
    if waits_for == "its turn":
        door.answer(password="wrong")
    elif waits_for == "a probe":
        door.let_in(alive=False)
    came = door.knock()
    door.change(*then)
    door.clock.advance(PROBE)
    (rights, status) = came[0]
    if waits_for != "its turn":
        assert (rights, status) == (None, Status.ESME_RBINDFAIL)
        assert door.refused_for == Reason.RELOADED
    else:
        assert status == (0 if then and then[0].binds == 9 else Status.ESME_RINVPASWD)
    assert not door.binds._reserved or rights


class Cluster:
    """The places of a cluster, of which *free* are free; None: the database is away."""

    def __init__(self, free: int | None) -> None:
        self.free, self.taken, self.numbers = free, set[int](), iter(range(1, 100))
        self.answer: Deferred[None] | None = None

    async def take(self, account: Account, command_id: int, host: str) -> int:
        if self.answer is not None:
            await self.answer
        if self.free is None:
            raise PlacesUnknown
        if len(self.taken) >= self.free:
            return 0
        return self.adopt(account.system_id, command_id)

    def adopt(self, system_id: str, command_id: int) -> int:
        number = next(self.numbers)
        self.taken.add(number)
        return number

    def leave(self, place: int) -> None:
        self.taken.remove(place)


def clustered(free: int | None) -> tuple[Door, Cluster]:
    account = Account(system_id="bank", password=Secret(clear="right"), binds=9)
    door, cluster = Door(account), Cluster(free)
    door.binds = Binds(
        verified=door._verify, wait=door._wait, seconds=door.clock.seconds, places=cluster
    )
    door.change(account)
    return door, cluster


def test_a_session_has_a_place_in_the_cluster_until_it_is_gone() -> None:
    door, cluster = clustered(2)
    assert door.knock()[0][1] == Status.ESME_ROK
    assert door.knock(kind=TX)[0][1] == Status.ESME_ROK
    assert (door.knock(), door.refused_for) == ([(None, Status.ESME_RBINDFAIL)], Reason.BINDS)
    first, second = Esme(door.clock, TX), Esme(door.clock, TRX)
    door.binds.bound("bank", first)
    door.binds.bound("bank", second)
    door.binds.unbound("bank", first)
    door.binds.unbound("bank", first)  # once unbound, then its connection is lost
    assert cluster.taken == {1}
    assert door.knock()[0][1] == Status.ESME_ROK
    door.binds.release("bank", TRX.command_id)
    assert cluster.taken == {1}
    door.binds.adopt("bank", first)
    assert len(cluster.taken) == 2


def test_nobody_binds_while_the_cluster_cannot_be_counted() -> None:
    door, _ = clustered(None)
    assert door.knock() == [(None, Status.ESME_RBINDFAIL)]
    assert door.refused_for == Reason.PLACES_UNKNOWN


def test_a_place_is_given_up_if_the_account_changes_before_it_is_there() -> None:
    door, cluster = clustered(1)
    cluster.answer = Deferred()
    came = door.knock()
    door.change(Account(system_id="bank", password=Secret(clear="other"), binds=9))
    cluster.answer.callback(None)
    assert came == [(None, Status.ESME_RBINDFAIL)]
    assert cluster.taken == set()


def test_a_silent_session_is_probed_for_another_node() -> None:
    door, cluster = clustered(9)
    sessions = [Esme(door.clock, TX, alive=False), Esme(door.clock, TRX, alive=False, heard=5.0)]
    for session in sessions:
        door.binds.adopt("bank", session)
    Deferred.fromCoroutine(door.binds.probe("bank", TRX.command_id))
    Deferred.fromCoroutine(door.binds.probe("shop", 0))
    door.clock.advance(PROBE)
    assert [session.closed for session in sessions] == ["", REPLACED]
    assert cluster.taken == {1}
    Deferred.fromCoroutine(door.binds.probe("bank", 0))
    door.clock.advance(PROBE)
    assert cluster.taken == set()

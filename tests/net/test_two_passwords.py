"""Two valid passwords, client certificates and TLS, as binds and reloads go by them."""

from __future__ import annotations

from typing import Any

import pytest

from smppbridge.model.account import Account, Secret
from smppbridge.model.channel import CLEAR, CertificateName, Channel
from smppbridge.net.esme_session import EsmeSession
from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.smpp.matrix import State
from tests.net.house import House, wire_of
from tests.net.test_binds import HASH, Door, account
from tests.net.wires import names, pdus

OTHER = "$argon2id$of-nothing"
TWO = [
    (Secret("new"), Secret("right")),
    (Secret("right"), Secret("old")),
    (Secret(hashed=OTHER), Secret("right")),
    (Secret("right"), Secret(hashed=OTHER)),
    (Secret("new"), Secret(hashed=HASH)),
    (Secret(hashed=HASH), Secret("old")),
    (Secret(hashed=OTHER), Secret(hashed=HASH)),
    (Secret(hashed=HASH), Secret(hashed=OTHER)),
]


def rotating(new: Secret, old: Secret, system_id: str = "bank", **more: Any) -> Account:
    return account(system_id, new, old_password=old, **more)


@pytest.mark.parametrize(("new", "old"), TWO)
def test_either_password_binds_and_which_is_known(new: Secret, old: Secret) -> None:
    door = Door(rotating(new, old))
    known: list[Any] = []
    for _ in range(2):
        door.knock()
        door.judging.addCallback(lambda judged: known.append(judged.known_by))
        door.clock.pump([0.1] * 4)
    right = new if "right" in (new.clear, new.hashed.rpartition("-")[2]) else old
    assert known == [right, right]
    assert door.verified == sum(bool(s.hashed) for s in {new: 0, old: 0} if _before(s, new, right))
    assert door.answer(password="wrong")[0] == Status.ESME_RINVPASWD
    assert door.answer(password="")[0] == Status.ESME_RINVPASWD


def _before(secret: Secret, new: Secret, right: Secret) -> bool:
    """Return whether a password has to be checked until the right one is found, the first time."""
    return not right.clear and secret in (right, new)


@pytest.mark.parametrize(("new", "old"), TWO)
@pytest.mark.parametrize("password", ["wrong", ""])
def test_the_account_cannot_be_told_from_others_by_the_time(
    new: Secret, old: Secret, password: str
) -> None:
    """A wrong password took two checks, an unknown system_id one."""
    door = Door(rotating(new, old), account("other"))
    checks = sum(bool(secret.hashed) for secret in (new, old))
    seconds = {
        door.answer(system_id, password, host=f"192.0.2.{n}")
        for n, system_id in enumerate(("bank", "other", "nobody"))
    }
    assert seconds == {(Status.ESME_RINVPASWD, round(0.1 * checks, 1))}


def test_both_hashes_are_remembered_at_once() -> None:
    both = (Secret(hashed=f"{HASH}-a"), Secret(hashed=f"{HASH}-b"))
    door = Door(rotating(*both, binds=99))

    async def verify(hashed: str, password: str) -> bool:
        door.verified += 1
        return hashed.endswith(password)

    door.binds._checks._verified = verify
    for _ in range(3):
        assert [door.answer(password=p)[0] for p in ("a", "b")] == [0, 0]
    assert door.verified == 3  # new; new and old
    door.change(account("bank", both[0], binds=99))
    assert [door.answer(password=p)[0] for p in ("a", "b")] == [0, Status.ESME_RINVPASWD]


BANK = CertificateName("cn", "bank")
OF_BANK = Channel(tls=True, certified=True, names=(BANK,))
OF_SHOP = Channel(tls=True, certified=True, names=(CertificateName("cn", "shop"),))


@pytest.mark.parametrize(
    ("channel", "tls", "certificate", "reason"),
    [
        (CLEAR, False, (), ""),
        (CLEAR, True, (), "tls_required"),
        (Channel(tls=True), True, (), ""),
        (CLEAR, False, (BANK,), "tls_required"),
        (Channel(tls=True), False, (BANK,), "no_certificate"),
        (Channel(tls=True, certified=True), False, (BANK,), "other_certificate"),
        (OF_SHOP, False, (BANK,), "other_certificate"),
        (OF_BANK, True, (BANK,), ""),
    ],
)
def test_a_bind_over_another_channel_is_refused_once_its_password_is_right(
    channel: Channel, tls: bool, certificate: tuple[CertificateName, ...], reason: str
) -> None:
    house = channelled(channel)
    house.use(wanting(tls=tls, certificate=certificate))
    assert status_of(house.bind(password=b"guess")) == Status.ESME_RINVPASWD
    house.clock.advance(9.0)
    assert status_of(link := house.bind()) == (Status.ESME_RBINDFAIL if reason else Status.ESME_ROK)
    assert house.meters.binds == ["wrong_password", reason or "ESME_ROK"]
    event, fields = house.events[-1]
    assert (event, fields.get("reason", "")) == (
        "session_refused" if reason else "session_bound",
        reason,
    )
    wanted = [str(each) for each in channel.names] if reason == "other_certificate" else None
    assert fields.get("certificate") == wanted
    assert not house.smsc.binds._reserved
    assert state(link) is (State.CLOSED if reason else State.BOUND_TRX)


def channelled(channel: Channel) -> House:
    house = House()
    made = house.smsc.buildProtocol

    def build(addr: Any) -> Any:
        session: Any = made(addr)
        session.__class__ = type("Over", (EsmeSession,), {"channel": channel})
        return session

    house.smsc.buildProtocol = build
    return house


def wanting(**more: Any) -> Account:
    return Account(system_id="bank", password=Secret("secret"), **more)


def status_of(link: EsmeSession) -> int:
    return pdus(wire_of(link).value())[-1].command_status


def test_a_reload_unbinds_the_sessions_of_a_password_that_is_gone_and_no_others() -> None:
    house = House()
    bank, old = Secret("secret"), Secret("old")
    house.use(wanting())
    before = house.bind()
    house.use(wanting(old_password=old))
    by_old = house.bind(password=b"old")
    assert house.smsc.old_password_counts() == {("bank",): 1}
    house.use(Account(system_id="bank", password=Secret("newest"), old_password=bank))
    assert state(before) is State.BOUND_TRX
    assert names(wire_of(by_old).value())[-1] == "Unbind"
    assert house.smsc.old_password_counts() == {("bank",): 1}
    house.use(Account(system_id="bank", password=bank))
    assert state(before) is State.BOUND_TRX
    house.use(Account(system_id="bank", password=Secret("newest")))
    assert names(wire_of(before).value())[-1] == "Unbind"


def state(link: EsmeSession) -> State:
    found: State = link.session.state
    return found


def test_the_use_of_the_old_password_is_counted_and_logged_once_a_session() -> None:
    house = House()
    house.use(wanting(old_password=Secret("old")))
    for password in (b"secret", b"old", b"old", b"secret"):
        house.bind(password=password)
    assert house.meters.old == ["bank"] * 2
    used = [fields for event, fields in house.events if event == "old_password_used"]
    assert used == [{"system_id": "bank", "address": "192.0.2.1"}] * 2
    house.use(wanting())
    assert house.smsc.old_password_counts() == {}


def test_a_reload_unbinds_sessions_that_come_by_a_channel_that_no_longer_does() -> None:
    house = channelled(OF_BANK)
    house.use(wanting())
    link = house.bind()
    for fitting in (wanting(tls=True), wanting(certificate=(CertificateName("cn", "x"), BANK))):
        house.use(fitting)
        assert state(link) is State.BOUND_TRX
    house.use(wanting(certificate=(CertificateName("cn", "x"),)))
    assert names(wire_of(link).value())[-1] == "Unbind"
    clear = channelled(CLEAR)
    link = clear.bind()
    clear.use(wanting(tls=True))
    assert names(wire_of(link).value())[-1] == "Unbind"


def test_a_refused_channel_slows_nobody_and_takes_no_place() -> None:
    house = channelled(CLEAR)
    house.use(wanting(tls=True, binds=1))
    for _ in range(4):
        assert status_of(house.bind()) == Status.ESME_RBINDFAIL
    house.use(wanting(binds=1))
    assert status_of(house.bind()) == Status.ESME_ROK

"""Three in the morning: each cause is on the message's page, and in the output of one command.

One daemon serves all tests of this file: none of them may stop it.
"""

from __future__ import annotations

import re
import select
import ssl
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from smppbridge.cli.bridge_client import ask
from smppbridge.cli.main import main
from smppbridge.docs.night import CAUSES
from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.smpp.pdus import BindTransmitter
from tests.net.certificates import certify
from tests.patience import PATIENCE
from tests.ports import kept_ports
from tests.system.daemon import Daemon, local
from tests.system.esme import Esme
from tests.system.provider import Provider
from tests.system.test_mo import sms, tell

pytestmark = pytest.mark.system

WELL, DOWN, POOR, LOCKED, SLOW = (f"2547{n}0000001" for n in range(1, 6))
OPTED_OUT, NOBODYS = "254790000001", "447700900099"


class Night:
    """A daemon with faults of all kinds around it, and its two windows: the API and commands."""

    def __init__(self, folder: Path) -> None:
        self.providers = {name: Provider() for name in ("well", "poor", "locked", "slow")}
        self.daemon = daemon = Daemon(folder, self.providers["well"].url)
        self.socket = str(folder / "admin.sock")
        key, self.certificate = certify(folder)
        self.tls, nobody = kept_ports(2)
        own = f"ssl:{self.tls}:privateKey={key}:certKey={self.certificate}:interface=127.0.0.1"
        self.providers["poor"].refusal = "Insufficient credit"
        self.providers["locked"].refusal = "Invalid token"
        template = daemon.settings["providers"].pop("keccel")
        urls = {name: each.url for name, each in self.providers.items()}
        urls["down"] = f"http://127.0.0.1:{nobody}/sms/v2"
        daemon.settings |= {
            "admin_socket": self.socket,
            "smpp": {"listen": [local(daemon.smpp), own]},
            "providers": {
                **{name: {**template, "base_url": url} for name, url in urls.items()},
                "smscx": {"type": "smscx", "api_key": "k", "callback_key": template["callback_key"],
                          "optouts": "refuse", "base_url": f"http://127.0.0.1:{nobody}"},
            },
            "mo": [{"to": "447700900001", "account": "bank"}],
            "retention": "3650d",  # what phones say here has a date
            "routes": [
                {"to": "25471", "via": ["well"]},
                {"to": "25472", "via": ["down"]},
                {"to": "25473", "via": ["poor"]},
                {"to": "25474", "via": ["locked"]},
                {"to": "25475", "via": ["slow"]},
                {"to": "25479", "via": ["smscx"]},
            ],
            "accounts": [
                {"system_id": name, "password": "secret", **more} for name, more in ACCOUNTS.items()
            ],
        }  # fmt: skip
        daemon.settings["providers"]["down"] |= {"breaker": 1, "breaker_pause": "60s"}
        daemon.settings["providers"]["slow"] |= {"concurrency": 1}
        self.providers["well"].callback = (
            daemon.callbacks,
            f"/callbacks/well/{template['callback_key']}",
        )
        daemon.start()

    def api(self, operation: str) -> dict[str, Any]:
        """Return the answer of the API to a GET."""
        return ask(self.socket, "GET", operation)

    def message(self, message_id: bytes) -> dict[str, Any]:
        """Return a message's page."""
        return self.api(f"/messages/{message_id.decode()}")

    def command(self, *words: str) -> str:
        """Return what a command prints."""
        result = CliRunner().invoke(main, [*words, "--config", str(self.daemon.file)])
        assert result.exit_code == 0, result.output
        return " ".join(result.output.split())

    def bound(self, system_id: str = "bank", **more: Any) -> Esme:
        esme = Esme(self.daemon.smpp)
        assert esme.bind(system_id=system_id, **more) == 0
        return esme

    def until(self, found: Callable[[], Any]) -> Any:
        """Wait for what is written in batches; return it."""
        deadline = time.monotonic() + PATIENCE
        while not (value := found()):
            assert time.monotonic() < deadline, "\n".join(self.daemon.lines[-20:])
            select.select([], [], [], 0.05)
        return value

    def verdict(self, message_id: bytes, code: str) -> tuple[str, str]:
        """Wait for a verdict; return its words, and those of `messages --id`."""
        found = self.until(lambda: (v := self.message(message_id)["verdict"])["code"] == code and v)
        words = " ".join((found["says"], found["why"], *found["do"]))
        return words, self.command("messages", "--id", message_id.decode())

    def refused(self, esme: Esme, to: str, status: Status, reason: str, **fields: Any) -> None:
        """Submit; assert that the API and `messages refused` say why it was refused."""
        assert esme.submit("private words", to, **fields).command_status == status
        found = self.until(lambda: self.api(f"/refused?number={to}&reason={reason}")["items"])
        shown = self.command("messages", "refused", "--number", to)
        assert found[0]["remedy"]
        assert (found[0]["reason"], found[0]["status"]) == (reason, status.name)
        assert found[0]["says"][:-1] in shown
        assert reason in shown
        assert to not in shown

    def counted(self, act: str, reason: str, about: str, detail: str = "") -> None:
        """Assert that the API, `reasons` and the metrics have counted a no."""
        query = f"/reasons?act={act}&reason={reason}&about={about}"
        found = self.until(lambda: self.api(query)["items"])[0]
        assert found["remedy"]
        assert detail in found["detail"]
        shown = self.command("reasons", "--act", act)
        for words in (reason, about, found["says"], found["remedy"]):
            assert words in shown
        metric = f'smppbridge_reasons_total{{act="{act}",reason="{reason}"}} '
        assert metric in self.daemon.get("/metrics")[1]


ACCOUNTS: dict[str, dict[str, Any]] = {
    "bank": {"binds": 10},
    "narrow": {"senders": ["OTHER"]},
    "hasty": {"throughput": 0.001},
    "single": {"binds": 1},
    "far": {"allow_from": ["10.0.0.0/8"]},
    "teller": {},
    "gatherer": {"gather": {"timeout": "1s"}},
}


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Night]:
    night = Night(tmp_path_factory.mktemp("night"))
    yield night
    night.daemon.close()
    for provider in night.providers.values():
        provider.close()


@pytest.fixture
def esme(night: Night) -> Iterator[Esme]:
    with night.bound() as bound:
        yield bound


def test_provider_down(night: Night, esme: Esme) -> None:
    message_id = esme.submit("hello", DOWN).message_id
    words, shown = night.verdict(message_id, "waiting_breaker_open")
    for found in (words, shown):
        assert "It waits for down until" in found
        assert "down does not answer" in found
    assert night.message(message_id)["waits"]["why"] == "breaker_open"


def test_provider_refuses(night: Night, esme: Esme) -> None:
    for to, name, why in ((POOR, "poor", "credit"), (LOCKED, "locked", "token")):
        message_id = esme.submit("hello", to).message_id
        words, shown = night.verdict(message_id, "rejected")
        for found in (words, shown):
            assert f"{name} refused it." in found
            assert why in found
        steps = night.api(f"/messages/{message_id.decode()}/timeline")["items"]
        assert {"attempt_refused", "state_final"} <= {step["code"] for step in steps}
        (attempt,) = (step["facts"] for step in steps if step["code"] == "attempt_refused")
        assert attempt["why"] == "provider_refused"


def test_no_route(night: Night, esme: Esme) -> None:
    night.refused(esme, "33600000001", Status.ESME_RINVDSTADR, "no_route")


def test_sender_refused(night: Night) -> None:
    with night.bound("narrow") as esme:
        night.refused(esme, WELL, Status.ESME_RINVSRCADR, "sender_not_allowed")


def test_bad_number(night: Night, esme: Esme) -> None:
    night.refused(esme, "0000000", Status.ESME_RINVDSTADR, "bad_number")


def test_opted_out(night: Night, esme: Esme) -> None:
    told = {"phoneNumber": f"+{OPTED_OUT}", "optoutType": "link"}
    assert tell(night.daemon, "new_optout", told) == 200
    night.refused(esme, OPTED_OUT, Status.ESME_RINVDSTADR, "opted_out")


def test_receipts_not_requested(night: Night, esme: Esme) -> None:
    message_id = esme.submit("hello", WELL, registered_delivery=0).message_id
    words, shown = night.verdict(message_id, "done_not_asked")
    assert night.message(message_id)["registered_delivery"] == 0
    for found in (words, shown):
        assert "No receipt was asked for (registered_delivery 0)." in found


def test_bound_tx_only(night: Night) -> None:
    with night.bound("teller", kind=BindTransmitter) as esme:
        message_id = esme.submit("hello", WELL).message_id
        words, shown = night.verdict(message_id, "receipt_tx_only")
        for found in (words, shown):
            assert "The session of teller is bound as TX only" in found
            assert "receipts go to no TX session" in found
        assert night.message(message_id)["waits"]["why"] == "tx_only"


def test_wrong_password(night: Night) -> None:
    with Esme(night.daemon.smpp) as esme:
        assert esme.bind(password="guess") == Status.ESME_RINVPASWD
    night.counted("bind", "wrong_password", "bank", "from 127.0.0.1")


def test_unknown_system_id(night: Night) -> None:
    with Esme(night.daemon.smpp) as esme:
        assert esme.bind(system_id="bnak") == Status.ESME_RINVPASWD
    night.counted("bind", "unknown_system_id", "bnak", "from 127.0.0.1")


def test_bind_limit(night: Night) -> None:
    with night.bound("single") as first, Esme(night.daemon.smpp) as esme:
        esme.send(BindTransmitter(0, 1, b"single", b"secret"))
        first.take_in(first.read())  # an enquire_link: the session shows that it lives
        answer = esme.read()
        assert answer.command_status == Status.ESME_RBINDFAIL  # type: ignore[attr-defined]
    night.counted("bind", "binds", "single")


def test_not_in_allow_from(night: Night) -> None:
    with Esme(night.daemon.smpp) as esme:
        assert esme.bind(system_id="far") == Status.ESME_RINVPASWD
    night.counted("bind", "allow_from", "far", "from 127.0.0.1")


def test_throttled(night: Night) -> None:
    with night.bound("hasty") as esme:
        esme.submit("hello", WELL)
        night.refused(esme, WELL, Status.ESME_RTHROTTLED, "throttled")
    night.counted("refusal", "throttled", "hasty")


def test_expired(night: Night, esme: Esme) -> None:
    night.verdict(esme.submit("hello", DOWN).message_id, "waiting_breaker_open")
    lived = esme.submit("hello", DOWN, validity_period=b"000000000001000R").message_id
    night.until(lambda: "down does not answer" in night.verdict(lived, "expired_waiting")[0])
    words, shown = night.verdict(lived, "expired_waiting")
    for found in (words, shown):
        assert "It expired before down took it." in found
        assert "down does not answer" in found
    night.counted("expiry", "waited_too_long", "down")


def test_a_segment_is_missing(night: Night) -> None:
    with night.bound("bank") as patient, night.bound("gatherer") as hasty:
        ids = [
            esme.submit("\5\0\3\7\3\2middle", WELL, esm_class=0x40).message_id
            for esme in (patient, hasty)
        ]
        words, shown = night.verdict(ids[0], "gathering")
        assert "Segments 1, 3 of 3 have not come." in words
        assert "Segments 1, 3 of 3 have not come." in shown
        assert night.message(ids[0])["waits"]["until"]
        words, shown = night.verdict(ids[1], "expired_segments")
        for found in (words, shown):
            assert "It expired: segment 1, 3 of 3 did not come." in found
    night.counted("expiry", "segments_missing", "gatherer")


def test_ucs_2_sent_as_0(night: Night, esme: Esme) -> None:
    octets = "hello".encode("utf-16-be")
    message_id = esme.submit("", WELL, short_message=octets).message_id
    night.until(lambda: "look like UCS2" in str(night.message(message_id)["verdict"]))
    assert night.message(message_id)["data_coding"] == 0
    assert "`detect_ucs2: true`" in night.command("messages", "--id", message_id.decode())
    esme.await_receipts(1)


def test_slow(night: Night, esme: Esme) -> None:
    with night.providers["slow"].held():
        ids = [esme.submit(f"hello {n}", SLOW).message_id for n in range(80)]
        words, shown = night.verdict(ids[-1], "waiting_in_line")
        for found in (words, shown):
            assert "As many requests are out as may be: the provider is slow to answer." in found
        waits = night.message(ids[-1])["waits"]
        assert (waits["why"], waits["awaited"]) == ("concurrency", "provider")


def test_tls_handshake_fails(night: Night) -> None:
    with Esme(night.tls) as esme, pytest.raises(ssl.SSLError):
        ssl.create_default_context().wrap_socket(esme.socket, server_hostname="localhost")
    night.counted("connection", "certificate_refused", "smpp", "from 127.0.0.1")


def test_callback_wrong(night: Night) -> None:
    connection = HTTPConnection("127.0.0.1", night.daemon.callbacks, timeout=PATIENCE)
    connection.request("GET", "/callbacks/well/not-the-key?messageID=1&status=DELIVERED")
    assert connection.getresponse().status == 404
    connection.close()
    night.counted("callback", "wrong_key", "well", "from 127.0.0.1")


def test_mo_that_nobody_owns(night: Night) -> None:
    assert tell(night.daemon, "receive_sms", sms("A", "private words", NOBODYS)) == 200
    found = night.until(lambda: night.api(f"/unmatched?number={NOBODYS}")["items"])[0]
    assert (found["kind"], found["reason"]) == ("mo", "no_owner")
    assert "`mo`" in found["remedy"]
    shown = night.command("messages", "unmatched", "--number", NOBODYS)
    assert "no_owner" in shown
    assert "private" not in shown
    night.counted("eviction", "no_owner", "smscx")


def test_every_cause_of_the_page_has_its_test() -> None:
    tests = {re.sub(r"\W", "_", f"test_{cause.name}").lower() for cause in CAUSES}
    here = {name for name in globals() if name.startswith("test_")}
    assert tests == here - {"test_every_cause_of_the_page_has_its_test"}

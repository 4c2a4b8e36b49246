"""Every provider through the daemon: from submit_sm to deliver_sm, its simulator beside it.

All daemons are started at once and play the same messages; the tests then look at what came of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
import yaml
from twisted.internet import reactor
from twisted.internet.defer import gatherResults
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

from smppbridge.model.message import Stage
from smppbridge.simulators import simulator_type
from smppbridge.smpp.pdus import SubmitSm
from tests.contracts.played import PLAYED
from tests.system.daemon import KEY, PATIENCE
from tests.system.esme import Closed, Receipt, submit_sm
from tests.system.played import (
    ACCOUNTS,
    CALLBACKS,
    HEAD,
    PASSWORD,
    WHOLE,
    Written,
    ends,
    last_receipts,
    segments_of,
    submit_all,
    taken,
    transcript,
)

SECRET = "hush-key"
EXAMPLES = Path(__file__).parents[2] / "config" / "providers"


# -- what is sent ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """One text to one number or several, by their endings; *octets* where it is not ASCII."""

    text: str
    endings: tuple[str, ...]
    octets: bytes | None = None
    data_coding: int = 0

    def requests(self, number: str) -> list[SubmitSm]:
        """Return its submit_sm: one for each number, or for each segment."""
        if len(self.text) > 160:
            (whole,) = [submit_sm("", number + ending) for ending in self.endings]
            copied = ("source_addr_ton", "source_addr", "dest_addr_ton", "dest_addr_npi")
            same = {name: getattr(whole, name) for name in (*copied, "destination_addr")}
            return segments_of(self.text, 153, registered_delivery=1, **same)
        octets = self.text.encode("ascii") if self.octets is None else self.octets
        fields: dict[str, Any] = {"short_message": octets, "data_coding": self.data_coding}
        return [submit_sm("", number + ending, **fields) for ending in self.endings]


_WIDE = "hush: жук, 猫, 😀"
_LONG = "".join(f"hush {number:03} " for number in range(45))
CASES = {
    "delivered": Case("hush 1", ("01",)),
    "failed": Case("hush 2", ("90",)),
    "rejected": Case("hush 3", ("91",)),
    "throttled twice": Case("hush 4", ("94",)),
    "reported before it is answered": Case("hush 5", ("96",)),
    "reported twice": Case("hush 6", ("97",)),
    "expired": Case("hush 7", ("99",)),
    "several": Case("hush, all of you", ("01", "02", "90", "03", "91", "04")),
    "long": Case(_LONG, ("01",)),
    "UCS-2": Case(_WIDE, ("01",), _WIDE.encode("utf-16-be"), 8),
    # GSM 03.38, 6.2.1
    "GSM": Case("hush@é£{€}", ("01",), b"hush\x00\x05\x01\x1b\x28\x1b\x65\x1b\x29"),
}
MESSAGES = sum(len(case.endings) for case in CASES.values())


# -- who takes it ---------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Row:
    """A configuration as it is written, and the simulator that it is for.

    *number* is what destinations begin with.  *calls* is who calls back at its account's URL.
    *without* is what is told of all messages where there are no reports.
    """

    text: str
    simulator: str
    options: Mapping[str, Any] = field(default_factory=dict)
    number: str = "2438100000"
    calls: str = ""
    expired: str = "EXPIRED"
    without: str = ""
    batches: bool = False
    sessions: int = 0
    rejects_late: bool = False
    forgets_throttled: bool = False

    def stat(self, ending: str) -> str:
        """Return what the receipt of a message says."""
        if ending == "91":
            return "REJECTD"
        if ending == "94" and self.forgets_throttled:
            return "UNDELIV"
        return self.without or {"90": "UNDELIV", "99": self.expired}.get(ending, "DELIVRD")

    def takes(self) -> Counter[tuple[str, str]]:
        """Return what the simulator is to take in the end."""
        return Counter(
            (self.number + ending, case.text)
            for case in CASES.values()
            for ending in case.endings
            if self.stat(ending) != "REJECTD" or self.rejects_late
            if ending != "94" or not self.forgets_throttled
        )


KECCEL = """
providers:
  keccel:
    type: keccel
    base_url: http://127.0.0.1:${PORT}/sms/v2
    token: ${SECRET}
    callback_key: ${CALLBACK_KEY}
routes:
  - {to: "243", via: [keccel]}
"""
KECCEL_POLLED = """
providers:
  keccel:
    type: keccel
    base_url: http://127.0.0.1:${PORT}/sms/v2
    token: ${SECRET}
    arguments: query
    first_poll: 1s
    longest_poll: 1s
    poll_rate: 100
routes:
  - via: [keccel]
"""
MSPACE_LEGACY = """
providers:
  mspace:
    type: mspace_legacy
    base_url: http://127.0.0.1:${PORT}/mspaceservice/wr/sms
    username: acme
    password: ${SECRET}
    without_reports: %s
    after: 1s
routes:
  - {to: "254", via: [mspace]}
"""
MSPACE_V2 = """
providers:
  mspace:
    type: mspace_v2
    base_url: http://127.0.0.1:${PORT}/smsapi/v2
    username: acme
    apikey: ${SECRET}
    style: %s
    batch: %d
    first_poll: 1s
    longest_poll: 1s
    poll_rate: 100
routes:
  - {to: "254", via: [mspace]}
"""
SMSCX = """
providers:
  smscx:
    type: smscx
    base_url: http://127.0.0.1:${PORT}
    api_key: ${SECRET}
    callback_key: ${CALLBACK_KEY}
routes:
  - via: [smscx]
"""
SMSCX_OAUTH = """
providers:
  smscx:
    type: smscx
    base_url: http://127.0.0.1:${PORT}
    app_id: acme
    app_secret: ${SECRET}
    first_poll: 1s
    longest_poll: 1s
    poll_rate: 100
routes:
  - via: [smscx]
"""
D7 = """
providers:
  d7:
    type: d7
    base_url: http://127.0.0.1:${PORT}
    username: acme
    password: ${SECRET}
    callback_key: ${CALLBACK_KEY}
    %s
routes:
  - via: [d7]
"""
SMPP = """
providers:
  upstream:
    type: smpp
    host: 127.0.0.1
    port: ${PORT}
    system_id: bridge
    password: ${SECRET}
    %s
routes:
  - via: [upstream]
"""


def example(name: str, vendors: str, ours: str) -> str:
    """Return a worked example, sent to the simulator."""
    text = (EXAMPLES / f"{name}.yaml").read_text(encoding="utf-8")
    assert vendors in text
    _, public_url, rest = text.partition("  public_url: https://sms.example.org\n")
    assert public_url
    return HEAD + ACCOUNTS + CALLBACKS + rest.replace(vendors, ours)


def mspace_legacy(without: str) -> Row:
    return Row(
        text=WHOLE + MSPACE_LEGACY % without,
        simulator="mspace_legacy",
        number="2547220000",
        without=without.upper(),
    )


def mspace_v2(style: str, batch: int = 1) -> Row:
    return Row(
        text=WHOLE + MSPACE_V2 % (style, batch),
        simulator="mspace_v2",
        number="2547220000",
        batches=batch > 1,
    )


def smscx(text: str) -> Row:
    return Row(
        text=WHOLE + text,
        simulator="smscx",
        options={"rate": 1_000},
        number="2547220000",
        expired="UNDELIV",
        batches=True,
    )


def d7(setting: str, batches: bool = False) -> Row:
    return Row(
        text=WHOLE + D7 % setting,
        simulator="d7",
        number="9715000000",
        batches=batches,
        forgets_throttled=batches,  # a batch is taken as a whole, and told of afterwards
    )


ROWS = {
    "keccel": Row(text=WHOLE + KECCEL, simulator="keccel", calls="keccel"),
    "keccel, arguments in query": Row(text=WHOLE + KECCEL_POLLED, simulator="keccel"),
    "d7": d7("dlr_method: GET"),
    "d7, batch": d7("batch: 50", batches=True),
    "mspace_legacy": mspace_legacy("delivrd"),
    "mspace_legacy, unknown": mspace_legacy("unknown"),
    "mspace_legacy, acceptd": mspace_legacy("acceptd"),
    "mspace_v2": mspace_v2("json", 3),
    "mspace_v2, style xml": mspace_v2("xml", 3),
    "mspace_v2, style get": mspace_v2("get"),
    "keccel as a template": Row(
        text=example("keccel", "https://api.keccel.com/", "http://127.0.0.1:${PORT}/"),
        simulator="keccel",
        calls="keccel",
    ),
    "d7 v1 as a template": Row(
        text=example("d7_v1", "https://api.d7networks.com", "http://127.0.0.1:${PORT}"),
        simulator="d7_v1",
        expired="UNDELIV",
    ),
    "smscx": smscx(SMSCX),
    "smscx, OAuth": smscx(SMSCX_OAUTH),
    "smpp": Row(
        text=WHOLE + SMPP % "segments: payload",
        simulator="smsc",
        options={"with_tlvs": True},
        sessions=1,
    ),
    "smpp, tx+rx": Row(
        text=WHOLE + SMPP % "bind: tx+rx\n    ids: hex_to_decimal",
        simulator="smsc",
        options={"trx": False, "hex_ids": True, "rejects_late": True},
        sessions=2,
        rejects_late=True,
    ),
}


# -- what comes of it -----------------------------------------------------------------------------


@dataclass(repr=False)
class Played:
    """What one daemon and its simulator did: message_ids by case, and all that was told of them."""

    row: Row
    daemon: Written
    simulator: Any
    ids: dict[str, list[str]] = field(default_factory=dict)
    receipts: list[Receipt] = field(default_factory=list)
    stages: list[int] = field(default_factory=list)
    owed: int = 0
    status: int | None = None
    trouble: str = ""

    def play(self) -> None:
        """Submit everything and wait for what is told of it; called in a thread."""
        try:
            self._play()
        except (AssertionError, Closed, OSError) as error:
            self.trouble = f"{type(error).__name__}: {error}"
        finally:
            self.daemon.close()

    def _play(self) -> None:
        daemon, row = self.daemon, self.row
        daemon.start()
        if row.sessions:
            daemon.await_event("upstream_bound", row.sessions)
        with daemon.bound() as esme:
            asked = {name: case.requests(row.number) for name, case in CASES.items()}
            answers = submit_all(esme, [each for some in asked.values() for each in some])
            assert {each.command_status for each in answers} == {0}
            given = iter([each.message_id.decode() for each in answers])
            self.ids = {name: [next(given) for _ in some] for name, some in asked.items()}
            self.receipts = esme.receipts
            esme.await_receipts(len(answers), 2 * PATIENCE)
            if self.is_told:  # and what is told twice was told twice by now
                daemon.await_value(f'{_REPEATED}kind="same",provider="{self.provider}"}}', 1)
            last_receipts(daemon, esme)
        self.status = daemon.end()
        self.stages = [stage for (stage,) in daemon.rows("select stage from message")]
        ((self.owed,),) = daemon.rows("select count(*) from delivery")

    @property
    def provider(self) -> str:
        """The name of the provider."""
        (name,) = yaml.safe_load(self.row.text)["providers"]
        return str(name)

    @property
    def is_told(self) -> bool:
        """Whether it is the provider that tells, so that it may tell twice."""
        return bool(self.row.sessions) or "callback_key:" in self.row.text

    def stats(self, case: str) -> list[str]:
        return ends(self.receipts, self.ids.get(case, []))

    @property
    def transcript(self) -> str:
        """Who got what."""
        numbers = {each: name for name, some in self.ids.items() for each in some}
        told = [f"{numbers.get(r.message_id)} {r.message_id}: {r.stat}" for r in self.receipts]
        return transcript(
            {
                "trouble": [self.trouble],
                "submitted": [f"{name}: {some}" for name, some in self.ids.items()],
                "taken": [f"{to} {text[:20]!r} x{n}" for (to, text), n in self.taken().items()],
                "receipts": told,
                "the daemon": self.daemon.lines,
            }
        )

    def taken(self) -> Counter[tuple[str, str]]:
        return taken(self.simulator)


_REPEATED = "smppbridge_reports_repeated_total{"


@pytest_twisted.async_yield_fixture(scope="module")
async def stage(request: Any, tmp_path_factory: Any) -> Any:
    """What came of every row that is wanted."""
    here = [item for item in request.session.items if item.path == request.path]
    wanted = dict.fromkeys(item.callspec.params["name"] for item in here if _has_name(item))
    played = {name: made(ROWS[name], tmp_path_factory.mktemp("played")) for name in wanted}
    pool = ThreadPool(1, len(ROWS), "daemons")
    pool.start()
    try:
        await gatherResults(
            [deferToThreadPool(reactor, pool, each.play) for each in played.values()]
        )
    finally:
        pool.stop()
    yield played
    for each in played.values():
        await each.simulator.close()


def _has_name(item: Any) -> bool:
    return "name" in getattr(getattr(item, "callspec", None), "params", {})


def made(row: Row, folder: Path) -> Played:
    simulator = simulator_type(row.simulator)(reactor, delay=0.1, **row.options)
    daemon = Written(
        folder,
        row.text,
        PORT=str(simulator.listen()),
        SECRET=SECRET,
        KECCEL_TOKEN=SECRET,
        KECCEL_CALLBACK_KEY=KEY,
        D7_TOKEN=SECRET,
        D7_CALLBACK_KEY=KEY,
    )
    if row.calls:
        simulator.callback_url = daemon.callback_of(row.calls)
    return Played(row, daemon, simulator)


everybody = pytest.mark.parametrize("name", list(ROWS))


def test_every_provider_of_the_contracts_is_here() -> None:
    assert set(PLAYED) <= set(ROWS)


@everybody
@pytest.mark.parametrize("case", list(CASES))
def test_an_esme_is_told_what_became_of_it(stage: dict[str, Played], name: str, case: str) -> None:
    played, row = stage[name], ROWS[name]
    endings = CASES[case].endings
    expected = [row.stat(ending) for ending in endings]
    if case == "long":
        expected *= len(CASES[case].requests(row.number))
    assert played.stats(case) == expected, played.transcript


@everybody
def test_every_segment_has_an_id_of_its_own(stage: dict[str, Played], name: str) -> None:
    assert len(set(stage[name].ids["long"])) == 3, stage[name].transcript


@everybody
def test_the_provider_took_each_message_once_and_letter_by_letter(
    stage: dict[str, Played], name: str
) -> None:
    assert stage[name].taken() == ROWS[name].takes(), stage[name].transcript


@everybody
def test_nothing_more_is_owed_and_every_message_has_ended(
    stage: dict[str, Played], name: str
) -> None:
    played = stage[name]
    ids = [each for some in played.ids.values() for each in some]
    assert sorted(r.message_id for r in played.receipts) == sorted(ids), played.transcript
    assert (played.owed, len(played.stages)) == (len(ids), MESSAGES)
    assert set(played.stages) == {Stage.FINISHED}


@pytest.mark.parametrize("name", [name for name, row in ROWS.items() if row.batches])
def test_what_can_go_together_does(stage: dict[str, Played], name: str) -> None:
    played = stage[name]
    apart = MESSAGES + 2  # for the one that is throttled
    assert played.simulator.requests <= apart - 4, played.transcript


@everybody
def test_the_log_keeps_secrets_texts_and_numbers(stage: dict[str, Played], name: str) -> None:
    played = stage[name]
    assert (played.trouble, played.status) == ("", 0), played.transcript
    log = "\n".join(played.daemon.lines)
    tokens = list(played.simulator.access._tokens) if name == "smscx, OAuth" else []
    hidden = (SECRET, PASSWORD, KEY, "hush", "жук", played.row.number, *tokens)
    assert [word for word in hidden if word in log] == [], played.transcript
    assert played.daemon.events("unhandled_error") == []
    assert played.daemon.events("message_accepted")
    assert all(line.startswith("{") for line in played.daemon.lines)

"""What `test_providers` submits, and every provider as users write it down: a new one is a row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from smppbridge.smpp.pdus import SubmitSm
from tests.system.esme import submit_sm
from tests.system.simulated import ACCOUNTS, CALLBACKS, HEAD, WHOLE, segments_of

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

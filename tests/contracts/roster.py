"""Every provider with its simulator, as the contract suites play it: a new one is a row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from smppbridge.model.outcome import Uncertain
from smppbridge.providers.d7.provider import D7, BatchSize
from smppbridge.providers.exchange import Provider
from smppbridge.providers.keccel import Keccel
from smppbridge.providers.mspace.legacy import MSpaceLegacy
from smppbridge.providers.mspace.v2 import MSpaceV2, Style
from smppbridge.providers.smscx.provider import SmsCx
from smppbridge.providers.template.provider import Template
from smppbridge.settings.configuration import load
from smppbridge.smpp.constants import MessageState

EXAMPLES = Path(__file__).parents[2] / "config" / "providers"


@dataclass(frozen=True, slots=True)
class Played:
    """A provider and its simulator: *make* is given the port and the credential.

    *on_5xx* is what a server error is to it; *throttled_for* the pause that the simulator asks for
    (None: it does not say); *number* is what a destination begins with, ten digits.  With *later*
    a batch is taken as a whole, and callbacks tell what became of each message.  *on_the_way* is
    how many callbacks come before the one that tells the end.  *expired* is how it calls a message
    that expired.
    """

    simulator: str
    make: Callable[[int, str], Provider]
    on_5xx: type = Uncertain
    throttled_for: float | None = 1.0
    number: str = "2438100000"
    later: bool = False
    on_the_way: int = 0
    expired: MessageState = MessageState.EXPIRED


def mspace_v2(style: Style, batch: int = 1) -> Played:
    def make(port: int, word: str) -> Provider:
        base_url = f"http://127.0.0.1:{port}/smsapi/v2"
        return MSpaceV2(username="acme", apikey=word, base_url=base_url, style=style, batch=batch)

    return Played("mspace_v2", make, throttled_for=None, number="2547220000")


def d7(batch: BatchSize) -> Played:
    def make(port: int, word: str) -> Provider:
        return D7(
            username="acme",
            password=word,
            base_url=f"http://127.0.0.1:{port}",
            batch=batch,
            callback_url="http://127.0.0.1:9/",  # whose place the stage's own takes
        )

    later = batch != "off"
    return Played("d7", make, throttled_for=None, number="9715000000", later=later, on_the_way=1)


def smscx(make: Callable[[int, str], Provider]) -> Played:
    return Played(
        "smscx",
        make,
        number="2547220000",
        expired=MessageState.UNDELIVERABLE,
    )


def template(
    name: str, simulator: str, path: str = "", expired: MessageState = MessageState.EXPIRED
) -> Played:
    """A worked example, sent to the simulator."""

    def make(port: int, word: str) -> Provider:
        environment = {f"{name.upper()}_TOKEN": word, f"{name.upper()}_CALLBACK_KEY": "k" * 16}
        (built,) = load(EXAMPLES / f"{simulator}.yaml", environment).built_providers().values()
        base_url = f"http://127.0.0.1:{port}{path}"
        return replace(cast(Template, built), base_url=base_url, callback_url="")

    return Played(simulator, make, expired=expired)


PLAYED = {
    "keccel": Played(
        "keccel",
        lambda port, word: Keccel(token=word, base_url=f"http://127.0.0.1:{port}/sms/v2"),
    ),
    "keccel, arguments in query": Played(
        "keccel",
        lambda port, word: Keccel(
            token=word, base_url=f"http://127.0.0.1:{port}/sms/v2", arguments="query"
        ),
    ),
    "d7": d7("off"),
    "d7, batch": d7(50),
    "mspace_legacy": Played(
        "mspace_legacy",
        lambda port, word: MSpaceLegacy(
            username="acme",
            password=word,
            base_url=f"http://127.0.0.1:{port}/mspaceservice/wr/sms",
        ),
        throttled_for=None,
        number="2547220000",
    ),
    "mspace_v2": mspace_v2("json", batch=3),
    "mspace_v2, style xml": mspace_v2("xml", batch=3),
    "mspace_v2, style get": mspace_v2("get"),
    "keccel as a template": template("keccel", "keccel", "/sms/v2"),
    "d7 v1 as a template": template("d7", "d7_v1", expired=MessageState.UNDELIVERABLE),
    "smscx": smscx(lambda port, word: SmsCx(api_key=word, base_url=f"http://127.0.0.1:{port}")),
    "smscx, OAuth": smscx(
        lambda port, word: SmsCx(
            app_id="acme", app_secret=word, base_url=f"http://127.0.0.1:{port}"
        )
    ),
}

"""Every provider with its simulator, as the contract suites play it: a new one is a row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from smppbridge.model.outcome import Uncertain
from smppbridge.providers.exchange import Provider
from smppbridge.providers.keccel import Keccel


@dataclass(frozen=True, slots=True)
class Played:
    """A provider and its simulator: *make* is given the port and the credential.

    *on_5xx* is what a server error is to it; *throttled_for* the pause that the simulator asks for
    (None: it does not say); *number* is what a destination begins with, ten digits.
    """

    simulator: str
    make: Callable[[int, str], Provider]
    on_5xx: type = Uncertain
    throttled_for: float | None = 1.0
    number: str = "2438100000"


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
}

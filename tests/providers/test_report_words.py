"""The statuses of reports, as a receipt preview shows them, are those that reports are read by."""

from __future__ import annotations

from pathlib import Path

import pytest

from smppbridge.model.report import Report
from smppbridge.providers.d7.provider import D7
from smppbridge.providers.exchange import HttpRequest, Provider, ReportWord
from smppbridge.providers.keccel import Keccel
from smppbridge.providers.mspace.legacy import MSpaceLegacy
from smppbridge.providers.mspace.v2 import MSpaceV2
from smppbridge.providers.smpp.provider import Smpp
from smppbridge.providers.smscx.provider import SmsCx
from smppbridge.settings.configuration import load
from smppbridge.smpp.constants import MessageState as State

EXAMPLES = Path(__file__).parents[2] / "config" / "providers"
OWN = {"ODD WORD": "rejected"}


def report_of(provider: Provider, body: str) -> tuple[State, int]:
    headers = (("Content-Type", "application/json"),)
    request = HttpRequest("POST", "/callbacks/x", headers, body.encode())
    (report,) = provider.read_callback(request)
    assert isinstance(report, Report)
    return State(report.state), report.error


def test_a_word_of_the_configuration_is_among_them() -> None:
    for provider in (KECCEL, SMSCX, D7_OWN):
        assert provider.report_words()["ODD WORD"].state is State.REJECTED


KECCEL = Keccel(token="t", states=OWN)  # type: ignore[arg-type]
SMSCX = SmsCx(api_key="t", states=OWN)  # type: ignore[arg-type]
D7_OWN = D7(username="u", password="p", states=OWN)  # type: ignore[arg-type]


@pytest.mark.parametrize("status", [*KECCEL.report_words()])
def test_keccel(status: str) -> None:
    word = KECCEL.report_words()[status]
    assert report_of(KECCEL, f'{{"messageID": "7", "status": "{status}"}}') == word


@pytest.mark.parametrize("status", [*SMSCX.report_words()])
def test_smscx(status: str) -> None:
    word = SMSCX.report_words()[status]
    update = f'{{"msgId": "7", "status": "{status}"}}'
    assert report_of(SMSCX, f'{{"event": "dlr_update", "data": [{update}]}}') == word


@pytest.mark.parametrize("status", [*D7_OWN.report_words()])
def test_d7(status: str) -> None:
    state, error = D7_OWN.report_words()[status]
    body = f'{{"id": "7", "level": 1, "message_status": "{status}", "err": "042"}}'
    assert report_of(D7_OWN, body) == (state, 42 if error is None else error)


def test_others() -> None:
    mspace = MSpaceV2(username="u", apikey="k").report_words()
    assert (mspace["3"], mspace["5"]) == ((State.DELIVERED, 0), (State.UNDELIVERABLE, 5))
    assert MSpaceLegacy(username="u", password="p").report_words() == {}
    smpp = Smpp(host="h", port=1, system_id="s", password="p", states=OWN)  # type: ignore[arg-type]
    words = smpp.report_words()
    assert (words["UNDELIV"], words["ODD WORD"]) == (
        ReportWord(State.UNDELIVERABLE, None),
        ReportWord(State.REJECTED, None),
    )


def test_a_template_has_its_own_words_too() -> None:
    environment = {"KECCEL_TOKEN": "t", "KECCEL_CALLBACK_KEY": "k" * 16}
    (built,) = load(EXAMPLES / "keccel.yaml", environment).built_providers().values()
    words = built.report_words()
    assert words["FAILED"] == ReportWord(State.UNDELIVERABLE, 1)
    assert {"DELIVERED", "READ"} <= {each for each, word in words.items() if word.state == 2}

from __future__ import annotations

from pathlib import Path

import pytest

from smppbridge.settings.configuration import load
from smppbridge.settings.document import BadSettings
from smppbridge.settings.schema import Settings
from smppbridge.settings.ussd import UssdSection

KEY = "0123456789abcdef"
BANK = "accounts: [{system_id: bank, password: secret}]\ncallbacks: {}\n"


def loaded(folder: Path, text: str) -> Settings:
    path = folder / "bridge.yaml"
    path.write_text(text)
    path.chmod(0o600)
    return load(path, {"USSD_KEY": KEY})


def ussd(**keys: str) -> str:
    given = {"key": "${USSD_KEY}", "codes": '{"*384*77#": bank}'} | keys
    return f"{BANK}ussd:\n" + "".join(f"  {key}: {value}\n" for key, value in given.items())


def test_without_codes_there_is_no_ussd(tmp_path: Path) -> None:
    settings = loaded(tmp_path, BANK)
    assert settings.ussd == UssdSection()
    assert (settings.ussd.codes, settings.ussd.key) == ({}, None)


def test_codes_belong_to_accounts(tmp_path: Path) -> None:
    found = loaded(tmp_path, ussd(codes='{"*384*77#": bank, "100": bank}', deadline="5s")).ussd
    assert found.codes == {"*384*77#": "bank", "100": "bank"}
    assert (found.key, found.deadline, found.lifetime) == (KEY, 5.0, 180.0)
    assert KEY not in repr(found)


@pytest.mark.parametrize(
    ("keys", "key", "message"),
    [
        ({"codes": '{"*384*77#": bnk}'}, "ussd.codes.*384*77#", "did you mean bank?"),
        ({"codes": "{hash: bank}"}, "ussd.codes", "must be a service code"),
        ({"codes": '{"*#": bank}'}, "ussd.codes", "must be a service code"),
        ({"codes": f'{{"{"1" * 21}": bank}}'}, "ussd.codes", "must be a service code"),
        ({"codes": '{"*100#": bank, "100": bank}'}, "ussd.codes", "twice"),
        ({"key": "off"}, "ussd.key", "is required"),
        ({"key": "a/b"}, "ussd.key", "letters, digits"),
        ({"input": "all"}, "ussd.input", "cumulative"),
        ({"session": "msisdn"}, "ussd.session", "its_session_info"),
        ({"abort_op": "256"}, "ussd.abort_op", "255"),
        ({"max_dialogues": "0"}, "ussd.max_dialogues", "1"),
        ({"deadlin": "8s"}, "ussd.deadlin", "did you mean deadline?"),
    ],
)
def test_faults_have_their_key(
    tmp_path: Path, keys: dict[str, str], key: str, message: str
) -> None:
    with pytest.raises(BadSettings) as caught:
        loaded(tmp_path, ussd(**keys))
    (fault,) = caught.value.faults
    assert fault.key.startswith(key)
    assert message in fault.message
    assert fault.line > 3


def test_somebody_must_be_able_to_call(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match="there is no section callbacks"):
        loaded(tmp_path, ussd().replace("callbacks: {}\n", ""))


def test_a_key_that_is_short_or_stands_in_the_open_is_warned_of(tmp_path: Path) -> None:
    settings = loaded(tmp_path, ussd(key="short").replace("secret", '"${USSD_KEY}"'))
    (tmp_path / "bridge.yaml").chmod(0o644)
    assert "ussd.key" in [fault.key for fault in settings.warnings()]
    again = load(tmp_path / "bridge.yaml", {"USSD_KEY": KEY})
    assert any("ussd.key stands there in clear" in fault.message for fault in again.warnings())

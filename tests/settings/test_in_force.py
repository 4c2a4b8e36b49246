from __future__ import annotations

from pathlib import Path

import pytest

from smppbridge.settings.configuration import load
from smppbridge.settings.example import tables
from smppbridge.settings.in_force import ListedSetting, differences, listed
from smppbridge.settings.schema import Settings

FILE = """\
web:
  listen: tcp:8775:interface=127.0.0.1
  users: [{name: ann, password: {hash: '$argon2id$v=19$m=8,t=1,p=1$TUFSS0VS$TUFSS0VS'}}]
  tokens: [{name: t, sha256: 'MARKER1'}]
callbacks: {listen: "tcp:${PORT}", public_url: https://sms.example.org}
ussd: {codes: {"*1#": bank}, key: MARKER-MARKER-1}
lists: {branches: {numbers: ["+243810000042"]}}
accounts:
  - {system_id: bank, password: [MARKER-1, MARKER-2]}
  - {system_id: shop, profile: node_smpp, password: "${SECRET}", binds: 2, window: 50}
  - {system_id: post, password: MARKER, outbind: {to: "192.0.2.1:2775", password: MARKER}}
providers:
  keccel: {type: keccel, token: MARKER, callback_key: MARKER-MARKER-2}
  d7: {type: d7, username: u, password: MARKER, proxy: "http://me:MARKER@h:1", reports: none}
  up: {type: smpp, host: smsc.test, system_id: up, password: MARKER}
  own:
    type: template
    secrets: {token: MARKER}
    headers: {X-Key: MARKER}
    auth: {basic: {username: me, password: "{token}"}}
    submit:
      url: https://x.example.org/sms?key=MARKER&x=1
      send: form
      parameters: {key: MARKER}
      headers: {X-Other: MARKER}
      body: {token: "{token}", to: "{number}", text: "{text}", key: MARKER}
      id: /id
routes: [{via: [keccel, d7, up, own]}]
""".replace("MARKER1", "0ddba11" * 9 + "0")
ENVIRONMENT = {"PORT": "8776", "SECRET": "MARKER"}


def read(path: Path, text: str = FILE, **environment: str) -> Settings:
    path.write_text(text)
    return load(path, ENVIRONMENT | environment)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "bridge.yaml"


def shown(settings: Settings) -> dict[str, ListedSetting]:
    return {each.key: each for each in listed(settings)}


def test_no_secret_is_a_value(path: Path) -> None:
    values = [each.value for each in listed(read(path))]
    for secret in ("MARKER", "TUFSS0VS", "0ddba11", "243810000042"):
        assert not [value for value in values if secret in value]
    assert len([value for value in values if value == "secret"]) >= 17


@pytest.mark.parametrize(
    ("key", "value", "origin"),
    [
        ("accounts[0].system_id", "bank", "bridge.yaml:9"),
        ("accounts[0].password", "secret", "bridge.yaml:9"),
        ("accounts[0].window", "100", "default"),
        ("accounts[1].password", "secret", "env"),
        ("accounts[1].binds", "2", "bridge.yaml:10"),
        ("accounts[1].window", "50", "bridge.yaml:10"),
        ("accounts[1].data_coding_1", "gsm7", "profile"),
        ("accounts[2].outbind.to", '"192.0.2.1:2775"', "bridge.yaml:11"),
        ("accounts[2].outbind.password", "secret", "bridge.yaml:11"),
        ("callbacks.listen", "tcp:${PORT}", "env"),
        ("web.users[0].name", "ann", "bridge.yaml:3"),
        ("web.users[0].password", "secret", "bridge.yaml:3"),
        ("providers.keccel.token", "secret", "bridge.yaml:13"),
        ("providers.own.submit.url", '"https://x.example.org/sms?..."', "bridge.yaml:22"),
        ("retention", "7d", "default"),
        ("receipts.keep", "48h", "default"),
        ("ussd.codes", '{"*1#": "bank"}', "bridge.yaml:6"),
        ("routes[0].via", "[keccel, d7, up, own]", "bridge.yaml:28"),
        ("providers.up.proxy", "null", "default"),
    ],
)
def test_a_setting_has_its_value_and_its_origin(
    path: Path, key: str, value: str, origin: str
) -> None:
    found = shown(read(path))[key]
    assert (found.value, found.origin) == (value, origin)


def test_each_setting_of_the_schema_is_listed(path: Path) -> None:
    found = shown(read(path))
    wanted = {row.key for row in tables()[""]} | {
        f"{section}.{row.key}"
        for section in ("smpp", "cdr", "receipts", "log")
        for row in tables()[section]
    }
    assert wanted - found.keys() <= {"web", "callbacks"}


def test_settings_of_no_file_come_from_the_program() -> None:
    found = shown(Settings.read({"backlog": 7}))
    assert (found["backlog"].value, found["backlog"].origin) == ("7", "program")
    assert found["retention"].origin == "default"


def test_differences_are_by_name(path: Path) -> None:
    old = read(path)
    changed = FILE.replace(
        "accounts:\n", "# a comment\naccounts:\n  - {system_id: new, password: MARKER-9}\n"
    ).replace("MARKER-2]", "MARKER-3]")
    changed = changed.replace(
        "  up: {type: smpp, host: smsc.test, system_id: up, password: MARKER}\n", ""
    )
    changed = changed.replace("[keccel, d7, up, own]", "[keccel, own]")
    found = differences(old, read(path, changed, PORT="8777"))
    assert [(each.key, each.old, each.new) for each in found] == [
        ("callbacks.listen", "tcp:${PORT}", "tcp:${PORT}"),
        ("accounts[new].system_id", None, "new"),
        ("accounts[new].password", None, "secret"),
        ("accounts[bank].password", "secret", "secret"),
        ("routes[0].via", "[keccel, d7, up, own]", "[keccel, own]"),
        ("providers.up.type", "smpp", None),
        ("providers.up.host", "smsc.test", None),
        ("providers.up.system_id", "up", None),
        ("providers.up.password", "secret", None),
    ]
    assert differences(old, old) == []


def test_a_value_that_means_the_same_is_no_difference(path: Path) -> None:
    old = read(path, "retention: 7d\nsmpp: {listen: tcp:2775}\n")
    assert differences(old, read(path, "retention: 604800\nsmpp: {listen: [tcp:2775]}\n")) == []

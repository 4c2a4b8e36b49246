from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from smppbridge.cli.check import check
from smppbridge.cli.default_paths import CONFIGURATION
from smppbridge.cli.run import run as run_command

GOOD = """\
accounts:
  - {system_id: a, password: p}
  - {system_id: b, password: p}
providers:
  keccel: {type: keccel, token: t}
routes:
  - via: keccel
"""


@dataclass
class Found:
    key: str
    message: str


Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    path = tmp_path / "bridge.yaml"

    def run(
        text: str | None,
        *options: str,
        found: Sequence[Found] = (),
        doubtful: Sequence[Found] = (),
    ) -> Result:
        part = "smppbridge.service.configuration"
        monkeypatch.setattr(f"{part}.verify", lambda settings, reactor: found)
        monkeypatch.setattr(f"{part}.warnings", lambda settings, wall: doubtful)
        if text is not None:
            path.write_text(text)
            path.chmod(0o600)
        return CliRunner().invoke(check, ["--config", str(path), *options])

    return run


def test_a_good_file(run: Run) -> None:
    result = run(GOOD)
    assert (result.output, result.exit_code) == ("ok: 2 accounts, 1 provider, 1 route\n", 0)


def test_lists_are_counted(run: Run) -> None:
    numbers = [f"2438100000{n:02}" for n in range(3)]
    lists = {"branches": {"numbers": [*numbers, numbers[0]]}, "one": {"numbers": numbers[:1]}}
    result = run(f"{GOOD}lists: {json.dumps(lists)}\n")
    assert result.output.splitlines() == [
        "list branches: 3 numbers (1 named again)",
        "list one: 1 number",
        "ok: 2 accounts, 1 provider, 1 route",
    ]


def test_warnings_are_told_and_do_no_harm(run: Run, tmp_path: Path) -> None:
    result = run("smpp: {}\n")
    lines = result.output.splitlines()
    assert lines[0].startswith(f"{tmp_path}/bridge.yaml: accounts: warning: there are none")
    assert (lines[-1], result.exit_code) == ("ok: 0 accounts, 0 providers, 0 routes", 0)


def test_every_fault_has_file_line_and_key(run: Run, tmp_path: Path) -> None:
    result = run(GOOD.replace("via: keccel", "via: kecel") + "smpp:\n  lissen: x\n")
    assert result.exit_code == 78
    assert result.output.splitlines() == [
        f"{tmp_path}/bridge.yaml:7: routes[0].via: no provider has this name; did you mean keccel?",
        f"{tmp_path}/bridge.yaml:9: smpp.lissen: unknown key; did you mean listen?",
    ]


def test_what_start_up_finds_has_its_line_too(run: Run, tmp_path: Path) -> None:
    result = run(GOOD, found=[Found("providers.keccel.ca_file", "is no certificate")])
    expected = f"{tmp_path}/bridge.yaml:5: providers.keccel.ca_file: is no certificate\n"
    assert (result.output, result.exit_code) == (expected, 78)


def test_what_will_not_do_for_long_is_a_warning(run: Run, tmp_path: Path) -> None:
    doubtful = [Found("smpp.listen", "the certificate a.pem expires in 3 days")]
    result = run(GOOD + "smpp:\n  listen: tcp:1\n", doubtful=doubtful)
    assert result.output.splitlines() == [
        f"{tmp_path}/bridge.yaml:9: smpp.listen: warning: the certificate a.pem expires in 3 days",
        "ok: 2 accounts, 1 provider, 1 route",
    ]
    assert result.exit_code == 0


def test_a_file_that_is_not_there(run: Run) -> None:
    result = run(None)
    assert result.exit_code == 78
    assert "cannot be read: No such file" in result.output


@pytest.mark.parametrize(("text", "code", "count"), [(GOOD, 0, 0), ("smpp: 1\nweb: 2\n", 78, 2)])
def test_json_is_a_list_of_faults(run: Run, text: str, code: int, count: int) -> None:
    result = run(text, "--json")
    faults = json.loads(result.output)
    assert (result.exit_code, len(faults)) == (code, count)
    for fault in faults:
        assert set(fault) == {"file", "line", "key", "message", "warning"}


def test_the_variables_of_an_environment_file(run: Run, tmp_path: Path) -> None:
    (tmp_path / "environment").write_text("TOKEN='a token'\n")
    text = GOOD.replace("token: t", "token: '${TOKEN}'")
    result = run(text, "--env-file", str(tmp_path / "environment"))
    assert (result.exit_code, result.output[:3]) == (0, "ok:")
    missing = run(text, "--env-file", str(tmp_path / "none"))
    assert (missing.exit_code, "none: cannot be read" in missing.output) == (78, True)


def test_the_folder_of_the_store_should_be_there(run: Run, tmp_path: Path) -> None:
    result = run(f"{GOOD}store: sqlite:{tmp_path}/none/bridge.db\n")
    assert f"store: warning: the folder {tmp_path}/none is not there" in result.output
    assert run(f"{GOOD}store: sqlite:{tmp_path}/bridge.db\n").output[:3] == "ok:"


def test_it_says_what_each_provider_has_to_call(run: Run) -> None:
    text = GOOD.replace("token: t", f"token: t, callback_key: {'k' * 20}")
    result = run(f"{text}callbacks: {{public_url: 'https://sms.example.org'}}\n")
    called = "https://sms.example.org/callbacks/keccel/<providers.keccel.callback_key>"
    assert result.output.splitlines()[0] == f"keccel calls {called}"


def test_the_default_is_where_the_unit_looks() -> None:
    unit = Path(__file__).parents[2] / "config/systemd/smppbridge.service"
    assert f"--config {CONFIGURATION}" in unit.read_text()
    for command in (check, run_command):
        assert any(o.name == "config" and o.default == CONFIGURATION for o in command.params)


def test_check_says_what_a_profile_sets_and_what_the_account_keeps(run: Run) -> None:
    text = """\
accounts:
  - {system_id: first, password: p, profile: smpp50}
  - {system_id: plain, password: p}
  - {system_id: last, password: p, profile: php_smpp, response: 2m, deliver_window: 2}
  - {system_id: own, password: p, profile: jasmin, receipts: {form: spec}}
providers:
  keccel: {type: keccel, token: t}
routes:
  - via: keccel
"""
    result = run(text)
    assert result.exit_code == 0
    assert result.output.splitlines() == [
        "first, profile smpp50: interface_version: 5.0, two_texts: message_payload",
        (
            "last, profile php_smpp: enquire_link: off, inactivity: 1h; its own: response,"
            " deliver_window"
        ),
        "own, profile jasmin: nothing; its own: receipts.form",
        "ok: 4 accounts, 1 provider, 1 route",
    ]


def test_the_quiet_hours_of_routes_are_printed(run: Run) -> None:
    quiet = "  - {to: [243, '244'], via: keccel, quiet: {from: 22:30, to: 07:00}}\n"
    named = "  - {to: 1, via: keccel, quiet: {from: 21:00, to: 08:00, zone: Europe/Paris}}\n"
    result = run(GOOD.replace("  - via: keccel\n", quiet + "  - via: keccel\n" + named))
    assert result.exit_code == 0
    assert result.output.splitlines() == [
        "routes[0] to 243, 244 is quiet 22:30 to 07:00 destination (elsewhere UTC)",
        "routes[2] to 1 is quiet 21:00 to 08:00 Europe/Paris",
        "ok: 2 accounts, 1 provider, 3 routes",
    ]

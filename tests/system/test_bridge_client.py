"""Commands that ask a daemon: over its socket, at its URL, and its store while none runs."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from click.testing import CliRunner, Result

from smppbridge.cli.bridge_client import ask
from smppbridge.cli.main import main
from smppbridge.web.keyring import digest_of
from tests.net.certificates import certify
from tests.ports import kept_ports
from tests.system.daemon import Daemon
from tests.system.provider import Provider

pytestmark = pytest.mark.system
Run = Callable[..., Result]
NOBODY = 65_534
# The modules are loaded by a user who may: only the command is run by one who may not.
AS_NOBODY = """
import os, sys
from pathlib import Path
import smppbridge.cli.messages, smppbridge.cli.stopped_bridge, smppbridge.cli.status
from smppbridge.cli.bridge_client import configured
from smppbridge.cli.main import main
configured(Path(sys.argv[-1]), "store", "")
os.setgroups([]); os.setgid({0}); os.setuid({0})
main(prog_name="smppbridge")
"""


@pytest.fixture
def seen(provider: Provider) -> Iterator[Daemon]:
    """A daemon in a folder that everybody may look into; its store and socket are its own."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        daemon = Daemon(folder, provider.url)
        daemon.settings["admin_socket"] = str(folder / "admin.sock")
        daemon.start()
        daemon.file.chmod(0o644)
        daemon.database.chmod(0o600)
        yield daemon
        daemon.close()


@pytest.fixture
def running(daemon: Daemon, tmp_path: Path) -> Daemon:
    daemon.settings["admin_socket"] = str(tmp_path / "admin.sock")
    daemon.settings["web"]["tokens"] = [
        {"name": "v", "role": "viewer", "sha256": digest_of("one")},
        {"name": "o", "role": "operator", "sha256": digest_of("two")},
    ]
    other = {**daemon.keccel, "callback_key": "another", "reports": "push"}
    daemon.settings["providers"]["other"] = other
    return daemon.start()


@pytest.fixture
def run(running: Daemon) -> Run:
    def run(*words: object, env: dict[str, str] | None = None) -> Result:
        return CliRunner().invoke(main, [*map(str, words)], env=env)

    return run


def at(daemon: Daemon) -> tuple[str, Path]:
    return "--config", daemon.file


def test_commands_one_after_another_take_no_room(running: Daemon) -> None:
    path = running.settings["admin_socket"]
    for _ in range(25):  # more than there is room for at once
        assert ask(path, "GET", "/restart")["under_way"] is False
    assert not running.events("connection_failed")


def submitted(daemon: Daemon, *texts: str) -> list[str]:
    with daemon.bound() as esme:
        return [esme.submit(text).message_id.decode() for text in texts]


def test_a_running_and_a_stopped_bridge_are_asked_alike(
    running: Daemon, run: Run, provider: Provider
) -> None:
    assert run("pause", "keccel", *at(running)).exit_code == 0
    first, second = submitted(running, "one", "two")
    looks: list[tuple[object, ...]] = [
        ("messages", *at(running)),
        ("messages", *at(running), "--json", "--show-text", "--show-numbers"),
        ("messages", "refused", *at(running)),
        ("messages", "unmatched", "--json", *at(running)),
        ("optouts", "list", *at(running)),
    ]
    asked = [run(*look) for look in looks]
    assert [(each.exit_code, each.stderr) for each in asked] == [(0, "")] * 5
    found = [json.loads(line) for line in asked[1].stdout.splitlines()]
    assert [each["message_id"] for each in found] == [second, first]
    assert {each["text"] for each in found} == {"one", "two"}
    (whole,) = map(
        json.loads, run("messages", "--id", first, "--json", *at(running)).stdout.splitlines()
    )
    assert whole["waits"]["awaited"] == "provider"
    running.stop()
    read = [run(*look) for look in looks]
    assert [each.stdout for each in read] == [each.stdout for each in asked]
    for each in read:
        assert "no bridge answers at" in each.stderr
        assert f"Read from the store {running.database}.\n" in each.stderr
    assert run("status", *at(running)).exit_code == 69
    assert run("messages", "--socket", running.settings["admin_socket"]).exit_code == 69


def test_status_says_whether_the_bridge_is_ready_and_where_messages_wait(
    running: Daemon, run: Run
) -> None:
    run("pause", "keccel", *at(running))
    submitted(running, "one")
    with running.bound():
        shown = run("status", *at(running))
        overview = json.loads(run("status", "--json", *at(running)).stdout)
    lines = shown.stdout.splitlines()
    assert (shown.exit_code, lines[0], overview["ready"]) == (0, "ready", True)
    assert lines[1].startswith(f"version {overview['version']}, up ")
    lane = next(line for line in lines if line.startswith("keccel ")).split()
    assert lane[1:6] == ["paused", "by", "hand", "closed", "1"]
    bank = next(line for line in lines if line.startswith("bank "))
    assert "1 of 4" in bank
    assert "1 transceiver" in bank


def test_a_bridge_that_is_not_ready_says_why(running: Daemon, run: Run) -> None:
    with running.bound() as esme:
        running.no_more_disk(full=True)
        esme.submit("one")
        shown = run("status", *at(running))
        running.no_more_disk(full=False)
    assert shown.exit_code == 1
    assert shown.stdout.startswith("not ready: ")


def test_a_pause_lasts_over_a_restart_and_ends_by_hand(
    running: Daemon, run: Run, provider: Provider
) -> None:
    paused = run("pause", "keccel", "nobody", *at(running))
    assert paused.exit_code == 1
    assert paused.stdout.startswith("keccel paused: ")
    assert paused.stderr == "Error: there is no provider nobody, but keccel, other\n"
    running.stop()
    running.start()
    submitted(running, "one")
    assert "paused by hand" in run("status", *at(running)).stdout
    assert provider.taken.total() == 0
    done = run("resume", "keccel", "--json", *at(running))
    assert json.loads(done.stdout) == {
        "verb": "resume",
        "done": ["keccel"],
        "unknown": [],
        "silent": [],
    }
    provider.await_taken(1)


def test_messages_that_wait_are_moved_and_given_up(
    running: Daemon, run: Run, provider: Provider
) -> None:
    run("pause", "keccel", *at(running))
    one, two, three, four = submitted(running, "one", "two", "three", "four")
    kept = run("move", one, "--to", "other", "--yes", *at(running))
    assert kept.exit_code == 1
    assert f"{one} The provider is not on its route" in kept.stderr
    moved = run("move", one, "--to", "other", "--off-route", "--yes", "--json", *at(running))
    assert json.loads(moved.stdout) == {"verb": "move", "decided": [one], "refused": {}}
    provider.await_taken(1)
    given = run("fail", two, 77, "--yes", "--json", *at(running))
    assert given.exit_code == 1
    refused = {"77": "is no message"}
    assert json.loads(given.stdout) == {"verb": "fail", "decided": [two], "refused": refused}
    assert json.loads(run("messages", "--json", "--id", two, *at(running)).stdout)["state"] == (
        "UNDELIVERABLE"
    )
    rest = run("fail", "--provider", "keccel", "--yes", *at(running))
    assert rest.stderr.startswith("2 messages: ended as UNDELIVERABLE")
    assert set(re.findall("[0-9]{9,}", rest.stdout)) == {three, four}
    assert run("fail", "--provider", "keccel", "--yes", *at(running)).exit_code == 1
    assert provider.taken == {"one": 1}


def test_uncertain_messages_are_decided_about(
    running: Daemon, run: Run, provider: Provider
) -> None:
    provider.reset_every = 1
    one, two = submitted(running, "one", "two")
    running.await_rows("select count(*) from message where stage = 2 and begun = 0", [(2,)])
    provider.reset_every = 0
    assert run("retry", *at(running)).exit_code == 2
    assert run("retry", one, "--provider", "keccel", *at(running)).exit_code == 2
    assert run("retry", one, "--yes", *at(running)).exit_code == 0
    provider.await_taken(3)
    assert run("fail", two, "--yes", *at(running)).exit_code == 0
    running.await_rows(f"select state from message where message_id = {two}", [(5,)])
    assert run("retry", "--provider", "keccel", *at(running)).stdout == "keccel is tried now\n"


def test_a_token_opens_a_bridge_elsewhere(running: Daemon, run: Run, tmp_path: Path) -> None:
    submitted(running, "one")
    token = tmp_path / "token"
    token.write_text("two\n")
    there = ("--url", f"http://localhost:{running.web}")
    assert run("status", *there, "--token-file", token).stdout.startswith("ready\n")
    asked = run("messages", *there, "--token-file", token, "--json", "--show-numbers")
    assert json.loads(asked.stdout)["destination"].isdecimal()
    viewer = {
        "SMPPBRIDGE_URL": f"http://localhost:{running.web}",
        "SMPPBRIDGE_TOKEN": "one",
    }
    assert run("messages", "--json", env=viewer).stdout.count("\n") == 1
    assert run("pause", "keccel", env=viewer).exit_code == 77
    assert run("messages", "--show-numbers", env=viewer).exit_code == 77
    assert run("status", *there, env={"SMPPBRIDGE_TOKEN": "three"}).exit_code == 77
    assert run("status", *there).exit_code == 2


def test_a_certificate_is_verified(daemon: Daemon, tmp_path: Path) -> None:
    key, certificate = certify(tmp_path)
    (port,) = kept_ports(1)
    files = f"privateKey={key}:certKey={certificate}"
    daemon.settings["web"]["listen"] = [
        daemon.settings["web"]["listen"],
        f"ssl:{port}:{files}:interface=127.0.0.1",
    ]
    daemon.settings["web"]["tokens"] = [{"name": "v", "role": "viewer", "sha256": digest_of("one")}]
    daemon.start()
    words = ["status", "--url", f"https://localhost:{port}"]
    env = {"SMPPBRIDGE_TOKEN": "one"}
    unknown = CliRunner().invoke(main, words, env=env)
    assert (unknown.exit_code, "certificate" in unknown.stderr) == (69, True)
    env["SSL_CERT_FILE"] = str(certificate)
    assert CliRunner().invoke(main, words, env=env).stdout.startswith("ready\n")


@pytest.mark.skipif(os.getuid() != 0, reason="needs root, to be somebody else")
@pytest.mark.parametrize("words", [["messages"], ["messages", "--id", "1"], ["status"]])
def test_who_may_not_read_the_store_is_told_what_to_do(seen: Daemon, words: list[str]) -> None:
    def told() -> tuple[int, str]:
        command = [sys.executable, "-c", AS_NOBODY.format(NOBODY), *words]
        done = subprocess.run(
            [*command, "--config", str(seen.file)],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.stdout == ""
        return done.returncode, done.stderr

    advice = f": try sudo -u root smppbridge {' '.join(words)} --config {seen.file}\n"
    socket = seen.settings["admin_socket"]
    why = f"Error: {socket} is for root and the bridge's user"
    assert told() == (77, f"{why}{advice}")
    seen.stop()
    why = f"Error: no bridge answers at {socket}: No such file or directory"
    if words == ["status"]:
        assert told() == (69, f"{why}\n")
    else:
        assert told() == (77, f"{why}; {seen.database} is for others{advice}")

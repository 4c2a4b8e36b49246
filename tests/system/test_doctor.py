"""`smppbridge doctor` beside a running daemon, and the gauges that alerts go by."""

from __future__ import annotations

import json
import os
import subprocess
from typing import Any

from smppbridge import __version__
from tests.patience import PATIENCE
from tests.system.daemon import COMMAND, KEY, TOKEN, Daemon
from tests.system.provider import Provider

HASHED = "$argon2id$v=19$m=8,t=1,p=1$YQ$YQ"


def examined(daemon: Daemon, *names: str) -> tuple[int, dict[str, dict[str, Any]]]:
    """Return the exit status, and the last diagnosis of each check."""
    done = subprocess.run(
        [COMMAND, "doctor", "--config", daemon.file, "--json", *names],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert not any(secret in done.stdout + done.stderr for secret in (KEY, TOKEN))
    return done.returncode, {each["check"]: each for each in json.loads(done.stdout)}


def test_beside_a_running_daemon(daemon: Daemon, provider: Provider) -> None:
    daemon.settings["callbacks"]["public_url"] = f"http://127.0.0.1:{daemon.callbacks}"
    daemon.start()
    assert daemon.process
    status, found = examined(daemon)
    assert status in (0, 1, 2)  # this machine may have a slow disk, and no time service
    assert found["bridge"]["says"] == f"takes messages, as process {daemon.process.pid}"
    assert found["version"]["says"] == __version__
    assert found["listener"]["says"] == "answers"
    assert "leads to the running bridge" in found["callbacks"]["says"]
    assert "the running bridge may open" in found["limits"]["says"]
    assert found["store"]["verdict"] == "good"
    assert "the running bridge has" in found["memory"]["says"]
    assert found["watchdog"]["check"] == "watchdog"
    assert provider.taken == {}
    assert daemon.stop() == 0
    _, found = examined(daemon)
    assert found["bridge"]["says"] == "is not running"
    assert os.path.exists(daemon.database)


def test_accounts_without_a_session_or_a_receipt_have_gauges_of_0(daemon: Daemon) -> None:
    daemon.settings["accounts"].insert(0, {"system_id": "odd", "password": "p"})
    daemon.settings["accounts"].append({"system_id": "idle", "password": "p"})
    daemon.start()
    for bound in (True, False):
        if bound:
            with daemon.bound():
                pass
        page = daemon.get("/metrics")[1]
        for name in ("odd", "bank", "idle"):
            assert f'smppbridge_binds{{account="{name}",type="receiver"}} 0.0' in page
            assert f'smppbridge_deliveries_waiting{{account="{name}"}} 0.0' in page
            assert f'smppbridge_deliveries_oldest_age_seconds{{account="{name}"}} 0.0' in page
    assert daemon.stop() == 0


def flown(daemon: Daemon, *arguments: str) -> tuple[int, dict[str, Any]]:
    """Send a canary; return the exit status and what became of it."""
    status, found = examined(daemon, "--canary", *arguments)
    return status, found["canary"]


def test_a_canary_comes_back_or_says_where_it_was_lost(daemon: Daemon, provider: Provider) -> None:
    number = "243810000042"
    daemon.settings["accounts"] += [
        {"system_id": "narrow", "password": "secret", "senders": ["10*", "BANK"]},
        {"system_id": "hashed", "password": {"hash": HASHED}},
    ]
    daemon.settings["routes"] = [{"to": "243", "via": ["keccel"]}]
    daemon.write()
    status, found = flown(daemon, "bank", number)
    assert (status, "cannot connect" in found["says"]) == (1, True)  # no bridge runs
    daemon.start()
    status, found = flown(daemon, "bank", number)
    assert (status, found["verdict"]) == (0, "good")
    assert "was delivered" in found["says"]
    assert flown(daemon, "narrow", number)[0] == 0
    assert daemon.rows("select source from message") == [("CANARY",), ("BANK",)]
    status, found = flown(daemon, "bank", "447700900123")
    assert (status, found["says"]) == (1, "refused: ESME_RINVDSTADR")
    assert found["advice"] == "smppbridge reasons --about bank"
    with provider.held():
        status, found = flown(daemon, "bank", number, "--wait", "1")
    assert (status, "no receipt came within 1 s" in found["says"]) == (1, True)
    assert found["advice"].startswith("smppbridge messages --id ")
    assert "is hashed" in flown(daemon, "hashed", number)[1]["says"]
    assert "did you mean bank?" in flown(daemon, "bnak", number)[1]["says"]
    daemon.settings["accounts"][0]["password"] = "another"
    daemon.write()  # and not applied
    status, found = flown(daemon, "bank", number)
    assert (status, found["says"]) == (1, "the bind was refused: ESME_RINVPASWD")

"""Requests of all kinds to the whole API, made from its own description by schemathesis."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from smppbridge.cli.bridge_client import ask
from smppbridge.web.keyring import digest_of
from tests.system.daemon import Daemon

PROGRAM = os.environ.get("SCHEMATHESIS") or shutil.which("schemathesis")
"""In an environment of its own: its dependencies are many."""

EXAMPLES = int(os.environ.get("SMPPBRIDGE_EXAMPLES", "20"))
"""Requests of any kind to each operation; at night there is time for more."""

ACCEPTED = """\
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "3xx", 401, 403, 404, 409, 412, 429, "5xx"]
"""
"""Its own, and 412: nobody guesses the ETag that If-Match wants."""

pytestmark = [
    pytest.mark.system,
    pytest.mark.slow,
    pytest.mark.skipif(
        PROGRAM is None, reason="SCHEMATHESIS names no program: the API IS NOT TESTED as a whole"
    ),
]


# Most of what a viewer asks ends at the door, whatever is in it.
@pytest.mark.parametrize(("role", "examples"), [("viewer", EXAMPLES // 4), ("admin", EXAMPLES)])
def test_no_5xx_and_no_answer_that_is_not_described(
    daemon: Daemon, tmp_path: Path, role: str, examples: int
) -> None:
    daemon.settings["admin_socket"] = path = str(tmp_path / "admin.sock")
    daemon.settings["web"]["tokens"] = [{"name": "t", "role": role, "sha256": digest_of("one")}]
    daemon.settings["cdr"] = {"folder": str(tmp_path / "cdr")}
    daemon.start()
    (tmp_path / "schemathesis.toml").write_text(ACCEPTED)
    description = tmp_path / "openapi.json"
    description.write_text(json.dumps(ask(path, "GET", "/openapi.json")))
    command = [str(PROGRAM), "run", str(description), "--url", f"http://127.0.0.1:{daemon.web}"]
    command += ["-H", "Authorization: Bearer one", "--seed", "1"]
    command += ["-n", str(examples), "--request-timeout", "60"]
    command += ["--exclude-path", "/api/v1/events"]  # a stream has no end
    command += ["--exclude-operation-id", "start_restart"]  # it ends the connections
    command += ["--phases", "examples,coverage,fuzzing", "--warnings", "off"]
    clean = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=500, check=False, cwd=tmp_path, env=clean
    )
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr
    assert daemon.events("unhandled_error") == []

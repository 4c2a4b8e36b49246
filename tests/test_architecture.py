"""What the import contracts in pyproject.toml cannot see."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import smppbridge

ROOT = Path(smppbridge.__file__).parent
PURE = ("smpp", "text", "model", "routing", "providers", "store/port.py", "relay", "tracing")
IMPURE = re.compile(
    r"(.*\.)?(datetime\.(now|utcnow|today)|date\.today|importlib\.import_module)"
    r"|(uuid\.)?uuid[14]|time|monotonic|sleep|urandom|open|print|__import__"
)


def sources(*places: str) -> list[Path]:
    return sorted(
        path
        for place in map(ROOT.joinpath, places)
        for path in ([place] if place.is_file() else place.rglob("*.py"))
    )


def impure_calls(tree: ast.AST) -> list[str]:
    """Return the calls that read a clock, roll dice or do I/O, and where they are."""
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    return [
        f"{name} in line {call.lineno}"
        for call in calls
        if IMPURE.fullmatch(name := ast.unparse(call.func))
    ]


def imported(tree: ast.AST) -> Iterator[str]:
    """Yield full names of what is imported."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_pure_packages_read_no_clock_and_make_no_chance() -> None:
    paths = sources(*PURE)
    assert len(paths) > len(PURE)
    for path in paths:
        assert impure_calls(ast.parse(path.read_text())) == [], path


@pytest.mark.parametrize(
    "bad",
    [
        "datetime.now()",
        "datetime.datetime.now(UTC)",
        "uuid.uuid4()",
        "uuid4()",
        "time()",
        "open(x)",
    ],
)
def test_an_impure_call_is_found(bad: str) -> None:
    assert impure_calls(ast.parse(f"def f():\n    return {bad}"))


def test_only_service_and_cli_import_the_reactor() -> None:
    importers = {
        path.relative_to(ROOT).parts[0]
        for path in sources(".")
        if any(
            name.startswith("twisted.internet.reactor")
            for name in imported(ast.parse(path.read_text()))
        )
    }
    assert importers <= {"service", "cli"}


_WITHOUT_DRIVER = """
import pkgutil, sys
sys.modules["psycopg"] = None  # as if it were not installed
import smppbridge
for each in pkgutil.walk_packages(smppbridge.__path__, "smppbridge."):
    apart = each.name.startswith(("smppbridge.store.postgres", "smppbridge.service.nodes."))
    if not apart and not each.name.endswith(".__main__"):
        __import__(each.name)
print([name for name in sys.modules if name.startswith("smppbridge.store.postgres.")])
"""


@pytest.mark.slow
def test_nothing_of_postgresql_is_imported_where_the_store_is_a_file() -> None:
    command = [sys.executable, "-W", "ignore", "-c", _WITHOUT_DRIVER]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr

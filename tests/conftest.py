"""Rules for all tests.

Hypothesis judges code, not how busy the machine is.  A folder gives its tests the mark that
`.ci/check` leaves out.  A fixture that many tests share fails once.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")

TESTS = Path(__file__).parent
SLOW = ("bench", "benchmarks", "contracts", "mutation", "trace")
MARKS = {
    "system": "system",
    "interop": "interop",
    "browser": "browser",
    **dict.fromkeys(SLOW, "slow"),
}
"""The mark of all tests in a folder."""

FAILURES = pytest.StashKey[dict[int, tuple[BaseException, str]]]()
"""By id: the error that a setup raised first, and the test whose setup it was."""


@pytest.hookimpl(tryfirst=True)  # before -m chooses
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        mark = MARKS.get(item.path.relative_to(TESTS).parts[0])
        if mark:
            item.add_marker(mark)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    """Let a shared fixture fail for the first test that needs it, and skip the others.

    pytest keeps the error of a shared fixture, and raises the same one again.
    """
    try:
        return (yield)
    except (Exception, pytest.fail.Exception) as error:
        failures = item.config.stash.setdefault(FAILURES, {})
        first, where = failures.setdefault(id(error), (error, item.nodeid))
        if where == item.nodeid:
            raise
        why = f"{type(first).__name__}: {first}".partition("\n")[0]
        pytest.skip(f"A SHARED FIXTURE FAILED for {where}: {why}")

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.stage import CHROMIUM, Stage, axe, needed


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Debian's Chromium; root has no sandbox."""
    with needed()() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def stage(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One daemon for all tests of the console: a test leaves it as it found it."""
    stage = Stage(tmp_path_factory.mktemp("console"), browser)
    yield stage
    stage.close()


@pytest.fixture(scope="session")
def axe_source() -> str:
    """The source of axe-core, which judges how accessible a page is."""
    found = axe()
    if found is None:
        pytest.skip("NO axe-core IN NODE_PATH: NOBODY JUDGES HOW ACCESSIBLE THE CONSOLE IS")
    return found

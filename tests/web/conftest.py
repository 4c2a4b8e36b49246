from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.store.opened import Opened
from tests.web.desk import Desk


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opened]:
    opened = Opened(tmp_path)
    yield opened
    opened.store.stop()


@pytest.fixture
def desk(opened: Opened) -> Desk:
    return Desk(opened.path)

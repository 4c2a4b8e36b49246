"""The command lines of child processes, which everybody on the machine may read."""

from __future__ import annotations

from pathlib import Path

import pytest

from smppbridge.service.side_processes import store_words
from smppbridge.settings.configuration import load
from smppbridge.settings.schema import Settings

DATABASE = "postgresql://bridge@db/sms"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("store: sqlite:/x.db", ["--store", "sqlite:/x.db"]),
        ("store: postgresql://bridge:geheim@db/sms", ["--config", "FILE"]),
        (f"store: {DATABASE}", ["--config", "FILE"]),
    ],
)
def test_a_password_is_on_no_command_line(tmp_path: Path, text: str, expected: list[str]) -> None:
    file = tmp_path / "bridge.yaml"
    file.write_text(f"{text}\n")
    words = store_words(load(file, {}))
    assert words == [str(file) if word == "FILE" else word for word in expected]


def test_without_a_file_a_database_is_found_by_its_url_alone() -> None:
    settings = Settings.read({"store": "postgresql://bridge:geheim@db/sms"})
    assert store_words(settings) == ["--store", DATABASE]

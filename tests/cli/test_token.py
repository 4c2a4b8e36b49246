from __future__ import annotations

import pytest
import yaml
from click.testing import CliRunner

from smppbridge.cli.main import main
from smppbridge.settings.schema import Settings
from smppbridge.web.keyring import digest_of


@pytest.mark.parametrize("name", ["grafana", "no:c", "true", "#1", "{x}"])
def test_a_token_and_its_entry(name: str) -> None:
    result = CliRunner().invoke(main, ["token", name, "--role", "operator"])
    assert result.exit_code == 0
    token = result.stdout.strip()
    assert token.startswith("sbt_")
    assert token not in result.stderr
    entry = yaml.safe_load(result.stderr.partition("\n")[2])
    assert entry == [{"name": name, "role": "operator", "sha256": digest_of(token)}]
    assert Settings.model_validate({"web": {"tokens": entry}}).web


@pytest.mark.parametrize("name", ["", "a b", 'a"b', "a\\b", "é", "x" * 65])
def test_odd_names_are_refused(name: str) -> None:
    result = CliRunner().invoke(main, ["token", name])
    assert result.exit_code == 1
    assert "1 to 64" in result.stderr
    assert result.stdout == ""


def test_two_tokens_differ() -> None:
    made = {CliRunner().invoke(main, ["token", "a"]).stdout for _ in range(2)}
    assert len(made) == 2

"""The pages say what the code says, and name only what there is."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

import smppbridge
from smppbridge import smpp
from smppbridge.docs import entries, files, glossary, markdown, tables
from smppbridge.model.message import Stage
from smppbridge.observe.log import LEVELS
from smppbridge.providers.registry import TYPES
from smppbridge.settings.configuration import load
from smppbridge.smpp.constants import CommandStatus, MessageState
from tests.reading import blocks, commands_in, links_in, mistakes_of, rows_of

ROOT = Path(__file__).parents[1]
PACKAGE = Path(smppbridge.__file__).parent
PAGES = [*files.PAGES, *files.DECISIONS, "CHANGES"]
ANSWERING = ("relay/accept", "relay/ussd", "net/binds.py", "net/smpp_server.py")


def sources(*places: str) -> Iterator[Path]:
    for place in places:
        path = PACKAGE / place
        yield from [path] if path.is_file() else sorted(path.rglob("*.py"))


def events_in(path: Path) -> set[str]:
    """Return the names of events that a module writes to the journal."""
    calls = (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call))
    return {
        call.args[0].value
        for call in calls
        if re.search(r"journal$|_tell|_log_event", ast.unparse(call.func))
        and call.args
        and isinstance(call.args[0], ast.Constant)
        and isinstance(call.args[0].value, str)
        and re.fullmatch(r"[a-z]+(_[a-z]+)*", call.args[0].value)
    }


@pytest.mark.parametrize("name", files.PAGES)
def test_the_tables_of_a_page_are_those_of_the_code(name: str) -> None:
    page = files.read(name)
    assert page == files.renewed(page, tables.text_of), "run python -m smppbridge.docs"


def test_a_page_of_yesterday_is_found() -> None:
    page = files.read("metrics")
    assert page.replace("| gauge |", "| counter |") != files.renewed(page, tables.text_of)


def test_everything_that_can_be_made_stands_in_a_page() -> None:
    marks = [mark for name in files.PAGES for mark in files.marks_in(files.read(name))]
    assert set(marks) == tables.MARKS
    unread = [f"<!-- {mark} -->" for mark in marks]
    assert all(files.read(name).count("<!-- end -->") for name in ("metrics", "log"))
    assert not any(mark in files.topic(name) for name in files.TOPICS for mark in unread)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_a_title_and_its_links_lead_somewhere(name: str) -> None:
    text = files.read(name)
    assert text.startswith("# ")
    assert text.endswith("\n")
    here = (ROOT / "smppbridge" / "docs" / name).parent
    for link in links_in(text):
        assert (here / link).exists(), link


@pytest.mark.parametrize("name", PAGES)
def test_a_page_names_only_commands_that_there_are(name: str) -> None:
    commands = [each for each in commands_in(files.read(name)) if "[OPTIONS]" not in each]
    assert [found for each in commands for found in mistakes_of(each)] == []


@pytest.mark.parametrize("name", ["routes", "mo", "ussd", "template"])
def test_what_a_page_configures_is_taken(name: str, tmp_path: Path) -> None:
    (whole, _template) = blocks((ROOT / "README.md").read_text(), "yaml")
    (part,) = blocks(files.read(name), "yaml")
    document = yaml.safe_load(whole)
    document["providers"] |= {"smscx": {"type": "smscx", "api_key": "k"}}
    document["accounts"].append({"system_id": "marketing", "password": "12345678"})
    given = yaml.safe_load(part)
    document["providers"] |= given.pop("providers", {})
    path = tmp_path / "bridge.yaml"
    path.write_text(yaml.safe_dump(document | given))
    path.chmod(0o600)
    names = re.findall(r"\$\{(\w+)\}", path.read_text())
    assert load(path, {n: "12345678" if "PASS" in n else "k" * 16 for n in names})


@pytest.mark.parametrize("name", files.TOPICS)
def test_every_topic_has_a_page(name: str) -> None:
    assert len(files.topic(name)) > 300


def test_decisions_are_numbered_and_say_why() -> None:
    numbers = [int(name.partition("/")[2][:3]) for name in files.DECISIONS]
    assert numbers == list(range(1, len(numbers) + 1))
    for number, name in zip(numbers, files.DECISIONS, strict=True):
        text = files.read(name)
        assert files.title_of(text).startswith(f"{number:03}: ")
        headings = re.findall(r"(?m)^## (.+)$", text)
        assert headings == ["Context", "Decision", "Figures", "Consequences"]


def test_every_number_of_smpp_is_explained() -> None:
    assert list(glossary.STATUSES) == list(CommandStatus)
    assert list(glossary.STATES) == list(MessageState)
    assert list(glossary.STAGES) == list(Stage)


def test_every_status_that_an_esme_is_answered_says_when() -> None:
    named = {
        name
        for path in sources(*ANSWERING)
        for name in re.findall(r"Status\.(ESME_\w+)", path.read_text())
    }
    assert len(named) > 10
    assert named <= {status.name for status in glossary.ANSWERED}


def test_every_event_of_the_log_is_explained() -> None:
    found = set().union(*map(events_in, sources("."))) | LEVELS.keys()
    assert len(found) > 30
    assert found <= glossary.EVENTS.keys()


def test_every_event_that_is_explained_is_in_the_code() -> None:
    code = "\n".join(path.read_text() for path in sources(".") if path.parent.name != "docs")
    for event in glossary.EVENTS:
        pattern = re.sub(r"_(resend|fail)_by_hand", "_{verb}_by_hand", event)
        assert f'"{pattern}"' in code, event


def test_every_type_of_provider_stands_in_the_table_of_abilities() -> None:
    head = next(line for line in files.read("providers").splitlines() if line.startswith("| "))
    assert set(re.findall(r"`(\w+)`", head)) == set(TYPES)


def test_changes_begin_with_what_is_not_released_and_have_this_version() -> None:
    versions = re.findall(r"(?m)^## (\S+)", files.read("CHANGES"))
    assert versions[0] == "Unreleased"
    assert smppbridge.__version__ in versions


def test_the_licence_is_the_one_that_the_package_names() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["license"] == "Apache-2.0"
    (place,) = project["license-files"]
    text = (ROOT / place).read_text()
    assert "Apache License\n                           Version 2.0, January 2004" in text
    assert text == files.topic("license")


# -- smpp as a library ----------------------------------------------------------------------------


def test_the_face_of_smpp_has_what_it_names() -> None:
    assert 12 <= len(smpp.__all__) <= 16
    assert sorted(smpp.__all__) == smpp.__all__
    for name in smpp.__all__:
        assert hasattr(smpp, name)
        assert f"`{name}`" in files.read("smpp")


def test_smpp_needs_nothing_else_of_ours_and_no_twisted() -> None:
    code = (
        "import sys, smppbridge.smpp\n"
        "print(*sorted(m for m in sys.modules if m.startswith(('smppbridge.', 'twisted'))"
        " and not m.startswith('smppbridge.smpp')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "\n"


def test_the_example_runs_and_needs_only_smpp() -> None:
    source = files.read("examples/smpp_session", ".py")
    imports = re.findall(r"(?m)^from (\S+) import", source)
    assert imports == ["__future__", "smppbridge.smpp"]
    printed = tables.text_of("output smpp_session").splitlines()[1:-1]
    assert printed == [
        "esme: the bind was answered ESME_ROK",
        "smsc: b'Hello' to 243810000001",
        "esme: the message was answered ESME_ROK",
        "esme: message 1001 is DELIVERED",
        "smsc: the receipt was acknowledged",
        "both ends are CLOSED and CLOSED",
    ]


# -- what has a name ------------------------------------------------------------------------------


def test_every_entry_says_what_it_means_and_where_there_is_more() -> None:
    every = list(entries.entries())
    assert len(every) > 400
    for entry in every:
        assert entry.summary[1], entry.name
        assert entry.topic in files.TOPICS
        assert entry.is_called(entry.name.lower()), entry.name


def test_a_cell_with_a_bar_is_refused() -> None:
    with pytest.raises(ValueError, match="bar"):
        markdown.table(("a",), [("b|c",)])


def test_rows_of_a_table_are_read_back() -> None:
    assert rows_of("\n" + markdown.table(("a", "b"), [("1", "2"), ("3", "")])) == [
        ["1", "2"],
        ["3", ""],
    ]

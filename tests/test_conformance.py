"""The conformance statement says what the code does, all of it and nothing else."""

from __future__ import annotations

import json
from typing import Any
from unittest.mock import Mock

import pytest
from click.testing import CliRunner

from smppbridge.cli.main import main
from smppbridge.docs import conformance, files
from smppbridge.docs.conformance import FIELDS, OPERATIONS, TIMES
from smppbridge.model.treatments import TREATMENTS
from smppbridge.service.operations import build_operations
from smppbridge.smpp import fields, times
from smppbridge.smpp.constants import RESPONSE, CommandId, Tag
from smppbridge.smpp.matrix import MAY_SEND, Role, State
from smppbridge.smpp.pdus import BY_COMMAND_ID

LINK = set(map(CommandId, (1, 2, 9, 6, 0x15, 0x80000000)))  # binds, unbind, enquire_link, nack
ALL = {each.name: each for each in conformance.statement()}


def test_every_operation_is_there_and_no_other() -> None:
    requests = {CommandId(each) for each in BY_COMMAND_ID if not each & RESPONSE}
    assert OPERATIONS.keys() == requests | {CommandId.GENERIC_NACK}


@pytest.mark.parametrize("command", sorted(OPERATIONS))
def test_what_is_served_and_sent_is_what_the_matrix_allows(command: CommandId) -> None:
    ours = OPERATIONS[command]
    for role, words in ((Role.ESME, ours.from_esme), (Role.SMSC, ours.to_esme)):
        may = any(int(command) in MAY_SEND[role, state] for state in State)
        assert may == (words != "" and not words.startswith("refused")), (command, role)


def test_every_operation_that_is_served_has_a_movement() -> None:
    movements: Any = [Mock()] * 6
    built = set(map(CommandId, build_operations(*movements)))
    served = {c for c, service in OPERATIONS.items() if service.from_esme.startswith("served")}
    assert served == built | {CommandId.SUBMIT_SM} | LINK


def test_every_field_of_every_pdu_has_its_words_and_no_other_has() -> None:
    named = {name for pdu in BY_COMMAND_ID.values() for name, _ in fields.layout(pdu)}
    assert FIELDS.keys() == named


def test_every_tlv_has_its_treatment() -> None:
    assert TREATMENTS.keys() == set(Tag)


@pytest.mark.parametrize(
    ("form", "use"), [(form, use) for form, _, use in TIMES if form[0] in "Y0"]
)
def test_the_forms_of_times_are_read(form: str, use: str) -> None:
    written = {
        "YYMMDDhhmmsstnn+ or -": b"261231235959948-",
        "YYMMDDhhmmss000R": b"000101000000000R",
    }.get(form, form.encode())
    assert use == "served"
    times.parse(written, 0.0)


def test_the_words_of_chapters_are_sentences() -> None:
    for each in ALL.values():
        assert not each.words or each.words.endswith(".")
        assert each.rows
        assert {len(row) for row in each.rows} == {len(each.head)}


def test_the_command_prints_what_the_page_has() -> None:
    printed = CliRunner().invoke(main, ["conformance", "--format", "markdown"])
    assert printed.exit_code == 0
    assert printed.output.strip() in files.topic("conformance")


def test_the_command_prints_json_and_text() -> None:
    found = json.loads(CliRunner().invoke(main, ["conformance", "--format", "json"]).output)
    assert found.keys() == {"specification", *ALL}
    assert [len(found[name]) for name in ALL] == [len(each.rows) for each in ALL.values()]
    text = CliRunner().invoke(main, ["conformance", "tlvs"])
    assert "0x0424" in text.output
    assert "submit_multi" not in text.output
    assert CliRunner().invoke(main, ["conformance", "tlv"]).exit_code == 2

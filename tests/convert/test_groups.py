from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smppbridge.convert.conversion import Conversion
from smppbridge.convert.groups import Files, Group, Groups
from smppbridge.convert.systems import SYSTEMS, convert
from smppbridge.settings.document import BadSettings


def groups(path: Path, text: str | bytes) -> tuple[list[Group], Conversion]:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    conversion = Conversion()
    return Groups(conversion, Files()).read(path), conversion


def test_values_have_quotes_taken_off_and_lines_joined(tmp_path: Path) -> None:
    text = 'group = core\r\na = "x \\"y\\" \\\\ \\n"\n'
    text += "b = 0x10 #not a comment\n# a comment\nc = u;\\\n  v"
    (group,), _ = groups(tmp_path / "k.conf", text)
    assert group.text("a") == 'x "y" \\ \\n'
    assert group.number("b") == 16
    assert group.listed("c") == ["u", "v"]
    assert group.at("c").line == 5


def test_an_empty_line_ends_a_group_and_a_comment_does_not(tmp_path: Path) -> None:
    found, _ = groups(tmp_path / "k.conf", "group=core\n#\na=1\n\n\ngroup=smsc\na=2\n")
    assert [(each.kind, each.text("a"), each.place.line) for each in found] == [
        ("core", "1", 1),
        ("smsc", "2", 6),
    ]


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("group = core\nnothing\n", 2, "no equals sign"),
        ("a = 1\n", 1, "no line group"),
        ("group = core\ngroup = smsc\n", 2, "an empty line is missing"),
        (b"group = core\na = \xff\n", 2, "is not UTF-8"),
        ("group = core\na = \0\n", 2, "control character"),
        ("group = core\n\ninclude = k.conf\n", 3, "included by itself"),
        ("group = core\n" + "a" * 4_194_304, 0, "longer than"),
        ("\n" * 200_001, 200_001, "one line too many"),
    ],
)
def test_what_is_no_configuration(tmp_path: Path, text: str | bytes, line: int, says: str) -> None:
    with pytest.raises(BadSettings) as caught:
        groups(tmp_path / "k.conf", text)
    (fault,) = caught.value.faults
    assert (fault.line, says in fault.message) == (line, True)


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("name", ["missing", ".", "\0", "x" * 300])
def test_a_file_that_cannot_be_read(tmp_path: Path, system: str, name: str) -> None:
    with pytest.raises(BadSettings):
        convert(system, tmp_path / name)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(BadSettings, match="is not a file"):
        convert("kannel", tmp_path / "pipe")


def test_files_of_a_folder_are_included_in_order_and_a_missing_one_is_a_note(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "d"
    folder.mkdir()
    (folder / "b.conf").write_text("group = b")
    (folder / "a.conf").write_text("group = a\n")
    found, conversion = groups(
        tmp_path / "k.conf", 'include = "d"\ninclude = gone.conf\n\ngroup = c\n'
    )
    assert [each.kind for each in found] == ["a", "b", "c"]
    assert [(note.line, note.key) for note in conversion.notes] == [(2, "include")]


def test_too_many_files(tmp_path: Path) -> None:
    folder = tmp_path / "d"
    folder.mkdir()
    for number in range(201):
        (folder / f"{number}").write_text("group = a\n")
    with pytest.raises(BadSettings, match="one file too many"):
        groups(tmp_path / "k.conf", "include = d\n")


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(system=st.sampled_from(list(SYSTEMS)), octets=st.binary(max_size=200))
def test_any_octets_give_a_clear_error_or_a_conversion(
    tmp_path: Path, system: str, octets: bytes
) -> None:
    path = tmp_path / "any"
    path.write_bytes(octets)
    with pytest.raises(BadSettings) as caught:
        convert(system, path)
    assert all(str(fault).isprintable() for fault in caught.value.faults)


_WORDS = (
    r"group smsc smpp http host port = smsc-id sendsms-user username password send-url"
    r" http://h/%p?t=%b%z{ generic system-type include opensmppbox smpp-logins any allowed-prefix"
    r' 243 -1 0x 99999999999999999999 ( [ \ " user -a -s -l mtrouter -l filter > ok #1 <DA'
    r" (dst_addr=^24[3-) smppc(a) order connector smppccm cid type StaticMTRoute jcli"
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    system=st.sampled_from(list(SYSTEMS)),
    words=st.lists(st.sampled_from([*_WORDS.split(), *"\n\n\n"]), max_size=40),
)
def test_words_in_any_order_give_a_clear_error_or_a_conversion(
    tmp_path: Path, system: str, words: list[str]
) -> None:
    path = tmp_path / "any"
    path.write_text(" ".join(words))
    try:
        conversion = convert(system, path)
    except BadSettings:
        return
    assert conversion.text(["any"])

from __future__ import annotations

from pathlib import Path

import pytest

from smppbridge.model.lists import MOST_NUMBERS, NumberList
from smppbridge.settings import lists
from smppbridge.settings.configuration import load
from smppbridge.settings.document import BadSettings
from smppbridge.settings.schema import Settings

ABOVE = """\
accounts:
  - {system_id: bank, password: secret}
lists:
"""
FILE = "numbers.txt"


def read(folder: Path, *written: str) -> Settings:
    file = folder / "bridge.yaml"
    file.write_text(ABOVE + "".join(f"  {each}\n" for each in written))
    return load(file, {})


def faults(folder: Path, *written: str) -> list[str]:
    with pytest.raises(BadSettings) as raised:
        read(folder, *written)
    return [f"{fault.key}: {fault.message}" for fault in raised.value.faults]


def test_lists_are_read_as_they_are_written(tmp_path: Path) -> None:
    text = "\ufeff# staff\r\n+243 81 000-0003 # Ada\n\n00243810000004\n243810000003\n243810000005"
    (tmp_path / FILE).write_bytes(text.encode())
    settings = read(
        tmp_path,
        'short: {numbers: ["+243810000001", 243810000002, "243 810 000 001"]}',
        'Two words: {numbers: ["243810000001"], accounts: bank}',
        f"staff: {{file: {FILE}, accounts: [bank]}}",
    )
    assert settings.number_lists() == {
        "short": NumberList(("243810000001", "243810000002")),
        "Two words": NumberList(("243810000001",), frozenset(("bank",))),
        "staff": NumberList(("243810000003", "243810000004", "243810000005"), frozenset(("bank",))),
    }
    assert Settings().number_lists() == {}


@pytest.mark.parametrize(
    ("written", "fault"),
    [
        ("a: {}", "lists.a: must have numbers, or a file of them"),
        (
            f'a: {{numbers: ["243810000001"], file: {FILE}}}',
            "lists.a: must have numbers, or a file of them",
        ),
        ("a: {numbers: []}", "lists.a.numbers: has 0 numbers, and may have 1 to 10,000"),
        (
            'a: {numbers: ["243810000001", x]}',
            "lists.a.numbers[1]: must be an E.164 number, as +243810000001",
        ),
        (
            'a: {numbers: ["0810000001", 243810000001]}',
            "lists.a.numbers[0]: must be an E.164 number, as +243810000001",
        ),
        ("a: {file: [x]}", "lists.a.file: must be the name of a file"),
        ("a: {file: nowhere}", "lists.a.file: the file cannot be read: No such file or directory"),
        ('a: {file: "a\\0b"}', "lists.a.file: is not the name of a file"),
        (
            'a: {numbers: ["243810000001"], accounts: [bang]}',
            "lists.a.accounts[0]: no account has this system_id; did you mean bank?",
        ),
        ("a: {files: x}", "lists.a.files: unknown key; did you mean file?"),
        (
            f"{'a' * 21}: {{numbers: [243810000001]}}",
            f"lists.{'a' * 21}: must be 1 to 20 printable ASCII",
        ),
        ("é: {numbers: [243810000001]}", "lists.é: must be 1 to 20 printable ASCII"),
    ],
)
def test_faults_are_told_at_their_key(tmp_path: Path, written: str, fault: str) -> None:
    (tmp_path / FILE).write_text("243810000001\n")
    assert any(each.startswith(fault) for each in faults(tmp_path, written)), faults(
        tmp_path, written
    )


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (b"", "has 0 numbers, and may have 1 to 10,000"),
        (b"# nobody\n\n", "has 0 numbers, and may have 1 to 10,000"),
        (b"x\n243810000001\n0810000001", "numbers.txt:1, numbers.txt:3: not an E.164 number"),
        (
            b"x\n" * 7,
            ", ".join(f"{FILE}:{n}" for n in range(1, 6))
            + " and 2 lines more: not an E.164 number",
        ),
        (b"\xff", "the file is not UTF-8 text"),
        (b"#" * (lists.MOST_OCTETS + 1), "the file has over 1,048,576 octets"),
        (
            b"".join(b"2438%08d\n" % n for n in range(MOST_NUMBERS + 1)),
            "has 10,001 numbers, and may have 1 to 10,000",
        ),
    ],
)
def test_a_file_with_a_fault_is_told_with_its_lines(
    tmp_path: Path, text: bytes, fault: str
) -> None:
    (tmp_path / FILE).write_bytes(text)
    assert faults(tmp_path, f"a: {{file: {FILE}}}") == [f"lists.a.file: {fault}"]


def test_all_lists_together_have_a_bound(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("".join(f"2438{n:08}\n" for n in range(MOST_NUMBERS)))
    tenfold = [f"a{n}: {{file: {FILE}}}" for n in range(10)]
    assert len(read(tmp_path, *tenfold).number_lists()) == 10
    (found,) = faults(tmp_path, *tenfold, 'b: {numbers: ["243810000001"]}')
    assert found == "lists: have 100,001 numbers in all, and may have 100,000"


def test_numbers_are_in_no_repr(tmp_path: Path) -> None:
    settings = read(tmp_path, 'a: {numbers: ["243810000001"]}')
    assert "2438" not in repr(settings.lists) + repr(settings.number_lists())

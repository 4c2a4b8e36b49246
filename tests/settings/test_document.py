from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from smppbridge.settings.document import Document, Fault, parse, read


def parsed(text: str, **environment: str) -> Document:
    document = Document("f")
    parse(text, document, environment)
    return document


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("NO", "NO"),
        ("off", "off"),
        ("0243", "0243"),
        ("+10:00", "+10:00"),
        ("2024-01-01", "2024-01-01"),
        ("1_000", "1_000"),
        ("1e5", "1e5"),
        (".inf", ".inf"),
        ("243", 243),
        ("-1", -1),
        ("0", 0),
        ("1.5", 1.5),
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
        ("'243'", "243"),
        ("[a, 1]", ["a", 1]),
    ],
)
def test_words_mean_what_they_look_like(text: str, value: Any) -> None:
    document = parsed(f"key: {text}")
    assert document.values == {"key": value}
    assert type(document.values["key"]) is type(value)
    assert not document.faults


def test_every_key_has_its_line() -> None:
    document = parsed("a:\n  - b: 1\n    c:\n      - 2\n  - {b: 3}\n")
    assert document.lines == {
        "": 0,
        "a": 1,
        "a[0]": 2,
        "a[0].b": 2,
        "a[0].c": 3,
        "a[0].c[0]": 4,
        "a[1]": 5,
        "a[1].b": 5,
    }


@pytest.mark.parametrize(
    ("key", "line"), [("a[0].x", 2), ("a[7].x.y", 1), ("zz", 0), ("a[0].b.c", 2)]
)
def test_a_fault_is_on_the_line_of_what_contains_it(key: str, line: int) -> None:
    assert parsed("a:\n  - b: 1\n").fault(key, "m") == Fault("f", line, key, "m")


def test_variables_are_expanded_in_values_only() -> None:
    document = parsed("${A}: ${A}\nb: '${A}'\nc: plain\n", A="1")
    assert document.values == {"${A}": "1", "b": "1", "c": "plain"}
    assert document.literal == {"c"}


@pytest.mark.parametrize(
    ("text", "line", "key", "said"),
    [
        ("a: 1\nb:\n  c: 1\n  c: 2\n", 4, "b.c", "is here twice; the first is on line 3"),
        ("a: 1\nb: ${X}\n", 2, "b", "X is not set"),
        ("a: 1\nb: [\n", 3, "", "is not YAML"),
        ("a: b: c\n", 1, "", "is not YAML"),
        ("---\na: 1\n---\nb: 1\n", 3, "", "is not YAML"),
        ("a:\n\n  - !!binary aGk=\n", 3, "a[0]", "YAML tag"),
        ("a: !thing {}\n", 1, "a", "YAML tag"),
        ("a: !!int seven\n", 1, "a", "is not of the type int"),
        ("a: 1\n? [b]\n: 1\n", 0, "", "a key that is not a word"),
        ("a: &x [*x]\n", 1, "", "contains itself"),
        ("a: 1\nb: \x01\n", 2, "", "control character"),
        ("[" * 5_000, 0, "", "nested too deeply"),
    ],
)
def test_faults_of_the_text(text: str, line: int, key: str, said: str) -> None:
    (fault,) = parsed(text).faults.values()
    assert (fault.line, fault.key) == (line, key)
    assert said in fault.message


@pytest.mark.parametrize("value", ["*hunter2", "!hunter2!x y", "&hunter2", "!hunter2 x"])
def test_a_password_that_is_yaml_is_not_quoted_in_faults(value: str) -> None:
    assert "hunter2" not in "".join(map(str, parsed(f"password: {value}\n").faults.values()))


def test_aliases_cannot_make_a_small_file_large() -> None:
    doubling = "".join(f"k{n}: &k{n} [{f'*k{n - 1}, *k{n - 1}' if n else 1}]\n" for n in range(40))
    (fault,) = parsed(doubling).faults.values()
    assert "too much" in fault.message


@pytest.mark.parametrize(
    ("octets", "line", "said"),
    [(b"a: 1\nb: \xff\n", 2, "UTF-8"), (b"#" * 4_194_305, 0, "longer than")],
)
def test_files_that_are_not_text(tmp_path: Path, octets: bytes, line: int, said: str) -> None:
    path = tmp_path / "f"
    path.write_bytes(octets)
    (fault,) = read(path, {}).faults.values()
    assert fault.line == line
    assert said in fault.message


@pytest.mark.parametrize("name", ["missing", ".", "a\0b"])
def test_files_that_cannot_be_read(tmp_path: Path, name: str) -> None:
    (fault,) = read(tmp_path / name, {}).faults.values()
    assert "cannot be read" in fault.message


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        (Fault("f", 3, "a.b", "is bad"), "f:3: a.b: is bad"),
        (Fault("f", 0, "", "is bad", warning=True), "f: warning: is bad"),
        (Fault("f", 1, "a\x1b[2J", "m"), "f:1: a\\x1b[2J: m"),
    ],
)
def test_how_a_fault_reads(fault: Fault, text: str) -> None:
    assert str(fault) == text

from __future__ import annotations

import pytest

from smppbridge.convert.addresses import networks, prefix, prefixes, sender


@pytest.mark.parametrize(
    ("patterns", "expected", "odd"),
    [
        (["x", "10.*.*.*", "192.168.1.77-80"], ["10.0.0.0/8"], ["x", "192.168.1.77-80"]),
        (["127.0.0.1", "localhost"], ["127.0.0.1/32"], []),
        (["10.1.2.*", "300.1.1.1", "10.*.1.1"], ["10.1.2.0/24"], ["300.1.1.1", "10.*.1.1"]),
        (["x", "*.*.*.*"], None, ["x"]),
    ],
)
def test_networks(patterns: list[str], expected: list[str] | None, odd: list[str]) -> None:
    assert networks(patterns) == (expected, odd)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("243", "243"), ("+243", "243"), ("00243", "243"), ("0243", None), ("+", None), ("x", None)],
)
def test_prefix(text: str, expected: str | None) -> None:
    assert prefix(text) == expected


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("^243", ["243"]),
        (r"^\+?243\d{9}$", ["243"]),
        ("^(243|25[45])", ["243", "254", "255"]),
        ("^(?:243|1).*", ["243", "1"]),
        ("^24[3-5][0-9]+$", ["243", "244", "245"]),
        (".*", [""]),
        (r"^\d+$", [""]),
        ("243", None),  # anywhere in the number
        ("^243|^254", None),
        ("^24[3-", None),
        ("^(243", None),
        ("^24.3", None),
        ("^2(4", None),
        ("^" + "[0-9][1-9]" * 6, None),  # a million of them
    ],
)
def test_prefixes(pattern: str, expected: list[str] | None) -> None:
    assert prefixes(pattern) == expected


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [("^BANK$", "BANK"), ("^12.*", "12*"), ("^12", "12*"), (r"^A\.B$", "A.B"), ("BANK", None)],
)
def test_sender(pattern: str, expected: str | None) -> None:
    assert sender(pattern) == expected

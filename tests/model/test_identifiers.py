from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smppbridge.model.identifiers import IdKind, id_form, read_id, written
from tests.relay.fakes import account

BANK = account()
FORMS = [("decimal", 0), ("decimal", 20), ("hex", 0), ("hex", 16), ("padded", 0), ("padded", 64)]


@pytest.mark.parametrize(
    ("kind", "width", "shown"),
    [
        ("decimal", 0, b"1700000000123"),
        ("decimal", 15, b"001700000000123"),
        ("hex", 0, b"18bcfe5687b"),
        ("hex", 16, b"0000018bcfe5687b"),
        ("padded", 0, b"000001700000000123"),
        ("padded", 3, b"1700000000123"),
        ("padded", 20, b"00000001700000000123"),
    ],
)
def test_an_id_is_written_in_the_form_of_its_account(
    kind: IdKind, width: int, shown: bytes
) -> None:
    bank = replace(BANK, id_form=id_form(kind, width))
    assert written(1_700_000_000_123, bank) == shown


@given(st.integers(1, 2**63 - 1), st.sampled_from(FORMS))
def test_an_id_that_was_written_is_read(message_id: int, form: tuple[IdKind, int]) -> None:
    bank = replace(BANK, id_form=id_form(*form))
    octets = written(message_id, bank)
    for sent in (octets, octets.upper(), octets.lower(), b" " + octets, octets + b" "):
        assert read_id(sent, bank) == message_id
    assert read_id(b"0" + octets, bank) == (message_id if len(octets) < 64 else None)


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b" ",
        b"0",
        b"-1",
        b"+1",
        b"1_0",
        b"1 0",
        b"0x1f",
        b"1.0",
        b"\xb2",
        b"1\n",
        b"9" * 65,
        b"9" * 20,
        b"x",
    ],
)
@pytest.mark.parametrize("kind", ["decimal", "hex", "padded"])
def test_what_is_no_id_is_none(octets: bytes, kind: IdKind) -> None:
    bank = replace(BANK, id_form=id_form(kind))
    assert read_id(octets, bank) is None


def test_letters_are_digits_in_hex_alone() -> None:
    assert read_id(b"1f", BANK) is None
    assert read_id(b"1F", replace(BANK, id_form=b"%x")) == 31
    assert read_id(b"10", replace(BANK, id_form=b"%x")) == 16

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smppbridge.model.address import Address, BadAddress, BadTon, NoCountry, number_of

# addr, ton, country of the account -> E.164 digits
GOOD = [
    ("243810000001", 0, None, "243810000001"),
    ("243810000001", 1, None, "243810000001"),
    ("243810000001", 1, "CD", "243810000001"),
    ("00243810000001", 0, None, "243810000001"),
    ("00243810000001", 1, None, "243810000001"),
    ("+243810000001", 0, None, "243810000001"),
    ("+243810000001", 1, None, "243810000001"),
    ("+243810000001", 2, "KE", "243810000001"),
    ("+243810000001", 3, None, "243810000001"),
    ("+243810000001", 5, None, "243810000001"),
    ("243810000001", 5, None, "243810000001"),
    ("00243810000001", 5, None, "243810000001"),
    ("0810000001", 5, "CD", "243810000001"),
    (" +243 (81) 000-00.01 ", 1, None, "243810000001"),
    ("0810000001", 2, "CD", "243810000001"),
    ("810000001", 2, "CD", "243810000001"),
    ("0810000001", 4, "CD", "243810000001"),
    ("0810000001", 0, "CD", "243810000001"),
    ("0712345678", 0, "KE", "254712345678"),
    ("0612345678", 2, "IT", "390612345678"),  # Italy keeps its zero
    ("40123", 3, None, "40123"),
    ("911", 6, "CD", "911"),
    ("0012", 3, None, "0012"),
    ("1234567", 1, None, "1234567"),
    ("123456789012345", 0, None, "123456789012345"),
]
BAD = [
    ("", 1, None, BadAddress),
    (" -.()", 0, None, BadAddress),
    ("hello", 0, None, BadAddress),
    ("hello", 5, None, BadAddress),
    ("24381000000a", 1, None, BadAddress),
    ("++243810000001", 1, None, BadAddress),
    ("243810+000001", 1, None, BadAddress),
    ("٢٤٣٨١٠٠٠٠٠٠١", 1, None, BadAddress),
    ("123456", 5, None, BadAddress),
    ("243810000001", 7, None, BadTon),
    ("243810000001", 255, None, BadTon),
    ("0810000001", 2, None, NoCountry),
    ("0810000001", 0, None, NoCountry),
    ("0810000001", 1, "CD", BadAddress),
    ("123456", 0, None, BadAddress),
    ("1234567890123456", 1, None, BadAddress),
    ("000243810000001", 0, "CD", BadAddress),
    ("+", 1, None, BadAddress),
    ("+0243810000001", 1, None, BadAddress),
    ("1", 2, "CD", BadAddress),
    ("8", 2, "XX", BadAddress),
    ("12345678901234567890", 2, "CD", BadAddress),
]


@pytest.mark.parametrize("npi", [0, 1, 9, 255])
@pytest.mark.parametrize(("addr", "ton", "country", "number"), GOOD)
def test_a_destination_becomes_e164_digits(
    addr: str, ton: int, country: str | None, number: str, npi: int
) -> None:
    assert number_of(Address(addr, ton, npi), country) == number


@pytest.mark.parametrize(("addr", "ton", "country", "error"), BAD)
def test_what_is_no_destination_says_why(
    addr: str, ton: int, country: str | None, error: type[BadAddress]
) -> None:
    with pytest.raises(BadAddress) as caught:
        number_of(Address(addr, ton), country)
    assert caught.type is error


@given(
    st.text(st.sampled_from("0123456789+ -.()a٣"), max_size=21),
    st.integers(0, 8),
    st.sampled_from([None, "CD", "IT", "XX"]),
)
def test_any_destination_is_digits_or_refused(addr: str, ton: int, country: str | None) -> None:
    try:
        number = number_of(Address(addr, ton), country)
    except BadAddress:
        return
    assert number.isascii()
    assert number.isdecimal()
    if ton not in (3, 6):
        assert 7 <= len(number) <= 15
        assert number[0] != "0"

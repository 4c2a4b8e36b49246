from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from smppbridge.model.receipts import FORMS, SPEC, Receipts
from smppbridge.settings.configuration import load
from smppbridge.settings.document import BadSettings
from smppbridge.settings.receipts import AccountReceiptsSection
from smppbridge.smpp.constants import CommandStatus as Status

BRIDGE = """\
accounts:
  - system_id: bank
    password: secret12
    receipts:
      {keys}
  - system_id: shop
    password: secret12
    receipts: {{text: false}}
"""
LONG = "x" * (254 - 7 - 19 - 1)


def terms(**keys: Any) -> Receipts:
    return AccountReceiptsSection.model_validate(keys).terms()


def loaded(folder: Path, keys: str) -> Any:
    path = folder / "bridge.yaml"
    path.write_text(BRIDGE.format(keys=keys))
    path.chmod(0o600)
    return load(path).records()


def test_without_keys_a_receipt_is_the_specifications() -> None:
    assert terms() == terms(form="spec") == Receipts()


@pytest.mark.parametrize(
    ("keys", "changed"),
    [
        ({"text": True}, {}),
        ({"text": "on"}, {}),
        ({"text": False}, {"quotes": False}),
        ({"text": "no"}, {"quotes": False}),
        ({"text": "{id} {stat}"}, {"text": "{id} {stat}"}),
        ({"text": ""}, {"text": ""}),
        ({"lower_case": False}, {"text": SPEC.replace("text:{", "Text:{")}),
        ({"lower_case": False, "text": False, "form": "seconds"},
         {"text": SPEC.replace("text:{", "Text:{"), "quotes": False, "date": "YYMMDDhhmmss"}),
        ({"id": "hex"}, {"id_form": b"%01x"}),
        ({"id": "hex", "id_width": 16}, {"id_form": b"%016x"}),
        ({"id": "padded"}, {"id_form": b"%018d"}),
        ({"id": "decimal"}, {"id_form": b"%01d"}),
        ({"date": "YYYYMMDD"}, {"date": "YYYYMMDD"}),
        ({"utc_offset": "-02:30"}, {"utc_offset": -9_000}),
        ({"err_width": 1}, {"err_width": 1}),
        ({"stat": {"REJECTD": "REJECTED"}}, {"stat": (("REJECTD", "REJECTED"),)}),
        ({"swap_addresses": False}, {"swaps": False}),
        ({"tlvs": False}, {"tlvs": False}),
        ({"by": "data_sm"}, {"by": "data_sm"}),
        ({"on": "any"}, {"on": "any"}),
        ({"intermediate": "never"}, {"intermediate": "never"}),
        ({"retry_on": ["ESME_RSYSERR", "0x14", 88]}, {"retry_on": frozenset((8, 20, 88, 255))}),
        ({"retry_on": "0x08"}, {"retry_on": frozenset((8, 255))}),
        ({"retry_on": []}, {"retry_on": frozenset((255,))}),
        ({"form": "jasmin", "text": False}, {"text": FORMS["jasmin"]["text"], "quotes": False}),
        ({"form": "seconds"}, {"date": "YYMMDDhhmmss"}),
        ({"form": "seconds", "date": "YYMMDDhhmm"}, {}),
        ({"form": "tlv_only"}, {"text": ""}),
        ({"form": "tlv_only", "text": "{id}"}, {"text": "{id}"}),
        ({"form": "kannel", "on": "receiver", "stat": {}}, {}),
        ({"form": "kannel"}, {"on": "any", "stat": tuple(FORMS["kannel"]["stat"].items())}),
        ({"form": "cloudhopper"}, {}),
        ({"text": f"{LONG}{{id}} {{stat}}"}, {"text": f"{LONG}{{id}} {{stat}}"}),
    ],
)  # fmt: skip
def test_a_key_changes_what_the_form_says(keys: dict[str, Any], changed: dict[str, Any]) -> None:
    assert terms(**keys) == Receipts(**changed)


@pytest.mark.parametrize(
    ("keys", "line", "key", "said"),
    [
        ("form: kanel", 5, "form", "'spec', 'jasmin'"),
        ("text: 1", 5, "text", "must be true, false, or a text with fields"),
        ("text: id", 5, "text", "names no field"),
        ("text: 'id:{id} stat:{state}'", 5, "text", "{state} is no field; did you mean stat?"),
        ("text: '{zzz}'", 5, "text", "is no field: there are id, sub, dlvrd"),
        ("text: '{id:>9}'", 5, "text", "must be a name alone"),
        ("text: '{id'", 5, "text", "expected '}'"),
        ("text: '{id} caf\u00e9'", 5, "text", "must be printable ASCII"),
        ('text: "{id}\\n"', 5, "text", "must be printable ASCII"),
        (f"text: '{LONG}x{{id}} {{stat}}'", 5, "text", "can be 255 octets long, over 254"),
        ("date: YYMMDD\n      text: ''\n      tlvs: false", 7, "tlvs", "would be empty"),
        ("form: tlv_only\n      tlvs: false", 6, "tlvs", "would be empty"),
        ("id: octal", 5, "id", "'decimal', 'hex' or 'padded'"),
        ("id_width: 9", 5, "id_width", "goes with id"),
        ("id: hex\n      id_width: 65", 6, "id_width", "less than or equal to 64"),
        ("date: YYMM", 5, "date", "needs the day"),
        ("date: '%y%m%d'", 5, "date", "must be made of"),
        ("err_width: 0", 5, "err_width", "greater than or equal to 1"),
        ("stat: {EXPIRD: X}", 5, "stat", "EXPIRD is no word of a receipt; did you mean EXPIRED?"),
        ("stat: {EXPIRED: 'X Y'}", 5, "stat", "the word for EXPIRED must be 1 to 15"),
        ("stat: {EXPIRED: ''}", 5, "stat", "the word for EXPIRED must be 1 to 15"),
        ("by: submit_sm", 5, "by", "'deliver_sm' or 'data_sm'"),
        ("on: transmitter", 5, "on", "'receiver' or 'any'"),
        ("intermediate: maybe", 5, "intermediate", "'asked', 'always' or 'never'"),
        ("retry_on: [0x08, ESME_RSYSER, 0x14]", 5, "retry_on[1]", "is no status"),
        ("retry_on: [ESME_ROK]", 5, "retry_on[0]", "is no status"),
        ("texts: true", 5, "texts", "text"),
    ],
)
def test_errors_have_their_line(tmp_path: Path, keys: str, line: int, key: str, said: str) -> None:
    with pytest.raises(BadSettings) as raised:
        loaded(tmp_path, keys)
    (fault,) = raised.value.faults
    assert (fault.line, fault.key) == (line, f"accounts[0].receipts.{key}")
    assert said in fault.message


def test_each_account_has_its_own(tmp_path: Path) -> None:
    bank, shop = loaded(tmp_path, "retry_on: [ESME_RTHROTTLED]\n      form: kannel").values()
    assert bank.receipts.retry_on == {Status.ESME_RTHROTTLED, Status.ESME_RUNKNOWNERR}
    assert (bank.receipts.on, shop.receipts) == ("any", Receipts(quotes=False))
    assert (bank.id_form, shop.id_form) == (b"%d", b"%d")

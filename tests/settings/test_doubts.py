from __future__ import annotations

from pathlib import Path

import pytest

from smppbridge.settings.configuration import load

BASE = """\
accounts: [{system_id: bank, password: secret}]
providers:
  keccel: {type: keccel, token: t}
  d7: {type: d7, username: u, password: p, reports: none}
routes:
  - {to: "243", via: [keccel, d7]}
"""


def warned(tmp_path: Path, text: str, **environment: str) -> list[tuple[int, str, str]]:
    path = tmp_path / "bridge.yaml"
    path.write_text(text)
    path.chmod(0o600)
    return [(w.line, w.key, w.message) for w in load(path, environment).warnings()]


def test_nothing_is_doubtful(tmp_path: Path) -> None:
    assert warned(tmp_path, BASE) == []


@pytest.mark.parametrize(
    ("old", "new", "line", "key", "message"),
    [
        ("token: t", "token: $TOKEN", 3, "providers.keccel.token", "variable is written ${TOKEN}"),
        ("password: secret", "password: $bank", 1, "accounts[0].password", "written ${bank}"),
        ("keccel, d7]", "keccel, d7, keccel]", 6, "routes[0].via", "names keccel twice"),
        ("keccel, d7]", "keccel]", 4, "providers.d7", "no route leads to it"),
        ("[keccel, d7]}", '[d7]}\n  - {to: "243", via: keccel}', 7, "routes[1].to",
         "the prefix 243 is routed by routes[0] already"),
        ("[keccel, d7]}", "[d7]}\n  - {via: keccel}\n  - {via: d7}", 8, "routes[2]",
         "any number is routed by routes[1] already"),
        ("token: t", "token: t, base_url: 'http://api.example.org/v2'", 3,
         "providers.keccel.base_url", "shows its secrets to the network"),
        ("[keccel, d7]}", "[keccel, d7], require: dlt_entity_id}", 6, "routes[0].require",
         "go no further than to keccel, which takes no such TLV"),
        ("[keccel, d7]}", "[d7, keccel], tlvs: {dlt_entity_id: 11}}", 6, "routes[0].tlvs",
         "go no further than to d7, which takes no such TLV"),
    ],
)  # fmt: skip
def test_a_doubt_names_its_place(
    tmp_path: Path, old: str, new: str, line: int, key: str, message: str
) -> None:
    (found,) = warned(tmp_path, BASE.replace(old, new))
    assert found[0] == line
    assert found[1].startswith(key)
    assert message in found[2]


NODE = "{address: 'http://10.0.0.5:8777', listen: tcp:8777, key: k}"


@pytest.mark.parametrize(
    ("more", "doubtful"),
    [
        ("store: postgresql://b@db/x", True),
        ("store: postgresql://b@db/x\nnode: {name: a}", True),
        (f"store: postgresql://b@db/x\nnode: {NODE}", False),
        ("store: sqlite:/x", False),
    ],
)
def test_a_node_that_no_phone_is_passed_on_to(tmp_path: Path, more: str, doubtful: bool) -> None:
    ussd = "callbacks: {}\nussd: {key: ussdkeyussdkeyussdkey, codes: {'*1#': bank}}"
    found = warned(tmp_path, f"{BASE}\n{ussd}\n{more}\n")
    assert [key for _, key, _ in found if key.startswith("node")] == ["node.address"] * doubtful
    assert not [key for _, key, _ in warned(tmp_path, f"{BASE}\n{more}\n") if "node" in key]


def test_tlvs_that_an_upstream_takes_are_not_doubtful(tmp_path: Path) -> None:
    upstream = "up: {type: smpp, host: smsc.test, system_id: b, password: p, tlvs: named}"
    text = BASE.replace(
        "  d7: {type: d7, username: u, password: p, reports: none}", f"  {upstream}"
    )
    route = "{via: up, require: [dlt_entity_id], tlvs: {dlt_template_id: 11}}"
    text = text.replace("[keccel, d7]}", f"keccel}}\n  - {route}")
    assert warned(tmp_path, text) == []


@pytest.mark.parametrize(
    "changed",
    [
        BASE.replace("token: t", "token: '${TOKEN}'"),
        BASE.replace("token: t", "token: $$TOKEN"),
        BASE.replace("token: t", "token: 'a$b'"),
        BASE.replace("token: t", "token: t, base_url: 'http://127.0.0.1:8181/v2'"),
        BASE.replace("token: t", "token: t, base_url: 'http://localhost/v2'"),
        BASE.replace("[keccel, d7]}", '[d7]}\n  - {to: "243", via: keccel, accounts: [bank]}'),
        BASE.replace("[keccel, d7]}", '[d7]}\n  - {to: "243", via: keccel, senders: [BANK]}'),
        BASE.replace("[keccel, d7]}", '[d7]}\n  - {to: "2438", via: keccel}'),
    ],
)
def test_no_doubt(tmp_path: Path, changed: str) -> None:
    assert warned(tmp_path, changed, TOKEN="t") == []


def test_the_urls_to_be_called_do_not_show_their_keys(tmp_path: Path) -> None:
    path = tmp_path / "bridge.yaml"
    key = "k" * 20
    text = BASE.replace("token: t", f"token: t, callback_key: {key}")
    path.write_text(text + "callbacks: {public_url: 'https://sms.example.org/'}\n")
    assert list(load(path, {}).callback_urls()) == [
        ("keccel", "https://sms.example.org/callbacks/keccel/<providers.keccel.callback_key>")
    ]
    path.write_text(text + f"callbacks: {{}}\nussd: {{key: {key}, codes: {{'*1#': bank}}}}\n")
    assert [url.partition("/")[0] for _, url in load(path, {}).callback_urls()] == [
        "<callbacks.public_url>",
        "<callbacks.public_url>",
    ]
    path.write_text(BASE)
    assert list(load(path, {}).callback_urls()) == []

from __future__ import annotations

from pathlib import Path

import pytest

from smppbridge.routing.quiet import QuietHours
from smppbridge.settings.configuration import load
from smppbridge.settings.document import BadSettings
from smppbridge.settings.schema import Settings

ABOVE = """\
providers:
  one: {type: keccel, token: t}
routes:
  - to: "243"
    via: one
    quiet:
"""


def read(tmp_path: Path, *lines: str) -> Settings:
    file = tmp_path / "bridge.yaml"
    file.write_text(ABOVE.rstrip("\n") + (" " if len(lines) == 1 else "\n      "))
    with file.open("a") as more:
        more.write("\n      ".join(lines) + "\n")
    return load(file, {})


def quiet(tmp_path: Path, *lines: str) -> QuietHours | None:
    choice = read(tmp_path, *lines).table().find("bank", "X", "243810000001")
    assert choice is not None
    return choice.quiet


def fault(tmp_path: Path, *lines: str) -> str:
    with pytest.raises(BadSettings) as raised:
        read(tmp_path, *lines)
    [found] = raised.value.faults
    return f"{found.line} {found.key}: {found.message}"


def test_quiet_hours_are_read_with_and_without_quotes(tmp_path: Path) -> None:
    lines = ("from: 21:00", 'to: "08:00"', "zone: destination", "default_zone: Africa/Kinshasa")
    assert quiet(tmp_path, *lines) == QuietHours(
        1260, 480, "destination", default_zone="Africa/Kinshasa"
    )
    assert quiet(tmp_path, '{from: "00:00", to: "23:59", zone: Europe/Paris}') == QuietHours(
        0, 1439, "Europe/Paris", "UTC"
    )
    assert quiet(tmp_path, "{from: 21:00, to: 08:00}") == QuietHours(1260, 480)
    assert quiet(tmp_path, "{}") is None
    assert quiet(tmp_path, "{from: off, to: null, default_zone: Europe/Paris}") is None


@pytest.mark.parametrize(
    ("lines", "wanted"),
    [
        (("from: 9:00", "to: 10:00"), "7 routes[0].quiet.from: must be a time of the day, 00:00"),
        (("from: 21:00", "to: 24:00"), "8 routes[0].quiet.to: must be a time of the day, 00:00"),
        (("from: 21", "to: 08:00"), "7 routes[0].quiet.from: must be text: put it in quotes"),
        (("from: 08:00", "to: 08:00"), "8 routes[0].quiet.to: is the same as from: that is no"),
        (("from: 21:00", ""), "6 routes[0].quiet.to: is required: from and to go together"),
        (("to: 08:00", ""), "6 routes[0].quiet.from: is required: from and to go together"),
        (("zone: Europe/Paris", ""), "7 routes[0].quiet.zone: is for a quiet time, which needs"),
        (
            ("zone: Africa/Kinshassa", "to: 07:00"),
            "7 routes[0].quiet.zone: is not a time zone such as Africa/Kinshasa; did you mean",
        ),
        (("zone: ../etc/passwd", ""), "7 routes[0].quiet.zone: is not a time zone"),
        (("zone: Africa", ""), "7 routes[0].quiet.zone: is not a time zone"),
        (("default_zone: destination", ""), "7 routes[0].quiet.default_zone: is not a time zone"),
        (("form: 21:00", ""), "7 routes[0].quiet.form: unknown key; did you mean from?"),
        (("yes",), "6 routes[0].quiet: must be keys and values"),
    ],
)
def test_faults_have_their_line_and_key(
    lines: tuple[str, ...], wanted: str, tmp_path: Path
) -> None:
    found = fault(tmp_path, *lines)
    assert found.startswith(wanted), found

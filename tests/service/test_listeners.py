from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.protocol import Factory

from smppbridge.net.failed_connections import FailedConnections
from smppbridge.service.apply import NotApplied, read_certificates, warnings
from smppbridge.service.listeners import EXPIRES_SOON, Listeners, certificates_of
from smppbridge.settings.schema import Settings
from tests.net.certificates import Authority, certify

# Twisted's own way with certificates
pytestmark = pytest.mark.filterwarnings("ignore:Passing pyOpenSSL:DeprecationWarning")

DAY = 86_400.0


def settings_of(folder: Path, ends: float, authority_ends: float) -> Settings:
    key, certificate = certify(folder, ends=ends)
    authority = Authority(folder, ends=authority_ends)
    listen = f"ssl:0:privateKey={key}:certKey={certificate}:interface=127.0.0.1"
    return Settings.read(
        {
            "smpp": {"listen": [listen], "client_ca": str(authority.file)},
            "web": {"listen": f"{listen}:backlog=9"},
        }
    )


@pytest_twisted.async_yield_fixture
async def listeners() -> Any:
    opened = Listeners(
        reactor, FailedConnections(lambda *a, **k: None, lambda *of: None, time.monotonic)
    )
    yield opened
    await opened.close()


@pytest_twisted.ensureDeferred
async def test_a_doubt_is_told_once_a_day_and_a_new_one_at_once(
    listeners: Listeners, tmp_path: Path
) -> None:
    settings = settings_of(tmp_path, 100, 40)
    (smpp,), (web,) = settings.smpp.listen, settings.web.listen
    await listeners.open("smpp", smpp, Factory(), settings.smpp.client_ca)
    await listeners.open("web", web, Factory())
    midnight = (time.time() // DAY + 1) * DAY

    def told(days: float) -> list[tuple[str, str]]:
        found = listeners.doubts(settings, midnight + days * DAY)
        return [(each.listener, Path(each.file).name) for each in found]

    authority, own = ("smpp", "authority.pem"), ("smpp", "certificate.pem")
    of_web = ("web", "certificate.pem")
    assert [told(days) for days in (5, 9)] == [[], []]
    assert [told(days) for days in (11, 11.5, 11.99, 12, 12.1)] == [
        [authority],
        [],
        [],
        [authority],
        [],
    ]
    assert told(80) == [own, authority, of_web]
    certify(tmp_path, ends=12)
    listeners.use(certificates_of(settings))
    assert told(80.5) == [own, of_web]  # another one: it, too, is told of
    assert told(80.6) == []


@pytest_twisted.ensureDeferred
async def test_the_expiry_of_each_file_is_known_by_its_listener(
    listeners: Listeners, tmp_path: Path
) -> None:
    settings = settings_of(tmp_path, 100, 40)
    await listeners.open("smpp", settings.smpp.listen[0], Factory(), settings.smpp.client_ca)
    await listeners.open("web", settings.web.listen[0], Factory())
    days = {
        (listener, Path(file).name): round((expires - time.time()) / DAY)
        for (listener, file), expires in listeners.expiries().items()
    }
    assert days == {
        ("smpp", "certificate.pem"): 100,
        ("smpp", "authority.pem"): 40,
        ("web", "certificate.pem"): 100,
    }


@pytest.mark.parametrize(
    ("ends", "authority_ends", "keys"),
    [
        (31, 31, []),
        (29.9, 31, ["smpp.listen", "web.listen"]),
        (31, 29.9, ["smpp.client_ca"]),
        (-1, -1, ["smpp.listen", "smpp.client_ca", "web.listen"]),
    ],
)
def test_check_warns_of_what_ends_within_thirty_days(
    tmp_path: Path, ends: float, authority_ends: float, keys: list[str]
) -> None:
    assert EXPIRES_SOON == 30 * DAY
    settings = settings_of(tmp_path, ends, authority_ends)
    found = warnings(settings, time.time())
    assert [each.key for each in found if "certificate" in each.message] == keys


def test_authorities_that_cannot_be_read_refuse_a_reload(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, 100, 100)
    file = Path(settings.smpp.client_ca or "")
    file.write_text(file.read_text()[:-200])
    with pytest.raises(NotApplied, match="holds no certificate that can be read"):
        read_certificates(settings)

from __future__ import annotations

import datetime
import ssl
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import pytest_twisted
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID
from OpenSSL.crypto import X509
from twisted.internet import reactor
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import StringTransport
from twisted.internet.threads import deferToThread

from smppbridge.model.account import Account, Secret
from smppbridge.model.channel import CLEAR, CertificateName, Channel
from smppbridge.net.client_ca import channel_of
from smppbridge.net.tls import BadCertificates
from smppbridge.net.tls_listener import ServedCertificate, ServerFiles, TlsFactory, load
from tests.net.certificates import Authority, certify
from tests.net.test_tls_listener import silent, until

# Twisted's own way with certificates
pytestmark = pytest.mark.filterwarnings("ignore:Passing pyOpenSSL:DeprecationWarning")

FOR_SERVERS = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
FOR_CLIENTS = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
SUBJECT = "CN=bank,O=Bank\\, Sons & Co,C=CD"
URI = x509.UniformResourceIdentifier("spiffe://example.org/bank")


class Asking(Protocol):
    """Notes the channel that its client comes by, and answers."""

    def connectionMade(self) -> None:
        self.factory.hosts.append("made")  # type: ignore[attr-defined, union-attr]

    def dataReceived(self, data: bytes) -> None:
        self.factory.channels.append(channel_of(self.transport))  # type: ignore[attr-defined, union-attr]
        self.transport.write(b"hello")


class Asked(Factory[Asking]):
    protocol = Asking

    def __init__(self) -> None:
        self.channels: list[Channel] = []
        self.hosts: list[str] = []


class Door:
    """A listener with TLS on loopback that asks for certificates."""

    def __init__(self, folder: Path) -> None:
        self.authority = Authority(folder)
        key, self.certificate = certify(folder)
        self.files = ServerFiles(
            str(key), str(self.certificate), client_ca=str(self.authority.file)
        )
        self.served, self.asked = ServedCertificate(load(self.files)), Asked()
        self.failed: list[tuple[str, str]] = []
        factory = TlsFactory(self.served, self.asked, reactor, self._note)
        listen_tcp: Any = reactor.listenTCP
        self.listening = listen_tcp(0, factory, interface="127.0.0.1")
        self.port = self.listening.getHost().port

    def _note(self, host: str, reason: str, why: str = "") -> None:
        self.failed.append((reason, why))

    def client(self, shown: Path | None = None, **versions: ssl.TLSVersion) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.certificate))
        if shown:
            context.load_cert_chain(shown)
        for name, version in versions.items():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                setattr(context, name, version)
        return context

    def _speak(self, context: ssl.SSLContext, session: Any = None) -> Any:
        with (
            silent(self.port) as raw,
            context.wrap_socket(raw, server_hostname="localhost", session=session) as wrapped,
        ):
            wrapped.sendall(b"hello?")
            if not wrapped.recv(99):
                raise ConnectionError
            return wrapped.session, wrapped.session_reused

    async def speak(self, context: ssl.SSLContext, session: Any = None) -> Any:
        return await deferToThread(self._speak, context, session)

    async def is_refused(self, context: ssl.SSLContext) -> bool:
        try:
            await self.speak(context)
        except (ssl.SSLError, ConnectionError):
            return True
        return False


@pytest_twisted.async_yield_fixture
async def door(tmp_path: Path) -> Any:
    door = Door(tmp_path)
    yield door
    await door.listening.stopListening()


VERSIONS = pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])


@VERSIONS
@pytest_twisted.ensureDeferred
async def test_the_names_of_a_verified_certificate_are_known(door: Any, version: Any) -> None:
    names = (x509.DNSName("smpp.bank.example"), URI, x509.DNSName("other.bank.example"))
    shown = door.authority.certify(SUBJECT, *names, extra=[(FOR_CLIENTS, False)])
    await door.speak(door.client(shown, maximum_version=version))
    await door.speak(door.client(maximum_version=version))
    certified, bare = door.asked.channels
    assert certified == Channel(
        tls=True,
        certified=True,
        names=(
            CertificateName("cn", "bank"),
            CertificateName("subject", SUBJECT),
            CertificateName("dns", "smpp.bank.example"),
            CertificateName("dns", "other.bank.example"),
            CertificateName("uri", "spiffe://example.org/bank"),
        ),
    )
    assert bare == Channel(tls=True)
    assert door.failed == []


def bad_ones(folder: Path, authority: Authority) -> dict[str, Path]:
    (elsewhere := folder / "elsewhere").mkdir()
    return {
        "its issuer is not in client_ca": Authority(elsewhere, "another").certify("CN=bank"),
        "expired": authority.certify("CN=bank", begins=-9, ends=-1),
        "not valid yet": authority.certify("CN=bank", begins=1),
        "not for clients (extended key usage)": authority.certify(
            "CN=bank", extra=[(FOR_SERVERS, False)]
        ),
        "signed by itself": _both(certify(elsewhere, name="bank")),
    }


def _both(files: tuple[Path, Path]) -> Path:
    path = files[0].with_name("both.pem")
    path.write_bytes(b"".join(file.read_bytes() for file in files))
    return path


@VERSIONS
@pytest_twisted.ensureDeferred
async def test_a_certificate_that_is_not_verified_ends_the_handshake_and_why_is_known(
    door: Any, version: Any, tmp_path: Path
) -> None:
    bad = bad_ones(tmp_path, door.authority)
    for path in bad.values():
        assert await door.is_refused(door.client(path, maximum_version=version))
    await until(lambda: len(door.failed) == len(bad))
    assert door.failed == [("client_certificate_refused", why) for why in bad]
    assert door.asked.channels == []


@pytest_twisted.ensureDeferred
async def test_other_authorities_are_known_to_new_connections_alone(
    door: Any, tmp_path: Path
) -> None:
    (elsewhere := tmp_path / "elsewhere").mkdir()
    another = Authority(elsewhere, "another")
    old, new = door.authority.certify("CN=old"), another.certify("CN=new")
    session, _ = await door.speak(door.client(old))
    Path(door.files.client_ca).write_bytes(another.file.read_bytes())
    door.served.use(load(door.files))
    await door.speak(door.client(new))
    assert await door.is_refused(door.client(old))
    assert [str(channel.names[0]) for channel in door.asked.channels] == ["cn:old", "cn:new"]
    _, resumed = await door.speak(door.client(new), None)
    assert not resumed
    assert session is not None


@VERSIONS
@pytest_twisted.ensureDeferred
async def test_a_client_that_would_resume_is_verified_again(door: Any, version: Any) -> None:
    client = door.client(door.authority.certify("CN=bank"), maximum_version=version)
    session, _ = await door.speak(client)
    _, resumed = await door.speak(client, session)
    assert not resumed
    assert [channel.certified for channel in door.asked.channels] == [True, True]


@pytest_twisted.ensureDeferred
async def test_an_intermediate_authority_is_enough_and_so_is_one_certificate(
    door: Any, tmp_path: Path
) -> None:
    """A client may be known by its own certificate alone: it certifies itself, and nobody else."""
    (folder := tmp_path / "self").mkdir()
    own = _both(certify(folder, name="bank"))
    below = Authority(tmp_path, "below", by=door.authority)
    both = tmp_path / "both.pem"
    both.write_bytes((folder / "certificate.pem").read_bytes() + below.file.read_bytes() * 2)
    door.served.use(load(ServerFiles(door.files.key, door.files.certificate, client_ca=str(both))))
    await door.speak(door.client(own))
    await door.speak(door.client(below.certify("CN=shop")))
    assert await door.is_refused(door.client(door.authority.certify("CN=other")))
    assert [str(each.names[0]) for each in door.asked.channels] == ["cn:bank", "cn:shop"]


@pytest.mark.parametrize("method", [None, "SSLv23_METHOD", "TLSv1_2_METHOD"])
@pytest_twisted.ensureDeferred
async def test_tls_below_1_2_is_refused(door: Any, method: str | None) -> None:
    found = load(ServerFiles(door.files.key, door.files.certificate, method=method))
    found.context.set_cipher_list(b"ALL:@SECLEVEL=0")  # both sides would go that low
    door.served.use(found)
    versions = {"minimum_version": ssl.TLSVersion.TLSv1, "maximum_version": ssl.TLSVersion.TLSv1_1}
    old = door.client(**versions)
    old.set_ciphers("ALL:@SECLEVEL=0")
    assert await door.is_refused(old)
    await until(lambda: [reason for reason, _ in door.failed] == ["no_common_version"])
    await door.speak(door.client(maximum_version=ssl.TLSVersion.TLSv1_2))
    newest = door.client(minimum_version=ssl.TLSVersion.TLSv1_3)
    if method == "TLSv1_2_METHOD":
        assert await door.is_refused(newest)
    else:
        await door.speak(newest)


@pytest.mark.parametrize("method", ["TLSv1_METHOD", "TLSv1_1_METHOD", "SSLv3_METHOD", "Context"])
def test_no_method_leads_below_1_2(tmp_path: Path, method: str) -> None:
    key, certificate = certify(tmp_path)
    with pytest.raises(BadCertificates, match=f"{method} is none of"):
        load(ServerFiles(str(key), str(certificate), method=method))


def test_a_file_of_authorities_says_when_the_first_expires(tmp_path: Path) -> None:
    key, certificate = certify(tmp_path)
    ends = [Authority(tmp_path, f"a{days}", ends=days).file.read_bytes() for days in (9, 5, 70)]
    both = tmp_path / "ca.pem"
    both.write_bytes(b"".join(ends))
    found = load(ServerFiles(str(key), str(certificate), client_ca=str(both))).client_ca
    assert found
    assert round((found.expires - load_time(found)) / 86_400) == 5
    both.write_text("nobody")
    with pytest.raises(BadCertificates, match="holds no certificate"):
        load(ServerFiles(str(key), str(certificate), client_ca=str(both)))


def load_time(found: Any) -> float:
    begins: float = found.certificates[0].not_valid_before_utc.timestamp()
    return begins + 86_400


def test_a_channel_in_clear_is_one() -> None:
    assert channel_of(StringTransport()) == CLEAR == Channel()


NAMED = Channel(
    tls=True,
    certified=True,
    names=(
        CertificateName("cn", "bank"),
        CertificateName("subject", "CN=bank,O=Bank"),
        CertificateName("dns", "SMPP.bank.example"),
        CertificateName("uri", "spiffe://example.org/bank"),
    ),
)


def refused(channel: Channel, *names: str, tls: bool = False) -> str:
    wanted = tuple(CertificateName(*name.split(":", 1)) for name in names)  # type: ignore[arg-type]
    account = Account(system_id="bank", password=Secret("x"), tls=tls, certificate=wanted)
    return account.refuses(channel)


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        ((), ""),
        (("cn:bank",), ""),
        (("subject:CN=bank,O=Bank",), ""),
        (("dns:smpp.BANK.example",), ""),
        (("uri:spiffe://example.org/bank",), ""),
        (("cn:shop", "dns:smpp.bank.example", "uri:x"), ""),
        (("cn:Bank",), "other_certificate"),
        (("dns:bank",), "other_certificate"),
        (("dns:bank.example",), "other_certificate"),
        (("dns:*.bank.example",), "other_certificate"),
        (("cn:SMPP.bank.example",), "other_certificate"),
        (("subject:CN=bank",), "other_certificate"),
        (("uri:spiffe://example.org/BANK",), "other_certificate"),
    ],
)
def test_a_certificate_has_to_have_one_of_the_names(names: tuple[str, ...], reason: str) -> None:
    for tls in (False, True):
        assert refused(NAMED, *names, tls=tls) == reason
    bare = "no_certificate" if names else ""
    assert refused(Channel(tls=True), *names) == bare
    assert refused(CLEAR, *names) == ("tls_required" if names else "")
    assert refused(CLEAR, *names, tls=True) == "tls_required"


def test_of_two_common_names_none_counts(tmp_path: Path) -> None:
    shown = Authority(tmp_path).certify("CN=bank,CN=shop")
    certificate = x509.load_pem_x509_certificate(shown.read_bytes())

    class Transport:
        def getPeerCertificate(self) -> Any:
            return self

        def to_cryptography(self) -> x509.Certificate:
            return certificate

    names = channel_of(Transport()).names
    assert names == (CertificateName("subject", "CN=bank,CN=shop"),)


@pytest.mark.parametrize(
    ("names", "found"),
    [
        ("3004a3023000", ["cn:bank", "subject:CN=bank"]),  # an X.400 address
        ("30038201ff", []),  # a dNSName that is no ASCII
        ("ff", []),
    ],
)
def test_names_that_nobody_can_read_are_none(names: str, found: list[str]) -> None:
    odd = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.17"), bytes.fromhex(names))
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "bank")])
    later = now + datetime.timedelta(days=1)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now, later)
    shown = builder.add_extension(odd, critical=False).sign(key, hashes.SHA256())
    channel = channel_of(SimpleNamespace(getPeerCertificate=lambda: X509.from_cryptography(shown)))
    assert channel.certified
    assert [str(name) for name in channel.names] == found

from __future__ import annotations

import pytest

from smppbridge.settings.endpoints import BadEndpoint, Endpoint, parse


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [
        ("tcp:2775", Endpoint("tcp", {"port": "2775"})),
        (
            "tcp:port=1:interface=127.0.0.1",
            Endpoint("tcp", {"port": "1", "interface": "127.0.0.1"}),
        ),
        (r"tcp6:1:interface=\:\:1", Endpoint("tcp6", {"port": "1", "interface": "::1"})),
        ("systemd:INET:0", Endpoint("systemd", {"domain": "INET", "index": "0"})),
        ("systemd:INET:name=smpp", Endpoint("systemd", {"domain": "INET", "name": "smpp"})),
        ("unix:/run/smpp.sock", Endpoint("unix", {"address": "/run/smpp.sock"})),
    ],
)
def test_endpoints_are_read(text: str, endpoint: Endpoint) -> None:
    assert parse(text) == endpoint


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("haproxy:tcp:2775", "list the balancers in smpp.proxies"),
        ("udp:53", "must begin with one of tcp:"),
        ("", "must begin with"),
        ("2775", "must begin with"),
        ("tcp:", "needs a port"),
        ("tcp", "needs a port"),
        ("tcp:65536", "0 to 65535"),
        ("tcp:http", "0 to 65535"),
        ("tcp:1:2", "takes port, interface, backlog"),
        ("tcp:1:port=2", "each once"),
        ("tcp:1:interfase=lo", "takes port"),
        ("unix:", "path"),
        ("tcp:1\\", "backslash"),
    ],
)
def test_endpoints_that_are_none(text: str, said: str) -> None:
    with pytest.raises(BadEndpoint, match=said):
        parse(text)


@pytest.mark.parametrize(
    ("one", "other", "clash"),
    [
        ("tcp:1", "tcp:1", True),
        ("tcp:1", "ssl:01:privateKey=k", True),
        ("tcp:1", "tcp:1:interface=127.0.0.1", True),
        ("tcp:1:interface=10.0.0.1", "tcp:1:interface=127.0.0.1", False),
        ("tcp:1", "tcp:2", False),
        ("tcp:1", "tcp6:1", False),
        ("tcp:0", "tcp:0", False),
        ("unix:/a", "unix:/a", True),
        ("unix:/a", "unix:/b", False),
        ("unix:/a", "tcp:1", False),
    ],
)
def test_endpoints_that_clash(one: str, other: str, clash: bool) -> None:
    assert parse(one).clashes(parse(other)) is clash
    assert parse(other).clashes(parse(one)) is clash

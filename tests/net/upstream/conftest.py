"""A client of an upstream SMSC, and what is around the client."""

from __future__ import annotations

import pytest

from smppbridge.net.upstream.client import Upstreams
from tests.net.smscs import Around


@pytest.fixture
def around():
    return Around()


@pytest.fixture
def client(around):
    return Upstreams(around.ports)

from __future__ import annotations

from importlib.metadata import EntryPoint, EntryPoints

import pytest

from smppbridge.providers import registry
from smppbridge.providers.keccel import Keccel


@pytest.fixture
def installed(monkeypatch):
    def install(**values):
        found = EntryPoints(EntryPoint(n, v, registry.GROUP) for n, v in values.items())
        monkeypatch.setattr(registry, "entry_points", lambda group: found.select(group=group))

    install()
    return install


def test_types_of_ours_are_found_by_name(installed):
    assert registry.provider_type("keccel") is Keccel


def test_an_unknown_type_is_told_the_known_ones(installed):
    installed(acme="acme:Acme")
    with pytest.raises(registry.UnknownType, match=r"'kecel'.*acme, .*keccel"):
        registry.provider_type("kecel")


def test_installed_types_are_found_but_replace_none_of_ours(installed):
    installed(acme="smppbridge.providers.keccel:Keccel", keccel="json:JSONDecoder")
    assert registry.provider_type("acme") is Keccel
    assert registry.provider_type("keccel") is Keccel
    assert registry.known_types() == tuple(sorted({"acme", *registry.TYPES}))


@pytest.mark.parametrize("value", ["no_such_module:X", "json:NoSuchClass", "json:JSONDecoder"])
def test_an_installed_type_that_is_no_provider_is_unknown(installed, value):
    installed(acme=value)
    with pytest.raises(registry.UnknownType, match="acme"):
        registry.provider_type("acme")

"""The providers: how far each can be reached, and whether its credentials hold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from smppbridge.cli.blocking import BlockingClient
from smppbridge.doctor.diagnosis import LIMIT, Diagnosis
from smppbridge.doctor.reach import Host, NotReached, host_of, reach
from smppbridge.providers.exchange import BadReply, NoAnswer, NotSent, Provider
from smppbridge.settings.provider import ProviderSection

_NO_BIND = "its password is not tried: one more bind could end the bridge's own"
_NO_BALANCE = "its credentials are not tried: it cannot be asked for its credit"


def provider(name: str, section: ProviderSection, built: Provider) -> Iterator[Diagnosis]:
    """Examine one provider; no message is sent, and no session bound."""
    host = _host(section)
    lane = section.lane
    steps: list[str] = []
    if host is not None and not lane.proxy:
        try:
            steps.append(f"{host}: {reach(host, lane.ca_file)}")
        except NotReached as error:
            yield Diagnosis("provider", name, "fault", f"{host}: {error}")
            return
    if built.abilities.bound or not built.abilities.balance:
        steps.append(_NO_BIND if built.abilities.bound else _NO_BALANCE)
        yield Diagnosis("provider", name, "good", "; ".join(steps))
        return
    yield _asked(name, section, built, steps)


def _host(section: ProviderSection) -> Host | None:
    if section.type == "smpp":
        whole: Any = section
        return Host(whole.host, whole.port, whole.tls)
    submit = getattr(section, "submit", None)
    urls = (getattr(section, "base_url", None), getattr(submit, "url", None))
    return next(filter(None, (host_of(url) for url in urls if isinstance(url, str))), None)


def _asked(name: str, section: ProviderSection, built: Provider, steps: list[str]) -> Diagnosis:
    """Ask a provider for its credit: the one question that tries the credentials for nothing."""
    patience = LIMIT / 2
    lane = section.lane
    client = BlockingClient(
        replace(
            lane,
            timeout=min(patience, lane.timeout),
            connect_timeout=min(patience, lane.connect_timeout),
        )
    )
    try:
        left = client.carry(built.balance())
    except (NotSent, NoAnswer) as error:
        return Diagnosis("provider", name, "fault", "; ".join([*steps, f"no answer: {error}"]))
    except BadReply:
        status = f"HTTP {client.status}" if client.status else "an answer that is none"
        says = "; ".join([*steps, f"does not tell its credit: {status}"])
        advice = f"are the credentials right? smppbridge account {name} balance"
        return Diagnosis("provider", name, "fault", says, advice)
    finally:
        client.close()
    says = "; ".join([*steps, f"credentials hold, credit {left.amount:g} {left.unit}"])
    if lane.low_balance is not None and left.amount <= lane.low_balance:
        return Diagnosis("provider", name, "look", f"{says}: at low_balance", "top it up")
    return Diagnosis("provider", name, "good", says)

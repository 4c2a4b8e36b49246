"""statuses: the statuses of reports that no table of a provider has a state for; logged once."""

from __future__ import annotations

import re

from smppbridge.relay.ports import Around

MOST_LOGGED = 20  # statuses of one provider
_PLAIN = re.compile(r"[A-Z][A-Z _.-]{0,31}|-?[0-9]{1,4}", re.ASCII)
_ODD = "no plain word"  # a peer wrote it: perhaps with a text or a number in it


class UnknownStatuses:
    """Logs each unknown status once, up to a bound, and counts the reports that have one.

    Only UnknownStatuses writes the statuses that have been logged.
    """

    def __init__(self, around: Around) -> None:
        self._meters, self._journal = around.meters, around.journal
        self._logged: dict[str, set[str]] = {}

    def note(self, provider: str, status: str) -> None:
        """Note an unknown *status* in a provider's report."""
        self._meters.unknown_status(provider)
        logged = self._logged.setdefault(provider, set())
        word = status.strip().upper()[:64]
        word = word if _PLAIN.fullmatch(word) else _ODD
        if word in logged or len(logged) >= MOST_LOGGED:
            return
        logged.add(word)
        setting = f"providers.{provider}.states"
        self._journal("status_unknown", provider=provider, status=word, setting=setting)

"""counted: at `log.level: debug` every act of the relay that is counted is logged, too."""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from typing import Any


class LoggedMeters:
    """Meters that log each act by its name and arguments, and pass each on to other *meters*."""

    def __init__(self, meters: Any, log: Callable[..., None]) -> None:
        self._meters, self._log = meters, log

    def __getattr__(self, name: str) -> Callable[..., None]:
        count = getattr(self._meters, name)
        arguments = list(signature(count).parameters)

        def logged(*values: Any) -> None:
            self._log("counted", act=name, **dict(zip(arguments, values, strict=False)))
            count(*values)

        setattr(self, name, logged)
        return logged

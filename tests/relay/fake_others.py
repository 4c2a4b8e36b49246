"""Another bridge of the store, played: it carries acts out at once, or is silent."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from typing import Any

from smppbridge.relay.others import FarAnswers
from smppbridge.store.port import StoreFailure

Act = Callable[[Mapping[str, Any]], Any]


class FakeOthers:
    """The bridge "b" carries out *acts*; "c" has nothing to do.  *silent* do not answer."""

    def __init__(self, acts: Mapping[str, Act] | None = None) -> None:
        self.acts = acts or {}
        self.asked: list[tuple[Any, ...]] = []
        self.silent: list[str] = []
        self.alone = self.failing = False

    async def ask(
        self, shards: Collection[int] | None, act: str, body: Mapping[str, Any], seconds: float
    ) -> FarAnswers:
        self.asked.append((shards, act, body))
        if self.failing:
            raise StoreFailure("full")
        if "b" in self.silent:
            return FarAnswers({}, self.silent)
        answer = await self.acts[act](json.loads(json.dumps(body)))
        return FarAnswers({"b": json.loads(json.dumps(answer))}, self.silent)

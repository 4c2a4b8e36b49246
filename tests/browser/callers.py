"""A second provider of the stage, which tells what phones say and who has opted out."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any

from tests.patience import PATIENCE
from tests.system.daemon import KEY

if TYPE_CHECKING:
    from tests.browser.stage import Stage

OURS, NOBODYS, PHONE = "447700900001", "447700900099", "254722000001"


def add_phones(settings: dict[str, Any]) -> None:
    """Add a provider that calls back about phones, and an account that gets what they say."""
    smscx = {"type": "smscx", "api_key": "k", "callback_key": KEY, "optouts": "refuse"}
    settings["providers"]["smscx"] = {**smscx, "base_url": "http://127.0.0.1:9"}
    settings["mo"] = [{"to": OURS, "account": "bank"}]


def tell(stage: Stage, event: str, **item: Any) -> None:
    """Call as SMS.CX does."""
    connection = HTTPConnection("127.0.0.1", stage.daemon.callbacks, timeout=PATIENCE)
    try:
        body = json.dumps({"event": event, "data": [item]})
        headers = {"Content-Type": "application/json"}
        connection.request("POST", f"/callbacks/smscx/{KEY}", body, headers)
        assert connection.getresponse().status == 200
    finally:
        connection.close()


def say(stage: Stage, name: str, text: str, to: str = OURS) -> None:
    """Let a phone say a text."""
    now = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}"
    item = {"msgId": name, "from": f"+{PHONE}", "to": f"+{to}", "text": text}
    tell(stage, "receive_sms", **item, receivedAt=now)

"""The core modules, and the few tests that should kill their mutants."""

from __future__ import annotations

from tests.mutation.trial import Target

_SMPP, _RELAY = "smppbridge/smpp", "smppbridge/relay"
_SESSION = tuple(
    f"tests/smpp/test_{name}.py" for name in ("session", "timers", "unbind", "tally", "pace")
)
_HTTP = ("tests/net/test_http_client.py", "tests/net/test_http_connections.py")
_DELIVER = (
    "tests/relay/test_deliver.py",
    "tests/relay/test_deliver_lists.py",
    "tests/relay/test_deliver_sm.py",
)
_SUBMIT = ("tests/relay/submit", "tests/relay/lanes", "tests/relay/report/test_ending.py")
_NO_STORMS = ("-k", "not (in_the_end or expires_once or rate_is_used_up)")
"""Long runs of chance events: each survivor would have to stand them all."""

CORE = (
    Target(f"{_SMPP}/session.py", _SESSION),
    Target(f"{_SMPP}/life.py", _SESSION),
    Target(f"{_SMPP}/refusals.py", _SESSION),
    Target(f"{_SMPP}/codec.py", ("tests/smpp/test_codec.py",)),
    Target(f"{_SMPP}/compiled.py", ("tests/smpp/test_codec.py",)),
    Target(f"{_SMPP}/receipt.py", ("tests/smpp/test_receipt.py",)),
    Target("smppbridge/text/segments.py", ("tests/text/test_segments.py",)),
    Target(
        "smppbridge/net/http_connection.py",
        _HTTP,
    ),
    Target(f"{_RELAY}/accept/accept.py", ("tests/relay/accept",)),
    Target(f"{_RELAY}/accept/gather.py", ("tests/relay/accept",)),
    Target(f"{_RELAY}/accept/gatherings.py", ("tests/relay/accept",)),
    Target(f"{_RELAY}/accept/series.py", ("tests/relay/accept",)),
    Target(f"{_RELAY}/lanes/lane.py", ("tests/relay/lanes", *_NO_STORMS)),
    Target(f"{_RELAY}/lanes/retry.py", ("tests/relay/lanes/test_retry.py",)),
    Target(f"{_RELAY}/submit/submit.py", (*_SUBMIT, *_NO_STORMS)),
    Target(f"{_RELAY}/report/report.py", ("tests/relay/report",)),
    Target(f"{_RELAY}/report/ending.py", ("tests/relay/report",)),
    Target(f"{_RELAY}/deliver.py", (*_DELIVER, *_NO_STORMS)),
)

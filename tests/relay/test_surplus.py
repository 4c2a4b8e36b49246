"""The oldest keys above a bound go together, so that finding them costs little."""

from __future__ import annotations

import pytest

from smppbridge.relay.surplus import surplus


@pytest.mark.parametrize(
    ("held", "most", "gone"),
    [
        (0, 16, 0),
        (16, 16, 0),
        (17, 16, 0),  # one more may stay: it is a sixteenth
        (18, 16, 2),
        (1_062, 1_000, 0),
        (1_063, 1_000, 63),
        (3, 2, 1),  # a small bound is exact
        (1, 0, 1),
    ],
)
def test_the_oldest_keys_above_the_bound_go_together(held: int, most: int, gone: int) -> None:
    mapping = dict.fromkeys(range(held))
    assert surplus(mapping, most) == list(range(gone))
    assert len(mapping) == held


def test_each_key_is_passed_a_few_times_only() -> None:
    """A dict passes the places of deleted keys on its way to its first key."""
    looks, mapping = 0, dict.fromkeys(range(1_600))
    for key in range(1_600, 16_000):
        mapping[key] = None
        if old := surplus(mapping, 1_600):
            looks += 1
            for each in old:
                del mapping[each]
    assert looks == 14_400 // 101

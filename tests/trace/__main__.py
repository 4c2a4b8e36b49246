"""What a stranger has to open: the way of one message through the house, counted.

``python -m tests.trace`` runs the bridge in this process, sends it messages one by one, and prints
for each of the four stretches of a message: calls, modules, returns.  ``--turns`` cuts the
stretches into turns of the reactor, ``--way`` prints the way itself: module by module, with the
functions called there; a module that the way returns to is marked with ``<``.  ``--tree DIR``
traces the package in DIR instead, of any commit that has ``smppbridge run``.

The stretches:

accept   octets of a submit_sm arrive -> message on disk -> submit_sm_resp written
submit   attempt begun -> request handed to libcurl; its answer -> outcome recorded on disk
report   a callback's octets arrive -> message settled on disk -> 200 written
deliver  deliver_sm made and written; deliver_sm_resp arrives -> delivery finished on disk

The rule of counting:

- Only the reactor's thread is traced, and only frames of files in ``smppbridge/``, ``cli/`` apart:
  what the store's and libcurl's threads do is theirs, and code that was generated has no file.
- *Calls* are calls of functions, methods and properties.  Comprehensions and generator expressions
  are no functions here, and a coroutine or generator that goes on is no call.
- *Modules* are those of the functions called.
- *Returns* are read off the list of the called functions' modules, in the order of the calls: each
  time that the list changes to a module that it had left before in this stretch.  Coming back from
  a call is none: only a call into such a module is.
- A stretch begins and ends with octets, but for two seams inside a turn: submit begins with the
  first call into ``relay/submit`` or ``relay/lane*`` after the submit_sm_resp was written; and
  what ``relay/deliver`` does, with all that it calls, is deliver's.
- What the clock starts does not count, except what ``relay/deliver`` then does about this message.
  Turns that an idle bridge makes as well are left out, and of several messages' ways the shortest
  is counted: what happens beside a message only adds to its way.

The message: one segment in GSM 03.38, receipt wanted, nothing else under way, one account and one
Keccel that reports by callback; the lane has room, so that begin rides in accept's transaction.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

from tests.trace.counted import Call, counted, stretches, way
from tests.trace.traced import traced


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.trace",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--tree", type=Path, help="a checkout whose package is traced instead")
    parser.add_argument("--messages", type=int, default=5)
    parser.add_argument("--turns", action="store_true", help="count each turn of the reactor too")
    parser.add_argument("--way", action="store_true", help="print module by module")
    parser.add_argument("--json", action="store_true", help="print the counts as JSON")
    given = parser.parse_args(arguments)
    if given.tree:
        sys.path.insert(0, str(given.tree.resolve()))
    found = stretches(traced(given.messages), given.messages)
    if given.json:
        counts = {name: counted([*chain(*turns)]) for name, turns in found.items()}
        print(json.dumps(counts))
        return
    print(f"{'':12}{'calls':>8}{'modules':>9}{'returns':>9}")
    for name, turns in found.items():
        _row(name, [*chain(*turns)])
        for number, turn in enumerate(turns if given.turns else (), 1):
            _row(f"  turn {number}", turn)
    if given.way:
        for name, turns in found.items():
            print(f"\n{name}")
            print("\n".join(way(turns)))


def _row(name: str, calls: Sequence[Call]) -> None:
    number, modules, returns = counted(calls)
    print(f"{name:12}{number:8}{modules:9}{returns:9}")


if __name__ == "__main__":
    main()

"""``python -m smppbridge.docs`` writes the tables of the pages anew, from the code."""

from __future__ import annotations

import sys
from pathlib import Path

from smppbridge.docs.files import PAGES, renewed
from smppbridge.docs.tables import text_of


def write() -> list[Path]:
    """Write the pages whose tables have changed; return their paths."""
    changed = []
    for name in PAGES:
        path = Path(__file__).with_name(f"{name}.md")
        before = path.read_text("utf-8")
        after = renewed(before, text_of)
        if after != before:
            path.write_text(after, "utf-8")
            changed.append(path)
    return changed


if __name__ == "__main__":
    sys.stdout.writelines(f"{path}\n" for path in write())

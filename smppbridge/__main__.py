"""``python -m smppbridge`` is the command ``smppbridge``."""

from __future__ import annotations

from smppbridge.cli.main import main

if __name__ == "__main__":
    main(prog_name="smppbridge")

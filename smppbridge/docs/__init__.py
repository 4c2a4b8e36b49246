"""Pages about the bridge: shipped with it, printed by ``smppbridge help``.

The prose of a page is written by hand; each table in it stands between two marks and is made by
`tables` from the code. ``python -m smppbridge.docs`` writes the tables anew, and a test holds the
pages to them. `entries` is the same knowledge by name, for ``smppbridge help KEY``. The package may
import everything; only the command line imports it.
"""

"""The commands: each reads its arguments, calls what does the work, and prints.

One module a command, gathered by ``main``.  Nothing of the bridge is decided here; may import all.
"""

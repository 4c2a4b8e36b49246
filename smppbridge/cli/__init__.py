"""The commands: each reads its arguments, calls the package that does the work, and prints.

One module a command, gathered by ``main``.  The package never decides about a message.  May import
all.
"""

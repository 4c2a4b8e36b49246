"""The configuration file: read, checked and explained.

``configuration.load(path)`` is the one entry, for the daemon and for ``check``: it returns
Settings, or raises BadSettings with every fault of the file, each with its line and key.  A profile
is a table of settings and no code.  Nothing here opens a connection or a store, logs, or imports
Twisted; no message holds a secret.  May import ``model routing providers``; reads files and the
environment.
"""

"""What the operator wrote: the configuration file, read, checked and explained.

``load.load(path)`` is the one way in, for the daemon and for ``check``: it gives Settings, or every
fault of the file with its line and key.  Nothing here opens a connection or a store, logs, or knows
Twisted; a secret's value is in no message.  May import ``model routing providers``; reads files and
the environment.
"""

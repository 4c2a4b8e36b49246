"""The bridge seen from outside: log lines, metrics and datagrams to systemd.

The package never decides about a message, and no text of a message and no secret leaves through it.
All of its state belongs to the reactor's thread.  May import ``model`` and the names in
``smpp.constants``.
"""

"""Call detail records: a file an hour of the messages that reached their final state in that hour.

The package reads the store beside the daemon and writes files; no act of it is on the way of a
message, and it never writes into the store.  May import ``model``, ``text``, ``store``, ``observe``
and the names in ``smpp.constants``.
"""

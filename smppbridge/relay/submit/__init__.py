"""submit: an attempt is recorded before its request leaves, and again when its outcome is known.

`submit` reads from top to bottom; beside it are `backlog` (attempts that wait), `carry` (drives
exchanges), `late` (answers that come after their time), `overdue` (messages that are due for a poll
or for their end) and `rounds` (balances and pulls).  May import ``model text smpp routing providers
store.port`` and the other rooms.
"""

"""report: a provider's report finds its message and ends it, and makes its deliveries due.

`report` reads from top to bottom; beside it are `awaited` (the accepted attempts whose reports are
awaited), `early` (reports whose message is not known yet), `parts` (reports about the parts of a
message), `ending` (the one owner of a message's end), `receipts` (which deliveries a state makes
due) and `statuses` (the statuses of reports that no table knows).  May import ``model text smpp
routing providers store.port``.
"""

"""ussd: dialogues between phones and ESMEs, which are never on disk.

`dialogues` holds the state of each dialogue, `pdus` reads and builds its deliver_sm and submit_sm,
`responses` answers the submit_sm.  Where several nodes share a store, `passing` takes each request
to the node that has its dialogue, by `whereabouts`; `served` answers the other nodes, in `words`.
May import ``model text smpp providers`` and ``relay.ports``.
"""

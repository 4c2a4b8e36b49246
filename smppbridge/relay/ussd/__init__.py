"""ussd: dialogues between phones and ESMEs, which are never on disk.

`dialogues` holds the state of each dialogue, `pdus` reads and builds its deliver_sm and submit_sm.
May import ``model text smpp providers`` and ``relay.ports``.
"""

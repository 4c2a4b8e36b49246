"""accept: a submit_sm becomes a message on disk, then its submit_sm_resp is sent.

`accept` reads from top to bottom; beside it are its pure rules: `reading` (a submit_sm as a
message), `series` (segments under one key, sorted into messages), `gather` (all series), `optouts`.
Accept never asks a provider.
May import ``model text smpp routing providers store.port`` and the other rooms.
"""

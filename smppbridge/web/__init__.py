"""HTTP in: for health, metrics, the API of operators and the callbacks of providers.

Each listener is one Site of HTTP/1.1 with bounds on every size and time that a peer controls.
Every path under /api/v1 passes `door`, which goes by the table of `operations`, filled by `api`.
The package never decides about a message and never logs a URL, for URLs carry keys.  May import
``model text smpp routing providers store relay``, ``net.sending`` and ``net.penalties``.
"""

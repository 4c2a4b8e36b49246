"""HTTP in: health, metrics and what providers call.

Each listener is one twisted.web Site with bounds on everything a peer controls.  Nothing here
decides about a message or logs a URL, since URLs carry keys.  May import ``model text smpp routing
providers store relay``.
"""

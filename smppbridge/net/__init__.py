"""Octets across: SMPP over TCP by Twisted, and HTTP by libcurl in a thread of its own.

Octets received are handed on unchanged, every request is sent once, and every fault is an answer to
its request: NoAnswer if the request left, NotSent if it certainly did not.  The package never knows
a message, a route or the store.  May import ``model text smpp routing providers store.port relay``.
"""

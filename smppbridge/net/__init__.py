"""Octets across: SMPP over TCP by Twisted, and HTTP by libcurl in a thread of its own.

What comes in is handed on as it came, what goes out is sent once, and every fault is told as what
it means to the asker: it left, or it certainly did not.  It never knows a message, a route or the
store.  May import ``model text smpp routing providers store.port relay``.
"""

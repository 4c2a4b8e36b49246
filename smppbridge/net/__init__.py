"""Octets across: SMPP over TCP by Twisted, and HTTP by libcurl in a thread of its own.

An ESME's connection passes proxied (the header of a balancer), tls_listener and binds before its
session is bound; outbind opens connections to ESMEs.
Octets received are handed on unchanged, every request is sent once, and every fault is an answer to
its request: NoAnswer if the request left, NotSent if it certainly did not.  The package never knows
a message, a route or the store.  May import ``model text smpp routing providers store.port relay``.
"""

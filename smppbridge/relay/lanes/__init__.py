"""lanes: the queue of each provider and the rules of a lane; no movement of its own.

A lane decides which attempts begin and leave, and in which order; it never writes to the store.
`failover` is the exception: it moves waiting messages to the next provider of their route.
May import ``model text smpp routing providers store.port``.
"""

"""lanes: the queue of each provider and the rules of a lane; no movement of its own.

A lane decides which attempts begin and leave, and in which order; `failover` gives waiting attempts
the next provider of their route.  No module here writes to the store.
May import ``model text smpp routing providers store.port``.
"""

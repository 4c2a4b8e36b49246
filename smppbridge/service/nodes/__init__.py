"""service.nodes: a bridge as one node of several that share a database.

`membership` is where to begin: the slot, the lease, shards adopted and given back. `between`
takes reports and deliveries of other nodes, `jobs` are done by one node for all, `errands` by the
node that has the message or the provider; `homes` bring the segments of one message together;
`places` and `cluster_limits` keep limits over all nodes. Modules that need the database's driver
are imported only where `store` is a database.
"""

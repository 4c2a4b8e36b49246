"""service.nodes: a bridge as one node of several that share a database.

`membership` is where to begin: the slot, the lease, what is adopted and given back. `between`
takes what other nodes tell, `jobs` and `errands` what one of them does for all, `homes` the
segments of one message; `places` and `cluster_limits` keep limits over all nodes.
What needs the database's driver is imported only where `store` is a database.
"""

"""The store on PostgreSQL, for several bridges on one database.

Nothing here is imported unless the configuration names such a store; psycopg comes with the extra
``smppbridge[postgresql]``.  A message has one owner, the bridge whose shard it is in; every
transaction begins with the fence, by which a bridge that another one has replaced writes nothing.
May import the packages that the rest of the store may.
"""

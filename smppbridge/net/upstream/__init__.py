"""upstream: the sessions that are kept bound with upstream SMSCs.

`client` holds one upstream per provider, `sessions` binds again whatever is lost, `link` is one
connection.  May import ``model smpp providers relay store.port``.
"""

"""The sessions that we keep bound, as an ESME, with upstream SMSCs.

`client` holds one upstream for each provider, `sessions` spreads an upstream's submit_sm over its
sessions, `link` is one session, `rebinding` binds it again whenever it is lost.  The package never
knows a message or a route.  May import ``model smpp providers relay store.port``.
"""

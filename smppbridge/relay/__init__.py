"""relay: the four movements of a message: accept, submit, report, deliver; and their pure rules.

An MO message goes another way: mo, and then deliver like a receipt; an alert_notification goes by
alerts.  A submit_multi is accepted by accept.multi, a data_sm by accept.data as the submit_sm that
says the same; query, cancel and replace are about messages that an ESME names again.  Responses
that wait for a provider's verdict are in responses, in memory alone.  The movements meet only in
the store: each records its step before it acts, and ``.disk.`` in its docstring marks the steps
that are durable before the next step begins.  No movement does I/O or reads a clock; the store, the
transport, the clock and the meters are arguments.  May import ``model text smpp routing providers
store.port``.
"""

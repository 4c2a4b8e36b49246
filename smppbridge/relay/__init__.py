"""The four movements of a message: accept, submit, report, deliver; and their pure rules.

What comes from phones goes another way: mo, and then deliver like a receipt.
They meet only in the store: each writes down what it does before it does it, and ``.disk.`` in
its docstring marks what is durable before the next step begins.  Nothing here does I/O or reads a
clock; the store, the transport, the clock and the meters are handed in.  May import
``model text smpp routing providers store.port``.
"""

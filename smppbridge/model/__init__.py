"""What the bridge speaks of: addresses, messages, outcomes, reports, accounts, identifiers.

Values and nothing else: no I/O, no clock, no decisions about a message's way.  Everybody may import
this package; it imports only ``smpp.constants``.
"""

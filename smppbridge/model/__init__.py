"""The bridge's nouns: addresses, messages, outcomes, reports, accounts, identifiers.

Values and nothing else: no I/O, no clock, no decision about a message.  Every package may import
this one; this one imports only ``smpp.constants``.
"""

"""The bridge's nouns: addresses, messages, outcomes, reports, accounts, identifiers, TLVs.

An account has its habits, the form of its receipts and its channel in modules of their own.
Values and nothing else: no I/O, no clock, no decision about a message.  Every package may import
this one; this one imports only ``smpp.constants``.
"""

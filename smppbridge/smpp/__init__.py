"""SMPP 3.4 as a library.

It knows how PDUs look, who may send what and when, how a session lives, how times and receipts
are written. It never reads a clock, opens a socket or decides what a *value* deserves (an
address, a text, an account): unknown values are kept as they came. It imports nothing of ours.

Sections named in docstrings and comments are those of the SMPP 3.4 specification where they
start with "SMPP 3.4", otherwise of the project's protocol reference.
"""

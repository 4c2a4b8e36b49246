"""SMPP 3.4 as a library.

It knows how PDUs look, who may send what and when, how a session lives, how times and receipts
are written. It never reads a clock, opens a socket or decides what a *value* deserves (an
address, a text, an account): unknown values are kept as they came. It imports nothing of ours.

Where docstrings and comments say "SMPP 3.4, 5.2.12", they name a section of the SMPP 3.4
specification, issue 1.2.
"""

"""tracing: PDUs and HTTP messages at both ends, kept for a while for an operator to read.

A trace is bounded, lives in memory alone, and keeps nothing that is secret: passwords, texts, the
middle of numbers and every configured secret are masked before a packet is kept, octet for octet.
Pure: clocks are arguments, and the octets come from taps that `net` and `web` offer.  May import
``model smpp providers relay``.
"""

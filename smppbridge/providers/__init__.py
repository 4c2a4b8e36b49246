"""Requests to be made of SMS providers and answers read: one module a wire format.

A provider turns a message into requests, and answers and callbacks into outcomes and reports.  It
never opens a socket, reads a clock or knows the store; what to do about an outcome is for the relay
to decide.  Pure; may import model, text, smpp.
"""

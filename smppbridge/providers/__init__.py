"""Requests to SMS providers, and their answers: one module a wire format.

A provider turns a message into requests, and answers and callbacks into outcomes and reports.  A
provider never opens a socket, reads a clock or knows the store; the relay decides on the outcome.
Pure; may import model, text, smpp.
"""

"""HTTP in: for health, metrics and the callbacks of providers.

Each listener is one Site of HTTP/1.1 with bounds on every size and time that a peer controls.  The
package never decides about a message and never logs a URL, for URLs carry keys.  May import ``model
text smpp routing providers store relay`` and ``net.sending``.
"""

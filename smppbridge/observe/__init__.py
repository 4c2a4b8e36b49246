"""What the bridge lets be seen of itself: log lines, metrics, and its word to systemd.

Nothing here decides anything about a message, and nothing of a message's text or of a secret gets
out through here. All of it belongs to the reactor's thread. May import ``model`` and the names in
``smpp.constants``.
"""

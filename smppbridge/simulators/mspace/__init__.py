"""MSpace's two HTTP APIs, played on loopback."""

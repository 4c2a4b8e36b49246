"""D7's two APIs, played on loopback."""

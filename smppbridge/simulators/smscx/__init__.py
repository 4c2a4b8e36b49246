"""SMS.CX, played on loopback: OAuth, idempotency, limits, webhooks."""

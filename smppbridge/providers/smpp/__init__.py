"""An upstream SMSC: builds submit_sm, reads its responses and deliver_sm."""

from smppbridge.providers.smpp.provider import Smpp

__all__ = ["Smpp"]

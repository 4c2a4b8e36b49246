"""An upstream SMSC: submit_sm to be sent, their answers and deliver_sm read."""

from smppbridge.providers.smpp.provider import Smpp

__all__ = ["Smpp"]

"""D7 Networks over its ``/secure/`` API, which is Jasmin's: JSON, one message or a batch."""

from smppbridge.providers.d7.provider import D7

__all__ = ["D7"]

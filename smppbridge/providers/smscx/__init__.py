"""SMS Connexion (SMS.CX): many numbers in a request, under a key that makes repeating it safe."""

from smppbridge.providers.smscx.provider import SmsCx

__all__ = ["SmsCx"]

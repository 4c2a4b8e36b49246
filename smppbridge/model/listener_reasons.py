"""The meanings of the reasons at the listeners: of connections, and of callbacks."""

from __future__ import annotations

from collections.abc import Mapping

from smppbridge.model.reason_words import Act, Meaning, Reason

_CONNECTION, _CALLBACK = Act.CONNECTION, Act.CALLBACK

AT_LISTENERS: Mapping[Reason, Meaning] = {
    Reason.NO_ROOM: Meaning(
        _CONNECTION,
        "The listener had as many connections as it may have.",
        "Find out who holds them: `smppbridge reasons` has the addresses. Or raise its limits.",
    ),
    Reason.GAVE_WAY: Meaning(
        _CONNECTION,
        "The connection was idle, and gave way to a new one.",
        "Let the client bind at once after it has connected, and close what it does not need.",
    ),
    Reason.NEVER_BOUND: Meaning(
        _CONNECTION,
        "The client sent octets, and never bound.",
        "See who it is by its address: perhaps a client of TLS, or of HTTP, at a plain port.",
    ),
    Reason.HANDSHAKE_TOO_SLOW: Meaning(
        _CONNECTION,
        "The TLS handshake took too long.",
        "See whether the client speaks TLS at all; a plain client waits there for ever.",
    ),
    Reason.CLOSED_IN_HANDSHAKE: Meaning(
        _CONNECTION,
        "The client ended the TLS handshake without a word.",
        "Look at the client's log: most often it does not trust the certificate.",
    ),
    Reason.NOT_TLS: Meaning(
        _CONNECTION,
        "The client does not speak TLS, and the listener does.",
        "Let the client turn TLS on, or use the plain port.",
    ),
    Reason.NO_COMMON_VERSION: Meaning(
        _CONNECTION,
        "Client and listener have no version of TLS in common.",
        "Let the client use TLS 1.2 or later.",
    ),
    Reason.CERTIFICATE_REFUSED: Meaning(
        _CONNECTION,
        "The client does not trust the listener's certificate.",
        "Renew the certificate, or give the client the CA; look at the name and the dates.",
    ),
    Reason.HANDSHAKE_FAILED: Meaning(
        _CONNECTION,
        "The TLS handshake failed.",
        "The detail has OpenSSL's words.",
    ),
    Reason.CLIENT_CERTIFICATE_REFUSED: Meaning(
        _CONNECTION,
        "The client's certificate is missing, expired or of another CA.",
        "Give the client a certificate of `client_ca`.",
    ),
    Reason.NO_PROXY_HEADER: Meaning(
        _CONNECTION,
        "No PROXY header came from the balancer in time.",
        "Let the balancer send the PROXY protocol, or take `proxied_by` out.",
    ),
    Reason.BAD_PROXY_HEADER: Meaning(
        _CONNECTION,
        "The PROXY header is broken.",
        "Look at the balancer's settings.",
    ),
    Reason.NO_DESCRIPTOR: Meaning(
        _CONNECTION,
        "The process had no file descriptor left for a connection.",
        "Raise LimitNOFILE in the unit.",
    ),
    Reason.WRONG_PATH: Meaning(
        _CALLBACK,
        "A callback came to a path that belongs to no provider.",
        "Compare the provider's callback URL with that of `smppbridge check`.",
    ),
    Reason.WRONG_KEY: Meaning(
        _CALLBACK,
        "A callback came with a wrong key.",
        "Give the provider the URL with its `callback_key`: `smppbridge check` prints it.",
    ),
    Reason.METHOD: Meaning(
        _CALLBACK,
        "A callback came by a method that is neither GET nor POST.",
        "Let the provider call by GET or POST.",
    ),
    Reason.NOT_UNDERSTOOD: Meaning(
        _CALLBACK,
        "A callback is none that the provider sends.",
        "Compare it with the provider's documentation; a trace of the provider shows it.",
    ),
}

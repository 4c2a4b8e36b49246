"""The fixed list of reasons, and the acts that reasons explain.  A word is never renamed."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Act(StrEnum):
    """The act that a reason explains."""

    REFUSAL = "refusal"  # of a submission, or of a long message once it is joined
    BIND = "bind"  # refused
    DIVERSION = "diversion"  # a message goes to the next provider of its route
    POSTPONEMENT = "postponement"
    EXPIRY = "expiry"
    EVICTION = "eviction"  # of a report or an MO message that belongs to nothing
    CONNECTION = "connection"  # that came to nothing
    CALLBACK = "callback"  # refused


class Reason(StrEnum):
    """The reason of a refusal, a wait or an end; its sentence in `MEANINGS` has facts in braces."""

    # of submissions
    THROTTLED = "throttled"
    BACKLOG_FULL = "backlog_full"
    STOPPING = "stopping"
    STORE_FAILED = "store_failed"
    BAD_SOURCE = "bad_source"
    SENDER_NOT_ALLOWED = "sender_not_allowed"
    SENDER_NOT_ON_ROUTE = "sender_not_on_route"
    BAD_NUMBER = "bad_number"
    NO_COUNTRY = "no_country"
    RESERVED_TON = "reserved_ton"
    NO_ROUTE = "no_route"
    OPTED_OUT = "opted_out"
    NO_BINARY = "no_binary"
    BAD_SCHEDULE = "bad_schedule"
    BAD_VALIDITY = "bad_validity"
    VALIDITY_PASSED = "validity_passed"
    BAD_FLAG = "bad_flag"
    BAD_HEADER = "bad_header"
    BAD_TLV = "bad_tlv"
    MISSING_TLV = "missing_tlv"
    TWO_TEXTS = "two_texts"
    NO_TEXT = "no_text"
    TOO_LONG = "too_long"
    BAD_CHARACTERS = "bad_characters"
    MIXED_CONTENT = "mixed_content"
    LOST_SEGMENT = "lost_segment"
    TOO_MANY_OPEN = "too_many_open"
    SEGMENT_TO_MANY = "segment_to_many"
    BAD_LIST = "bad_list"
    UNKNOWN_MESSAGE = "unknown_message"
    NOT_REPLACEABLE = "not_replaceable"
    NOT_CANCELLABLE = "not_cancellable"
    PROVIDER_REFUSED = "provider_refused"
    NO_DIALOGUE = "no_dialogue"
    BAD_SCREEN = "bad_screen"
    # of binds
    UNKNOWN_SYSTEM_ID = "unknown_system_id"
    WRONG_PASSWORD = "wrong_password"
    ALLOW_FROM = "allow_from"
    BINDS = "binds"
    PLACES_UNKNOWN = "places_unknown"
    RELOADED = "reloaded"
    NOT_FORGIVEN = "not_forgiven"
    TLS_REQUIRED = "tls_required"
    NO_CERTIFICATE = "no_certificate"
    OTHER_CERTIFICATE = "other_certificate"
    # of diversions and postponements
    BREAKER_OPEN = "breaker_open"
    PROVIDER_PAUSED = "provider_paused"
    PROVIDER_HELD = "provider_held"
    PROVIDER_UNBOUND = "provider_unbound"
    CREDIT_LOW = "credit_low"
    PUT_OFF = "put_off"
    QUIET_HOURS = "quiet_hours"
    REFUSED_THERE = "refused_there"
    FAILOVER_AFTER = "failover_after"
    # of expiries: of messages, and of receipts
    SEGMENTS_MISSING = "segments_missing"
    WAITED_TOO_LONG = "waited_too_long"
    ATTEMPTS_OVER = "attempts_over"
    IN_DOUBT = "in_doubt"
    ONE_TRY = "one_try"
    GIVEN_UP = "given_up"
    STILL_UNCERTAIN = "still_uncertain"
    NO_REPORT = "no_report"
    UNACKNOWLEDGED = "unacknowledged"
    # of reports and MO messages that belong to nothing
    EARLY = "early"
    UNKNOWN_ID = "unknown_id"
    OTHER_PROVIDER = "other_provider"
    NO_OWNER = "no_owner"
    OUTDATED = "outdated"
    MO_TOO_LONG = "mo_too_long"
    # of connections
    NO_ROOM = "no_room"
    GAVE_WAY = "gave_way"
    NEVER_BOUND = "never_bound"
    HANDSHAKE_TOO_SLOW = "handshake_too_slow"
    CLOSED_IN_HANDSHAKE = "closed_in_handshake"
    NOT_TLS = "not_tls"
    NO_COMMON_VERSION = "no_common_version"
    CERTIFICATE_REFUSED = "certificate_refused"
    HANDSHAKE_FAILED = "handshake_failed"
    CLIENT_CERTIFICATE_REFUSED = "client_certificate_refused"
    NO_PROXY_HEADER = "no_proxy_header"
    BAD_PROXY_HEADER = "bad_proxy_header"
    NO_DESCRIPTOR = "no_descriptor"
    # of callbacks
    WRONG_PATH = "wrong_path"
    WRONG_KEY = "wrong_key"
    METHOD = "method"
    NOT_UNDERSTOOD = "not_understood"


class Meaning(NamedTuple):
    """The act that a reason explains, the reason in English, and how to put an end to it."""

    act: Act
    says: str
    remedy: str

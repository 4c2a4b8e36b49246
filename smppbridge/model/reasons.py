"""Every no has a reason: one word of this list, the same in log, metric, timeline, command and API.

A reason goes with facts by name; `sentence` makes English of both.  A word is never renamed: alert
rules and scripts go by the words.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from smppbridge.model.listener_reasons import AT_LISTENERS
from smppbridge.model.reason_words import Act, Meaning, Reason

__all__ = ["MEANINGS", "Act", "Meaning", "Reason", "act_of", "remedy", "sentence"]


_NO, _BIND, _DIVERTED = Act.REFUSAL, Act.BIND, Act.DIVERSION
_ESME = "The ESME has to send another value."

MEANINGS: Mapping[Reason, Meaning] = {
    Reason.THROTTLED: Meaning(
        _NO,
        "The account sends faster than its throughput.",
        "Let the ESME slow down, or raise `throughput` of the account.",
    ),
    Reason.BACKLOG_FULL: Meaning(
        _NO,
        "As many messages wait as `backlog` allows.",
        "Look at the providers: one of them takes less than is sent. Or raise `backlog`.",
    ),
    Reason.STOPPING: Meaning(
        _NO, "The bridge was stopping.", "None: the ESME may submit again after the start."
    ),
    Reason.STORE_FAILED: Meaning(
        _NO,
        "The store could not write.",
        "Look at the disk: it is full or failing. The log has the line store_failed.",
    ),
    Reason.BAD_SOURCE: Meaning(_NO, "The source address cannot be used.", _ESME),
    Reason.SENDER_NOT_ALLOWED: Meaning(
        _NO,
        "The account may not use this source address.",
        "Add the address to `senders` of the account, or let the ESME use another one.",
    ),
    Reason.SENDER_NOT_ON_ROUTE: Meaning(
        _NO,
        "The route does not let this source address through.",
        "Add the address to `senders` of the route, or let the ESME use another one.",
    ),
    Reason.BAD_NUMBER: Meaning(_NO, "The destination is no phone number.", _ESME),
    Reason.NO_COUNTRY: Meaning(
        _NO,
        "The destination is a national number, and the account has no country.",
        "Set `country` of the account, or let the ESME send international numbers.",
    ),
    Reason.RESERVED_TON: Meaning(
        _NO, "The TON of the destination is reserved.", "Let the ESME set dest_addr_ton to 1."
    ),
    Reason.NO_ROUTE: Meaning(
        _NO,
        "No route fits the account, the source address and the number.",
        "Add a route for this prefix, or one without `to` at the end of `routes`.",
    ),
    Reason.OPTED_OUT: Meaning(
        _NO,
        "The number opted out.",
        "None, unless its owner asks: then end the opt-out by `smppbridge optouts`.",
    ),
    Reason.NO_BINARY: Meaning(
        _NO,
        "The message is octets, and no provider on its route takes octets.",
        "Put a provider that takes octets on the route.",
    ),
    Reason.BAD_SCHEDULE: Meaning(_NO, "schedule_delivery_time cannot be read.", _ESME),
    Reason.BAD_VALIDITY: Meaning(_NO, "validity_period cannot be read.", _ESME),
    Reason.VALIDITY_PASSED: Meaning(
        _NO,
        "validity_period had passed when the message came.",
        "Compare the clocks and time zones of the ESME and the bridge.",
    ),
    Reason.BAD_FLAG: Meaning(_NO, "A flag of the PDU has an undefined value.", _ESME),
    Reason.BAD_HEADER: Meaning(
        _NO,
        "The user data header is broken, or stands where none may be.",
        "Let the ESME set UDHI in esm_class only where the text begins with a header.",
    ),
    Reason.BAD_TLV: Meaning(_NO, "A TLV has a wrong value.", _ESME),
    Reason.MISSING_TLV: Meaning(
        _NO, "A TLV is missing that the request needs.", "Let the ESME send the TLV."
    ),
    Reason.TWO_TEXTS: Meaning(
        _NO,
        "The PDU has both a short_message and a message_payload.",
        "Let the ESME send one of the two.",
    ),
    Reason.NO_TEXT: Meaning(_NO, "The message is empty.", "Let the ESME send a text."),
    Reason.TOO_LONG: Meaning(
        _NO,
        "The message is longer than the account may send.",
        "Raise `max_parts` of the account, or let the ESME send shorter texts.",
    ),
    Reason.BAD_CHARACTERS: Meaning(
        _NO,
        "The octets are no text in the alphabet that data_coding names.",
        "Let the ESME set data_coding as it writes, or set `alphabet_0` of the account.",
    ),
    Reason.MIXED_CONTENT: Meaning(
        _NO, "One long message has octets beside text, or several headers.", _ESME
    ),
    Reason.LOST_SEGMENT: Meaning(
        _NO,
        "The segment continues no message that is open.",
        "The ESME has to send the whole message again, from its first segment.",
    ),
    Reason.TOO_MANY_OPEN: Meaning(
        _NO,
        "Too many long messages of the account wait for segments.",
        "Find out why the ESME does not send the rest of them.",
    ),
    Reason.SEGMENT_TO_MANY: Meaning(
        _NO,
        "A segment of a long message cannot go to several destinations.",
        "Let the ESME put the whole text into message_payload.",
    ),
    Reason.BAD_LIST: Meaning(
        _NO,
        "The distribution list is unknown, another account's or too long.",
        "Look at `lists` in the configuration.",
    ),
    Reason.UNKNOWN_MESSAGE: Meaning(
        _NO, "The account has no message of this id.", "Let the ESME name the id it was answered."
    ),
    Reason.NOT_REPLACEABLE: Meaning(
        _NO, "The message cannot be replaced any more.", "None: the phone gets the first text."
    ),
    Reason.NOT_CANCELLABLE: Meaning(
        _NO,
        "No message that the cancel_sm names can be cancelled any more.",
        "None: it has left, or has ended.",
    ),
    Reason.PROVIDER_REFUSED: Meaning(
        _NO, "The provider refused the message.", "Look at the provider's reason."
    ),
    Reason.NO_DIALOGUE: Meaning(
        _NO, "No USSD dialogue with this phone is open.", "None: the phone has hung up."
    ),
    Reason.BAD_SCREEN: Meaning(_NO, "The USSD screen cannot be shown.", _ESME),
    Reason.UNKNOWN_SYSTEM_ID: Meaning(
        _BIND,
        "No account has this system_id.",
        "Compare the system_id letter by letter; add the account if it is missing.",
    ),
    Reason.WRONG_PASSWORD: Meaning(
        _BIND,
        "The password is wrong.",
        "Give the client the password of the account; clients cut it after 8 characters.",
    ),
    Reason.ALLOW_FROM: Meaning(
        _BIND,
        "The account may not bind from this address.",
        "Add the address to `allow_from` of the account.",
    ),
    Reason.BINDS: Meaning(
        _BIND,
        "The account has as many sessions as it may have.",
        "Raise `binds` of the account, or end a session that is forgotten.",
    ),
    Reason.PLACES_UNKNOWN: Meaning(
        _BIND,
        "The database did not say how many sessions the account has at all nodes.",
        "Look at the database: the log has the line store_lost. The client binds again.",
    ),
    Reason.RELOADED: Meaning(
        _BIND, "The account changed while the bind was judged.", "None: the client binds again."
    ),
    Reason.NOT_FORGIVEN: Meaning(
        _BIND,
        "The bind is malformed, and the account is not forgiven this.",
        "Add the oddity to `forgives` of the account.",
    ),
    Reason.TLS_REQUIRED: Meaning(
        _BIND, "The account has to come over TLS.", "Let the client use the TLS listener."
    ),
    Reason.NO_CERTIFICATE: Meaning(
        _BIND, "The client showed no certificate.", "Give the client its certificate."
    ),
    Reason.OTHER_CERTIFICATE: Meaning(
        _BIND,
        "The client's certificate names somebody else.",
        "Compare the names in the log with `certificate` of the account.",
    ),
    Reason.BREAKER_OPEN: Meaning(
        _DIVERTED,
        "{provider} does not answer: nothing is sent there but a probe.",
        "Look at `last error` of {provider}, and ask them.",
    ),
    Reason.PROVIDER_PAUSED: Meaning(
        _DIVERTED,
        "{provider} told the bridge to wait.",
        "Lower `rate` of {provider}, or ask them for more.",
    ),
    Reason.PROVIDER_HELD: Meaning(
        _DIVERTED,
        "A person has paused {provider}.",
        "Let {provider} go on: `smppbridge resume {provider}`, or in the console.",
    ),
    Reason.PROVIDER_UNBOUND: Meaning(
        _DIVERTED,
        "The bridge has no session with {provider}.",
        "Look at the log: address, credentials and TLS of {provider}.",
    ),
    Reason.CREDIT_LOW: Meaning(
        _DIVERTED, "The credit at {provider} is low.", "Top up the account at {provider}."
    ),
    Reason.PUT_OFF: Meaning(
        Act.POSTPONEMENT,
        "{provider} could not take the message, and is asked again.",
        "Look at the reason of the last attempt.",
    ),
    Reason.QUIET_HOURS: Meaning(
        Act.POSTPONEMENT,
        "The quiet hours of the route hold the message.",
        "None: the message leaves when they end.",
    ),
    Reason.REFUSED_THERE: Meaning(
        _DIVERTED,
        "{provider} refused the message for a reason of its own: credit, credentials, coverage.",
        "Look at the reason of the attempt; then at the account at {provider}.",
    ),
    Reason.FAILOVER_AFTER: Meaning(
        _DIVERTED,
        "{provider} put the message off for longer than `failover_after`.",
        "Look at the reasons of the attempts at {provider}.",
    ),
    Reason.SEGMENTS_MISSING: Meaning(
        Act.EXPIRY,
        "The other segments of the long message did not come in time.",
        "Find out why the ESME did not send them; `gather_timeout` is how long they are awaited.",
    ),
    Reason.WAITED_TOO_LONG: Meaning(
        Act.EXPIRY,
        "The message waited until its validity_period was over.",
        "Look at the attempts before: they say for what it waited.",
    ),
    Reason.ATTEMPTS_OVER: Meaning(
        Act.EXPIRY,
        "{provider} could not take the message in as many tries as it has.",
        "Look at the reason of the last attempt; `attempts` of {provider} is how many there are.",
    ),
    Reason.IN_DOUBT: Meaning(
        Act.EXPIRY,
        "{provider} may or may not have it, and `when_uncertain: fail` ends such a message.",
        "Set `when_uncertain: hold` of {provider}, if a report or a person is to decide.",
    ),
    Reason.ONE_TRY: Meaning(
        Act.EXPIRY,
        "The message is in datagram mode: it had one try, and that failed.",
        "Let the ESME clear the mode in esm_class, if messages are to be tried again.",
    ),
    Reason.GIVEN_UP: Meaning(
        Act.EXPIRY, "A person gave the message up.", "The audit trail in the console says who."
    ),
    Reason.STILL_UNCERTAIN: Meaning(
        Act.EXPIRY,
        "Nobody decided about the Uncertain message, and no report came, within"
        " `uncertain_deadline`.",
        "Ask {provider} whether they have it; decide in time: `smppbridge messages --uncertain`.",
    ),
    Reason.NO_REPORT: Meaning(
        Act.EXPIRY,
        "{provider} took the message, and no report came within `report_deadline`.",
        "See whether the callbacks of {provider} come in: `smppbridge reasons`.",
    ),
    Reason.UNACKNOWLEDGED: Meaning(
        Act.EXPIRY,
        "No session acknowledged the receipt or MO message within `receipts.keep`.",
        "Let the ESME bind as a receiver or transceiver, and answer each deliver_sm.",
    ),
    Reason.EARLY: Meaning(
        Act.EVICTION,
        "No message of {provider} has this id yet: the answer that names it may be on its way.",
        "Wait a moment; after an hour the report is given up.",
    ),
    Reason.UNKNOWN_ID: Meaning(
        Act.EVICTION,
        "No message of {provider} has this id.",
        "Compare the ids with those in `smppbridge messages --id`; `ids` of the provider may help.",
    ),
    Reason.OTHER_PROVIDER: Meaning(
        Act.EVICTION,
        "The message that the report names is unknown, or is not with {provider}.",
        "None, unless there are many: then look at the callback URL of {provider}.",
    ),
    Reason.NO_OWNER: Meaning(
        Act.EVICTION,
        "No account owns this destination.",
        "Add the destination to `mo` in the configuration.",
    ),
    Reason.OUTDATED: Meaning(
        Act.EVICTION, "The MO message is older than `retention`.", "None: it may be a repetition."
    ),
    Reason.MO_TOO_LONG: Meaning(
        Act.EVICTION, "The MO message does not fit into deliver_sm.", "None."
    ),
    **AT_LISTENERS,
}


class _Facts(dict[str, Any]):
    def __missing__(self, name: str) -> str:
        return f"the {name}"


def sentence(reason: str, facts: Mapping[str, Any] | None = None) -> str:
    """Return a reason in English, with its facts; a word that is not of the list as it is."""
    meaning = _meaning(reason)
    return reason if meaning is None else _filled(meaning.says, facts)


def act_of(reason: str) -> str:
    """Return the act that a reason explains; an empty text for a word that is not of the list."""
    meaning = _meaning(reason)
    return "" if meaning is None else meaning.act.value


def remedy(reason: str, facts: Mapping[str, Any] | None = None) -> str:
    """Return how to put an end to a reason; an empty text for a word that is not of the list."""
    meaning = _meaning(reason)
    return "" if meaning is None else _filled(meaning.remedy, facts)


def _meaning(reason: str) -> Meaning | None:
    return MEANINGS.get(reason)  # type: ignore[call-overload, no-any-return]  # a StrEnum is a str


def _filled(text: str, facts: Mapping[str, Any] | None) -> str:
    known = _Facts(facts or {})
    filled = text.format_map(known)
    if text.startswith("{provider}") and "provider" in known:
        return filled  # a name is written as it is: people type it into the next command
    return filled[:1].upper() + filled[1:]

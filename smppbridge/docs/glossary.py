"""The meanings of names that an operator meets in answers, receipts and logs."""

from __future__ import annotations

from collections.abc import Mapping

from smppbridge.model.message import Stage
from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.smpp.constants import MessageState
from smppbridge.smpp.oddities import Oddity

STATUSES: Mapping[Status, str] = {
    Status.ESME_ROK: "No error",
    Status.ESME_RINVMSGLEN: "Message length is invalid",
    Status.ESME_RINVCMDLEN: "Command length is invalid",
    Status.ESME_RINVCMDID: "Command id is invalid",
    Status.ESME_RINVBNDSTS: "Command is not allowed in this bind state",
    Status.ESME_RALYBND: "ESME is bound already",
    Status.ESME_RINVPRTFLG: "Priority flag is invalid",
    Status.ESME_RINVREGDLVFLG: "Registered delivery flag is invalid",
    Status.ESME_RSYSERR: "System error",
    Status.ESME_RINVSRCADR: "Source address is invalid",
    Status.ESME_RINVDSTADR: "Destination address is invalid",
    Status.ESME_RINVMSGID: "Message id is invalid",
    Status.ESME_RBINDFAIL: "Bind failed",
    Status.ESME_RINVPASWD: "Password is invalid",
    Status.ESME_RINVSYSID: "system_id is invalid",
    Status.ESME_RCANCELFAIL: "cancel_sm failed",
    Status.ESME_RREPLACEFAIL: "replace_sm failed",
    Status.ESME_RMSGQFUL: "Message queue is full",
    Status.ESME_RINVSERTYP: "Service type is invalid",
    Status.ESME_RINVNUMDESTS: "Number of destinations is invalid",
    Status.ESME_RINVDLNAME: "Name of the distribution list is invalid",
    Status.ESME_RINVDESTFLAG: "Destination flag is invalid (submit_multi)",
    Status.ESME_RINVSUBREP: "submit with replace is invalid",
    Status.ESME_RINVESMCLASS: "esm_class is invalid",
    Status.ESME_RCNTSUBDL: "Cannot submit to the distribution list",
    Status.ESME_RSUBMITFAIL: "submit_sm or submit_multi failed",
    Status.ESME_RINVSRCTON: "TON of the source address is invalid",
    Status.ESME_RINVSRCNPI: "NPI of the source address is invalid",
    Status.ESME_RINVDSTTON: "TON of the destination address is invalid",
    Status.ESME_RINVDSTNPI: "NPI of the destination address is invalid",
    Status.ESME_RINVSYSTYP: "system_type is invalid",
    Status.ESME_RINVREPFLAG: "replace_if_present flag is invalid",
    Status.ESME_RINVNUMMSGS: "Number of messages is invalid",
    Status.ESME_RTHROTTLED: "Throttled: the ESME exceeds its rate",
    Status.ESME_RINVSCHED: "Scheduled delivery time is invalid",
    Status.ESME_RINVEXPIRY: "Validity period is invalid",
    Status.ESME_RINVDFTMSGID: "Predefined message is invalid or was not found",
    Status.ESME_RX_T_APPN: "Receiver has a temporary error",
    Status.ESME_RX_P_APPN: "Receiver has a permanent error",
    Status.ESME_RX_R_APPN: "Receiver rejects the message",
    Status.ESME_RQUERYFAIL: "query_sm failed",
    Status.ESME_RINVOPTPARSTREAM: "Optional part of the PDU is in error",
    Status.ESME_ROPTPARNOTALLWD: "Optional parameter is not allowed",
    Status.ESME_RINVPARLEN: "Length of a parameter is invalid",
    Status.ESME_RMISSINGOPTPARAM: "Expected optional parameter is missing",
    Status.ESME_RINVOPTPARAMVAL: "Value of an optional parameter is invalid",
    Status.ESME_RDELIVERYFAILURE: "Delivery failed (data_sm_resp)",
    Status.ESME_RUNKNOWNERR: "Unknown error",
    Status.ESME_RSERTYPUNAUTH: "ESME may not use this service type",
    Status.ESME_RPROHIBITED: "ESME may not use this operation",
    Status.ESME_RSERTYPUNAVAIL: "Service type is not available",
    Status.ESME_RSERTYPDENIED: "Service type is denied",
    Status.ESME_RINVDCS: "data_coding is invalid",
    Status.ESME_RINVSRCADDRSUBUNIT: "Subunit of the source address is invalid",
    Status.ESME_RINVDSTADDRSUBUNIT: "Subunit of the destination address is invalid",
    Status.ESME_RINVBCASTFREQINT: "Frequency interval of a broadcast is invalid",
    Status.ESME_RINVBCASTALIAS_NAME: "Alias name of a broadcast is invalid",
    Status.ESME_RINVBCASTAREAFMT: "Area format of a broadcast is invalid",
    Status.ESME_RINVNUMBCAST_AREAS: "Number of broadcast areas is invalid",
    Status.ESME_RINVBCASTCNTTYPE: "Content type of a broadcast is invalid",
    Status.ESME_RINVBCASTMSGCLASS: "Message class of a broadcast is invalid",
    Status.ESME_RBCASTFAIL: "broadcast_sm failed",
    Status.ESME_RBCASTQUERYFAIL: "query_broadcast_sm failed",
    Status.ESME_RBCASTCANCELFAIL: "cancel_broadcast_sm failed",
    Status.ESME_RINVBCAST_REP: "Number of repeated broadcasts is invalid",
    Status.ESME_RINVBCASTSRVGRP: "Service group of a broadcast is invalid",
    Status.ESME_RINVBCASTCHANIND: "Channel indicator of a broadcast is invalid",
}
"""Each command_status in the words of the specification."""

ANSWERED: Mapping[Status, str] = {
    Status.ESME_ROK: "The message is on disk",
    Status.ESME_RINVMSGLEN: "The text is empty, half a character, of more SMs than the account's"
    " max_parts, or longer than a USSD screen",
    Status.ESME_RINVCMDLEN: "The PDU is shorter or longer than it says, or a field lacks its NUL",
    Status.ESME_RINVCMDID: "SMPP 3.4 has no such command",
    Status.ESME_RINVBNDSTS: "The session is not bound, or not bound for that command",
    Status.ESME_RALYBND: "The session is bound already",
    Status.ESME_RINVPRTFLG: "priority_flag is over 3",
    Status.ESME_RSYSERR: "The store cannot write, or the bridge is stopping: come back later",
    Status.ESME_RINVSRCADR: "The account or the route does not allow that sender, or it is"
    " too long",
    Status.ESME_RINVDSTADR: "Not a number, no route for it, opted out, or no dialogue with it",
    Status.ESME_RBINDFAIL: "Over the account's binds, not over TLS or not with the certificate that"
    " the account needs, or the bridge is stopping",
    Status.ESME_RINVPASWD: "system_id or password is wrong, or allow_from has another address",
    Status.ESME_RINVSYSID: "system_id is too long",
    Status.ESME_RINVMSGID: "message_id is too long",
    Status.ESME_RINVSERTYP: "service_type is too long",
    Status.ESME_RINVSYSTYP: "system_type is too long",
    Status.ESME_RINVDLNAME: "No distribution list has that name, or none for the account",
    Status.ESME_RINVDESTFLAG: "dest_flag is neither 1 nor 2",
    Status.ESME_RCANCELFAIL: "cancel_sm, and no message that it names is still here",
    Status.ESME_RREPLACEFAIL: "replace_sm, and the message that it names is not here any"
    " more, or is long",
    Status.ESME_RMSGQFUL: "backlog is full, or has no room for a list, or too many long messages"
    " are incomplete",
    Status.ESME_RINVNUMDESTS: "submit_multi with no destination, or over 254",
    Status.ESME_RCNTSUBDL: "A distribution list by which a submit_multi has over 10,000 numbers",
    Status.ESME_RINVESMCLASS: "A user data header that is none",
    Status.ESME_RSUBMITFAIL: "No provider on the route takes octets, a segment may belong to two"
    " messages or to none, or stands in a submit_multi, the USSD dialogue is over, or, in"
    " transaction mode, the message ended undelivered",
    Status.ESME_RINVDSTTON: "A destination of a type that has no number",
    Status.ESME_RINVREPFLAG: "replace_if_present is over 1",
    Status.ESME_RTHROTTLED: "Over the account's throughput: slow down",
    Status.ESME_RINVSCHED: "schedule_delivery_time is no time",
    Status.ESME_RINVEXPIRY: "validity_period is no time, has passed, or ends before the"
    " schedule_delivery_time; qos_time_to_live is 0",
    Status.ESME_RINVDFTMSGID: "sm_default_msg_id without a text: there are no predefined messages",
    Status.ESME_RQUERYFAIL: "query_sm, and the account has no such message from that source",
    Status.ESME_RINVOPTPARSTREAM: "TLVs that end in the middle, or over 100 of them",
    Status.ESME_ROPTPARNOTALLWD: "Both short_message and message_payload",
    Status.ESME_RINVPARLEN: "A TLV of a length that it cannot have, by SMPP 3.4 or by its `max`",
    Status.ESME_RMISSINGOPTPARAM: "A TLV that the route requires; in a data_sm message_payload",
    Status.ESME_RINVOPTPARAMVAL: "SAR TLVs that contradict each other, or a header beside them;"
    " a named TLV whose value is not of its type",
    Status.ESME_RDELIVERYFAILURE: "data_sm in transaction mode: the message ended undelivered",
    Status.ESME_RINVDCS: "Octets that are no text in their data_coding, or text and octets in one"
    " message",
}
"""The cases in which the bridge answers an ESME with a command_status; others are only read."""

STATES: Mapping[MessageState, str] = {
    MessageState.SCHEDULED: "Waits for its time; of SMPP 5.0, only read",
    MessageState.ENROUTE: "On its way; not final",
    MessageState.DELIVERED: "On the phone",
    MessageState.EXPIRED: "Its validity ended before it was delivered",
    MessageState.DELETED: "Somebody deleted it",
    MessageState.UNDELIVERABLE: "It cannot be delivered",
    MessageState.ACCEPTED: "Taken, as many SMSCs say of what is on its way; not final",
    MessageState.UNKNOWN: "Nobody knows, and nobody will: no report came in time",
    MessageState.REJECTED: "A provider, or the last one of the route, refused it",
    MessageState.SKIPPED: "Passed over; of SMPP 5.0, only read",
}
"""The meaning of each message_state."""

STAGES: Mapping[Stage, str] = {
    Stage.GATHERING: "Segments of a long message wait for the rest",
    Stage.WAITING: "It waits in the lane of a provider",
    Stage.SUBMITTING: "A request with it left; without an answer it becomes Uncertain",
    Stage.SUBMITTED: "The provider took it; its final report is awaited",
    Stage.FINISHED: "It has a final state; it is deleted after retention",
}
"""The meaning of each stage."""

ODDITIES: Mapping[Oddity, str] = {
    Oddity.SHORT_BODY: "A request ends before its last fields",
    Oddity.NO_NUL: "The last text of a request lacks its NUL",
    Oddity.LONG_FIELD: "A text is longer than its field",
    Oddity.SM_LENGTH: "sm_length goes beyond the PDU, or counts the characters of UCS2",
    Oddity.BROKEN_TLVS: "TLVs end in the middle, or an integer has a length it cannot have",
    Oddity.ENQUIRE_LINK_BODY: "An enquire_link has a body; it is answered",
    Oddity.BARE_DELIVER_SM_RESP: "A deliver_sm_resp has no message_id, not even an empty one",
    Oddity.LONG_PASSWORD: "A password is over 8 characters long; 64 are read",
    Oddity.TLVS_BEFORE_3_4: "A session of SMPP 3.3 sends TLVs; they are read, it is sent none",
    Oddity.REGISTERED_DELIVERY: "registered_delivery has bits that mean nothing; they are ignored",
    Oddity.DATA_CODING: "data_coding is a reserved value, and read as the default alphabet",
    Oddity.LATIN1: "A text in GSM 03.38 has octets above 0x7F, and is read as Latin-1",
    Oddity.UCS2: "A text under data_coding 0 looks like UCS2",
    Oddity.UDH: "A text begins with the header of a segment, and esm_class has no flag",
    Oddity.HALF_UCS2: "A text in UCS2 has an odd number of octets",
    Oddity.TWO_TEXTS: "Both short_message and message_payload are there",
    Oddity.SAR_AND_UDH: "SAR TLVs stand beside a header",
    Oddity.PRIORITY: "priority_flag is over 3",
    Oddity.RESERVED_TON: "The TON of a destination is reserved",
    Oddity.NATIONAL_NUMBER: "A destination is national, and the account has no country",
    Oddity.SILENT_ENQUIRE_LINK: "enquire_link stays unanswered; the session ends",
    Oddity.SILENT_DELIVER_SM: "Three deliver_sm stay unanswered; the session ends",
}
"""The meaning of each oddity of a session."""

EVENTS: Mapping[str, str] = {
    "started": "Everything is open: messages are taken",
    "start_failed": "The bridge could not start; it ends with status 1",
    "stopping": "SIGTERM: no new binds, what is out may end; `out` counts it",
    "stopped": "The end; `unfinished` requests are Uncertain from now on",
    "configuration_applied": "SIGHUP: the new file holds",
    "configuration_refused": "SIGHUP: the old file goes on to hold, and why",
    "admin_act": "Somebody changes something through the API: who, from where, what; the audit"
    " trail has it too",
    "admin_login_refused": "A login to the API was refused",
    "admin_socket_failed": "The socket for commands on this machine could not be opened, and why;"
    " the bridge runs all the same",
    "restarting": "SIGUSR2: so many sessions pass to the version that is installed now, others are"
    " unbound; `unfinished` requests are Uncertain; for `frozen` seconds nothing was read",
    "restart_refused": "SIGUSR2: the bridge serves on, and why: the installed version refuses"
    " the configuration, or cannot be started",
    "adopted": "So many sessions go on that were bound before a restart, others were lost; for"
    " `gap` seconds nothing was read",
    "handover_refused": "The record of the version before cannot be read: its ESMEs bind again",
    "session_bound": "An ESME has bound",
    "session_refused": "A bind was refused, with its command_status, and why: unknown_system_id,"
    " wrong_password, allow_from (the peer cannot tell these three), tls_required, no_certificate,"
    " other_certificate (then with the names in the certificate), binds, reloaded, stopping or"
    " not_forgiven (its form, and only other accounts are forgiven that)",
    "old_password_used": "An ESME has bound with the older of two valid passwords",
    "session_oddity": "An ESME does something otherwise than SMPP 3.4 says, and the key of its"
    " account that helps; without `setting` it does no harm. Once a session and kind",
    "session_slowed": "An ESME sends too many PDUs that are no messages; they are read slowly from"
    " now on",
    "session_ended": "A bound session is over, and why",
    "trace_started": "Somebody listens to an account, a number, a provider or an address, for so"
    " many seconds; texts: the texts of messages stay readable in that trace",
    "trace_ended": "A trace is over, and why: its time is over, it was stopped, or it is full",
    "outbind_failed": "An ESME that is owed deliveries was called in vain: unreachable, silent (no"
    " bind came) or refused; and when it is called again",
    "connection_failed": "A connection was turned away (no_room, no_descriptor, stopping), cut"
    " off for a newcomer (gave_way), failed in TLS (not_tls, no_common_version,"
    " certificate_refused by the client, client_certificate_refused by us, handshake_too_slow,"
    " closed_in_handshake, handshake_failed), came from a balancer and had no header of the PROXY"
    " protocol (no_proxy_header: too little, too late; bad_proxy_header: something else) or ended"
    " unbound (never_bound); of an address the first of its kind in an hour",
    "certificate_expires": "The certificate that a listener serves, or one of its client_ca, has"
    " expired, expires within 30 days or is not valid yet: renew its files, then SIGHUP; once a"
    " day",
    "descriptors_few": "RLIMIT_NOFILE allows fewer descriptors than connections and requests may"
    " need: raise LimitNOFILE in the unit",
    "pdu_refused": "A PDU was wrong and got command_status; 20 of a session are logged",
    "submit_refused": "A submit_sm, submit_multi or destination was refused, and why: the first of"
    " its account and reason in a minute, or each (log.messages: all)",
    "submits_refused": "So many submissions of an account were refused for one reason in a minute",
    "said_no": "A no by its reason, about an account, provider or listener: see `help reasons`; the"
    " first in a minute",
    "said_no_again": "So many more of the same reason came in that minute",
    "query_refused": "A query_sm was refused (log.messages: all)",
    "cancel_refused": "A cancel_sm was refused (log.messages: all)",
    "replace_refused": "A replace_sm was refused (log.messages: all)",
    "message_replaced": "A replace_sm was answered ESME_ROK (log.messages: all)",
    "message_accepted": "A submit_sm, or a destination of a submit_multi, was answered ESME_ROK"
    " (log.messages: all)",
    "message_delivered": "DELIVERED (log.messages: all)",
    "message_ended": "A provider without reports took it, and `without_reports` is acceptd"
    " (log.messages: all)",
    "message_failed": "UNDELIVERABLE, REJECTED, UNKNOWN or DELETED",
    "message_expired": "EXPIRED",
    "message_refused": "A provider refused it; the next one of the route may take it",
    "message_uncertain": "A request left and no usable answer came: see `smppbridge messages"
    " --uncertain`",
    "message_answered_late": "The answer to an Uncertain one came after its time, and counts",
    "delivery_unwritable": "A delivery cannot be written as a PDU: it ends, the others go on",
    "message_given_up": "No report came in time: UNKNOWN, and why",
    "message_resend_by_hand": "Somebody had an Uncertain message sent once more",
    "message_fail_by_hand": "Somebody ended an Uncertain message as UNDELIVERABLE",
    "messages_moved_by_hand": "Somebody let so many waiting messages wait for another provider",
    "messages_failed_by_hand": "Somebody ended so many waiting messages as UNDELIVERABLE",
    "messages_diverted": "So many waiting messages went to the next provider of their route, and"
    " why",
    "messages_quiet": "So many waiting messages wait on, for the end of their route's quiet hours",
    "lane_paused": "A provider finds the lane too fast (429, ESME_RTHROTTLED): nothing leaves for"
    " `seconds`, then less",
    "lane_resumed": "The provider accepts again after a pause",
    "mo_owed": "A message from a phone is kept for its account (log.messages: all)",
    "mo_unrouted": "A message from a phone is nobody's and was dropped: see mo",
    "mo_outdated": "A message from a phone is older than retention, and was dropped",
    "mo_too_long": "A message from a phone is longer than can be delivered, and was dropped",
    "optouts_full": "More numbers opted out than memory holds; the rest is not refused",
    "optout_ended_by_hand": "Somebody let a number have messages again",
    "ussd_ended": "A USSD dialogue ended, and how (log.messages: all)",
    "provider_down": "The breaker of a lane has opened: see breaker",
    "provider_up": "The breaker of a lane has closed",
    "provider_refuses": "A provider takes nothing from us (credentials, credit): logged once",
    "provider_missing": "The store has messages for a provider that the file no longer names",
    "balance_empty": "No credit is left, and no low_balance says when messages go elsewhere",
    "balance_low": "Credit is at low_balance: messages take the next provider",
    "balance_restored": "Credit is above low_balance again",
    "balance_unknown": "The credit could not be asked for",
    "status_unknown": "A report's status is in no table of its provider, so its message stays on"
    " its way; `setting` is the table to add it to; once a status, 20 of a provider",
    "pull_failed": "What is new could not be asked for",
    "upstream_bound": "A session with an upstream SMSC is bound",
    "upstream_lost": "A session with an upstream SMSC is over; it binds again",
    "upstream_refused": "An upstream SMSC refused a bind, for a time",
    "upstream_credentials_refused": "An upstream SMSC does not know our system_id and password",
    "upstream_unreachable": "An upstream SMSC cannot be reached",
    "deliver_sm_unread": "A deliver_sm of an upstream SMSC could not be read; it was answered",
    "cdr_failed": "CDR files could not be written, and why; that is tried again every minute,"
    " and no message is deleted that has no record",
    "store_failed": "A commit failed (disk full): nothing is answered ESME_ROK until it works",
    "clock_set": "The machine's clock was set by so many seconds; ours follows back at half speed",
    "callback_refused": "A callback with a wrong path, key, method or content; once an hour each",
    "callback_expected": "At the start: the URL that a provider has to call",
    "counted": "At level debug: an act that the metrics count, with its labels and its count",
    "store_works": "Commits work again",
    "store_awaited": "There is no database at the start, and why: it is waited for",
    "store_not_synchronous": "At the start: no standby confirms commits (synchronous: warn): a"
    " fail-over of the database may lose answered messages and send others twice",
    "store_lost": "The connection to the database is gone: nobody is answered before it is known"
    " what became of the last transaction",
    "store_found": "There is a connection again; committed: the last transaction had come through",
    "node_started": "This bridge has a slot in the database, under a new epoch",
    "node_suspended": "Without a commit for 0.8 of the lease: so many sessions are ended without"
    " answers, nothing leaves, nobody may bind",
    "node_goes_on": "Commits come through again: ESMEs may bind, requests leave",
    "node_taken_over": "Another node was silent for a lease: this one has its messages",
    "shards_adopted": "This bridge goes on with the messages of others: so many wait; those that"
    " were out (interrupted) are Uncertain",
    "slot_given_back": "Nothing is left in the slot of another node: who starts may have it",
    "node_fenced": "Another node has our messages: this one ends with status 75, to start anew",
    "node_testified": "Before its end it said what it knew: so many messages were accepted by their"
    " providers, so many had not left and wait again",
    "node_unheard": "It could not say so, and why: these messages stay Uncertain",
    "node_unreachable": "A USSD request could not be passed on to a node, and why; logged until"
    " it answers once",
    "node_handed_over": "This bridge stops, and others have its messages at once",
    "node_not_handed_over": "It stops and could not hand its messages over, and why: others have"
    " them after a lease",
    "partitions_not_made": "The database takes no new partitions, and why; so many days are left:"
    " with less than 2 the bridge is not ready",
    "node_drained": "Somebody has this bridge end, as SIGTERM does",
    "log_lines_dropped": "Nobody read the log: so many lines are lost",
    "library_warning": "A warning of a library",
    "thread_broken": "A thread ended by a fault of the bridge itself: kind and place; sessions are"
    " closed without answers, and the bridge ends with status 70, to start anew",
    "unhandled_error": "A fault of the bridge itself: kind and place, never its text",
}
"""The meaning of each event of the log."""

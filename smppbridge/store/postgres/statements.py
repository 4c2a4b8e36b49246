"""The statements that write: one for a list, in the order of a message's life.

A plan that was made while a queue was empty is kept when 100,000 rows have come.  So an update of a
row of work, and a delete by its id, says ``= any(@ids)`` besides the join; where several columns
find a row, or a partition has to be found, ``lateral (... offset 0)`` makes it a look for each.
With the session's settings (``connection``) both forms go by the index whatever else.  It has to be
the right index: a column that another index begins with is added to zero.

A message is changed only by its owner: the row of its work is one of ``:mine``.  A final state is
written only with the row that it deletes, so that it cannot change, whoever races.
"""

from __future__ import annotations

from smppbridge.smpp.constants import FINAL_STATES
from smppbridge.store.postgres.tables import Statement, Values

# -- accepted -------------------------------------------------------------------------------------

MESSAGES = Values(
    "id int8, system_id text, source text, source_plan int4, destination text, "
    "destination_plan int4, number text, body body, is_text bool, data_coding int2, "
    "priority int2, registered_delivery int2, route text, traits text, segments int2, "
    "accepted_at float8, expires_at float8"
)
INSERT_MESSAGE = Statement("message", "insert into message select * from @v", MESSAGES)

OUT = Values("id int8, provider text, hop int2, at float8, wake float8")
INSERT_OUT = Statement(
    "out",
    "insert into out (message_id, shard, stage, provider, hop, attempts, by_slot, by_epoch, "
    "begun_at, wake) select v.id, :slot, 2, v.provider, v.hop, 1, :slot, :epoch, v.at, v.wake "
    "from @v",
    OUT,
)

WAITING = Values(
    "id int8, provider text, system_id text, priority int2, due float8, expires_at float8, hop int2"
)
INSERT_WAITING = Statement(
    "waiting",
    "insert into waiting (message_id, shard, provider, system_id, priority, due, expires_at, hop, "
    "attempts) select v.id, :slot, v.provider, v.system_id, v.priority, v.due, v.expires_at, "
    "v.hop, 0 from @v",
    WAITING,
)

SEGMENTS = Values(
    "id int8, number int2, registered_delivery int2, received_at float8, octets bytea, context text"
)
INSERT_SEGMENT = Statement(
    "segment",
    "insert into segment (message_id, shard, number, registered_delivery, received_at, octets, "
    "context) select v.id, :slot, v.number, v.registered_delivery, v.received_at, v.octets, "
    "v.context from @v on conflict (message_id) do update set shard = excluded.shard, "
    "octets = excluded.octets, context = excluded.context, arriving = false",  # handed over
    SEGMENTS,
)

JOINED = Values(
    "id int8, parent int8, number int2, registered_delivery int2, received_at float8, about text, "
    "fingerprint int8?"
)
JOIN_SEGMENT = Statement(
    "join",
    "with gone as (delete from segment where message_id = any(@ids)) "
    "insert into joined (message_id, parent, number, registered_delivery, received_at, about, "
    "fingerprint) select * from @v",
    JOINED,
)

# -- begun, recorded ------------------------------------------------------------------------------

BEGUN = Values("id int8, attempts int2, at float8, request text, wake float8")
BEGIN = Statement(
    "begun",
    "with v as (select * from @v), gone as (delete from waiting w "
    "where w.message_id = any(@ids) and w.shard + 0::int2 = any(:mine) returning w.*), "
    "new as (insert into out (message_id, shard, stage, provider, hop, attempts, by_slot, "
    "by_epoch, begun_at, wake, state, error, answered_at, provider_message_id, request, parts, "
    "report_source) select g.message_id, g.shard, 2, g.provider, g.hop, v.attempts, :slot, "
    ":epoch, v.at, v.wake, coalesce(g.state, 0), coalesce(g.error, 0), g.answered_at, "
    "g.provider_message_id, v.request, coalesce(g.parts, 0), g.report_source "
    "from gone g join v on v.id = g.message_id returning message_id, attempts, request), "
    "again as (update out o set attempts = v.attempts, by_slot = :slot, by_epoch = :epoch, "
    "begun_at = v.at, wake = v.wake, unsure = null, request = v.request from v "
    "where o.message_id = v.id and o.message_id = any(@ids) and o.shard + 0::int2 = any(:mine) "
    "and o.stage = 2 and o.unsure is not null returning o.message_id, o.attempts, o.request), "
    "begun as (select * from new union all select * from again), "
    "keyed as (insert into shared (request, message_id) select request, message_id from begun "
    "where request is not null) select message_id, attempts from begun",
    BEGUN,
)
"""Returns (message_id, attempts) of the attempts that began: only they may leave."""

RECALLED = Values(
    "id int8, attempts int2, due float8, system_id text, priority int2, expires_at float8"
)
RECALL = Statement(
    "recalled",
    "with gone as (delete from out o where o.message_id = any(@ids) "
    "and o.shard + 0::int2 = any(:mine) and o.stage = 2 and o.unsure is null returning o.*) "
    "insert into waiting (message_id, shard, provider, system_id, priority, due, expires_at, hop, "
    "attempts, begun_at, answered_at, provider_message_id, parts, state, error, report_source) "
    "select g.message_id, g.shard, g.provider, v.system_id, v.priority, v.due, v.expires_at, "
    "g.hop, v.attempts, g.begun_at, g.answered_at, g.provider_message_id, nullif(g.parts, 0), "
    "nullif(g.state, 0), nullif(g.error, 0), g.report_source from gone g join @v "
    "on v.id = g.message_id",
    RECALLED,
)

SUBMITTED = Values("id int8, due float8, at float8, name text")
SUBMIT = Statement(
    "submitted",
    "update out o set stage = 3, unsure = null, due = v.due, wake = least(o.wake, v.due), "
    "answered_at = v.at, provider_message_id = v.name from @v "
    "where o.message_id = v.id and o.message_id = any(@ids) and o.shard + 0::int2 = any(:mine)",
    SUBMITTED,
)

NAMED = Values("id int8, provider text, name text, exact text")
INSERT_NAMED = Statement(
    "named",
    "insert into named (message_id, provider, name, exact) select * from @v",
    NAMED,
)

AGAIN = Values(
    "id int8, due float8, provider text, hop int2, attempts int2, at float8, system_id text, "
    "priority int2, expires_at float8"
)
_KEPT = (
    "message_id, shard, begun_at, provider_message_id, request, nullif(parts, 0) as parts, "
    "nullif(state, 0) as state, nullif(error, 0) as error, report_source"
)
RECORD_WAITING = Statement(
    "again",
    "with v as (select * from @v), "
    f"o as (delete from out where message_id = any(@ids) and shard + 0::int2 = any(:mine) "
    # not one that its provider has accepted after all: a bridge that was taken over may say so
    f"and stage = 2 returning {_KEPT}), "
    f"w as (delete from waiting where message_id = any(@ids) and shard + 0::int2 = any(:mine) "
    f"returning {_KEPT}) "
    "insert into waiting (message_id, shard, provider, system_id, priority, due, expires_at, hop, "
    "attempts, begun_at, answered_at, provider_message_id, request, parts, state, error, "
    "report_source) select g.message_id, g.shard, v.provider, v.system_id, v.priority, v.due, "
    "v.expires_at, v.hop, v.attempts, g.begun_at, v.at, g.provider_message_id, g.request, g.parts, "
    "g.state, g.error, g.report_source "
    "from (select * from o union all select * from w) g join v on v.id = g.message_id",
    AGAIN,
)

UNSURE = Values("id int8, due float8, provider text, hop int2, attempts int2, at float8")
RECORD_UNSURE = Statement(
    "unsure",
    "with v as (select * from @v), "
    "w as (delete from waiting where message_id = any(@ids) and shard + 0::int2 = any(:mine) "
    "returning *), "
    # refused at last before it had left
    "new as (insert into out (message_id, shard, stage, provider, hop, attempts, by_slot, "
    "by_epoch, begun_at, wake, unsure, state, error, answered_at, provider_message_id, request, "
    "parts, report_source) select w.message_id, w.shard, 2, v.provider, v.hop, v.attempts, :slot, "
    ":epoch, w.begun_at, 'infinity', v.due, coalesce(w.state, 0), coalesce(w.error, 0), v.at, "
    "w.provider_message_id, w.request, coalesce(w.parts, 0), w.report_source "
    "from w join v on v.id = w.message_id) "
    "update out o set wake = 'infinity', unsure = v.due, provider = v.provider, hop = v.hop, "
    "attempts = v.attempts, answered_at = v.at from v where o.message_id = v.id "
    "and o.message_id = any(@ids) and o.shard + 0::int2 = any(:mine) and o.stage = 2",
    UNSURE,
)

PARTS = Values(
    "id int8, number int2, provider text, provider_message_id text, needed bool, parts int2"
)
INSERT_PART = Statement(
    "part",
    "with v as (select * from @v), counted as (update out o set parts = v.parts from v "
    "where o.message_id = v.id and o.message_id = any(@ids) and o.shard + 0::int2 = any(:mine) "
    "and v.number = 1) "
    "insert into part (message_id, number, provider, provider_message_id, needed) "
    "select id, number, provider, provider_message_id, needed from v where id = any(array("
    "select message_id from out where message_id = any(@ids) and shard + 0::int2 = any(:mine))) "
    "on conflict (message_id, number) do update set provider = excluded.provider, "
    "provider_message_id = excluded.provider_message_id, needed = excluded.needed, state = 0, "
    "error = 0",
    PARTS,
)

ENDED_PARTS = Values("id int8, number int2, state int2, error int8")
END_PART = Statement(
    "ended_part",
    "update part p set state = v.state, error = v.error from @v where p.message_id = v.id "
    "and p.number = v.number and p.message_id = any(@ids) and p.state = 0 "
    "and p.message_id <> all(array("  # of the messages of others; those that ended are nobody's
    "select message_id from out where message_id = any(@ids) and shard + 0::int2 <> all(:mine)))",
    ENDED_PARTS,
)

ATTEMPTS = Values(
    "id int8, number int4, provider text, begun_at float8, ended_at float8, outcome text, "
    "reason text"
)
INSERT_ATTEMPT = Statement(
    "attempt",
    "insert into attempt (message_id, number, provider, begun_at, ended_at, outcome, reason) "
    "select * from @v on conflict do nothing",
    ATTEMPTS,
)

# -- messages that wait ---------------------------------------------------------------------------

MOVED = Values("id int8, provider text, hop int2")
MOVE = Statement(
    "moved",
    "update waiting w set provider = v.provider, hop = v.hop from @v where w.message_id = v.id "
    "and w.message_id = any(@ids) and w.shard + 0::int2 = any(:mine)",
    MOVED,
)

REWRITTEN = Values(
    "id int8, due float8, expires_at float8, provider text, hop int2, route text, body body, "
    "is_text bool, asked int2, traits text"
)
REWRITE = Statement(
    "rewritten",
    "with v as (select * from @v), changed as (update waiting w set due = v.due, "
    "expires_at = v.expires_at, provider = v.provider, hop = v.hop from v "
    "where w.message_id = v.id and w.message_id = any(@ids) and w.shard + 0::int2 = any(:mine) "
    "returning v.*) "
    "update message m set expires_at = c.expires_at, route = c.route, body = c.body, "
    "is_text = c.is_text, registered_delivery = c.asked, traits = c.traits from changed c "
    "where m.message_id = c.id and m.message_id = any(@ids)",
    REWRITTEN,
)

DUES = Values("id int8, due float8")
REVISIT = Statement(
    "due",
    "with v as (select * from @v), w as (update waiting w set due = v.due from v "
    "where w.message_id = v.id and w.message_id = any(@ids) and w.shard + 0::int2 = any(:mine)) "
    "update out o set due = case o.stage when 3 then v.due end, "
    "wake = case o.stage when 3 then v.due else o.wake end, "
    "unsure = case o.stage when 2 then v.due end from v where o.message_id = v.id "
    "and o.message_id = any(@ids) and o.shard + 0::int2 = any(:mine) "
    "and (o.stage = 3 or o.unsure is not null)",
    DUES,
)

# -- reported -------------------------------------------------------------------------------------

RENAMED = Values("id int8, exact text, name text, differs text")
RENAME = Statement(
    "renamed",
    "with v as (select * from @v), o as (update out o set provider_message_id = v.exact from v "
    "where o.message_id = v.id and o.message_id = any(@ids) and o.shard + 0::int2 = any(:mine) "
    "returning o.provider, v.*), w as (update waiting w set provider_message_id = v.exact from v "
    "where w.message_id = v.id and w.message_id = any(@ids) and w.shard + 0::int2 = any(:mine) "
    "returning w.provider, v.*) "
    "insert into named (provider, name, exact, message_id) select provider, name, differs, id "
    "from (select * from o union all select * from w) g",
    RENAMED,
)

STATES = Values("id int8, state int2, error int8, at float8, source text")
STATE = Statement(
    "state",
    "with v as (select * from @v), w as (update waiting w set state = v.state, error = v.error, "
    "report_source = v.source from v where w.message_id = v.id and w.message_id = any(@ids) "
    "and w.shard + 0::int2 = any(:mine)) "
    "update out o set state = v.state, error = v.error, report_source = v.source from v "
    "where o.message_id = v.id and o.message_id = any(@ids) and o.shard + 0::int2 = any(:mine)",
    STATES,
)

_OWED = (
    "id int8, state int2, parent int8, system_id text, error int8, done_at float8, due float8, "
    "expires_at float8, holder int2, settled int2"
)
NOTICES = Values(_OWED)
_COLUMNS = "state, parent, system_id, error, done_at, due, expires_at, holder"


def _owe(alias: str) -> str:
    wanted = _COLUMNS.replace(" ", f" {alias}.")
    return f"insert into delivery (message_id, {_COLUMNS}) select {alias}.id, {alias}.{wanted}"


NOTIFY = Statement(
    "notice",  # not of a message that has ended, and not once more
    f"{_owe('v')} from @v cross join lateral (select 1 from out o where o.message_id = v.parent "
    "and o.shard + 0::int2 = any(:mine) union all select 1 from waiting w "
    "where w.message_id = v.parent and w.shard + 0::int2 = any(:mine) offset 0) open "
    "left join lateral (select 1 as there from ended e where e.message_id = v.id "
    "and e.state = v.state offset 0) e on true where e.there is null on conflict do nothing",
    NOTICES,
)

FATES = Values("id int8, state int2, error int8, at float8, source text")
RECEIPTS = Values(_OWED)
_ENDED = (
    "message_id, provider, hop, attempts, begun_at, answered_at, provider_message_id, request, "
    "coalesce(parts, 0::int2) as parts"
)
FINAL = Statement(
    "final",
    f"with o as (delete from out where message_id = any(@ids) and shard + 0::int2 = any(:mine) "
    f"returning {_ENDED}), w as (delete from waiting where message_id = any(@ids) "
    f"and shard + 0::int2 = any(:mine) returning {_ENDED}), "
    "gone as (select * from o union all select * from w), "
    "f as (insert into fate (message_id, at, state, error, provider, hop, attempts, begun_at, "
    "answered_at, provider_message_id, request, parts, source) select g.message_id, v.at, v.state, "
    "v.error, g.provider, g.hop, g.attempts, g.begun_at, g.answered_at, g.provider_message_id, "
    "g.request, g.parts, v.source from gone g join @v on v.id = g.message_id "
    "on conflict do nothing returning message_id, state) "  # of two states in one list, one
    f"{_owe('d')} from @d join f on f.message_id = d.parent and f.state = d.settled "
    "on conflict do nothing",
    FATES,
    RECEIPTS,
)

# -- phones ---------------------------------------------------------------------------------------

MOS = Values(
    "id int8, parent int8, system_id text, provider text, provider_message_id text, segment int4, "
    "source text, source_plan int4, destination text, destination_plan int4, data_coding int2, "
    "esm_class int2, octets bytea, heard_at float8"
)
INSERT_MO = Statement(
    "mo",
    "insert into mo (message_id, parent, system_id, provider, provider_message_id, segment, "
    "source, source_plan, destination, destination_plan, data_coding, esm_class, octets, heard_at) "
    "select * from @v on conflict do nothing",
    MOS,
)
MO_DELIVERIES = Values(_OWED)
INSERT_MO_DELIVERY = Statement(  # none for a repeated MO message: its first segment is not there
    "mo_delivery",
    f"{_owe('v')} from @v cross join lateral (select 1 from mo where message_id = v.parent "
    "offset 0) known on conflict do nothing",
    MO_DELIVERIES,
)

OPTOUTS = Values("provider text, number text, at float8")
INSERT_OPTOUT = Statement(
    "optout",
    "insert into optout (provider, number, at) select provider, number, max(at) from @v "
    "group by provider, number order by provider, number "  # two bridges in one order
    "on conflict (provider, number) do update set at = excluded.at, "
    "ended_at = null",
    OPTOUTS,
)

# -- delivered ------------------------------------------------------------------------------------

DONE = Values("id int8, state int2, status int8, at float8")
FINISH_DELIVERY = Statement(
    "done",
    "with v as (select * from @v), gone as (delete from delivery d using v "
    "where d.message_id = v.id and d.state = v.state and d.message_id = any(@ids) "
    "returning d.*, v.status, v.at) "
    "insert into ended (message_id, state, parent, system_id, error, done_at, attempts, "
    "finished_at, command_status) select message_id, state, parent, system_id, error, done_at, "
    "attempts, at, status from gone",
    DONE,
)
POSTPONED = Values("id int8, state int2, due float8, attempts int4, status int8?")
POSTPONE_DELIVERY = Statement(
    "postponed",
    "update delivery d set due = v.due, attempts = v.attempts, command_status = v.status from @v "
    "where d.message_id = v.id and d.state = v.state and d.message_id = any(@ids)",
    POSTPONED,
)

# -- early reports, notes -------------------------------------------------------------------------

_FINAL = ", ".join(str(int(state)) for state in sorted(FINAL_STATES))
EARLY = Values(
    "provider text, provider_message_id text, state int2, error int8, at float8, renamed text, "
    "done_at float8?, name text"
)
INSERT_EARLY = Statement(
    "early",
    "insert into early (provider, provider_message_id, state, error, at, renamed, done_at, name) "
    "select distinct on (provider, provider_message_id) provider, provider_message_id, state, "
    "error, at, renamed, done_at, name from (select *, row_number() over () as n from @v) v "
    "order by provider, provider_message_id, n desc "  # the last of one transaction
    "on conflict (provider, provider_message_id) do update set state = excluded.state, "
    "error = excluded.error, at = excluded.at, renamed = excluded.renamed, "
    "done_at = excluded.done_at "
    # another bridge may have received the final state, and this one does not know of it
    f"where not (early.state in ({_FINAL}) and excluded.state not in ({_FINAL}))",
    EARLY,
)
USED = Values("provider text, provider_message_id text, till float8")
DELETE_EARLY = Statement(  # not a later report
    "used",
    "delete from early where ctid = any(array(select f.ctid from @v cross join lateral "
    "(select ctid from early e where e.provider = v.provider "
    "and e.provider_message_id = v.provider_message_id and e.at <= v.till offset 0) f))",
    USED,
)

TOLD = Values(
    "id int8, provider text, name text, state int2, error int8, at float8, source text, "
    "renamed text, done_at float8?"
)
TELL = Statement(
    "told",  # whose the message is now: it may be another's than when it was found, or have ended
    "insert into told (shard, message_id, provider, name, state, error, at, source, renamed, "
    "done_at) select g.shard, v.* from @v cross join lateral (select shard from out o "
    "where o.message_id = v.id union all select shard from waiting w where w.message_id = v.id "
    "limit 1) g",
    TOLD,
)
UNTOLD = Values("number int8")
DROP_TOLD = Statement("untold", "delete from told where id = any(@ids)", UNTOLD)

NOTES = Values("id int8, at float8, code text, facts text")
INSERT_NOTE = Statement(
    "note", "insert into note (message_id, at, code, facts) select * from @v", NOTES
)
REFUSED = Values(
    "at float8, system_id text, source text, destination text, command_status int8, reason text, "
    "detail text, count int4"
)
INSERT_REFUSED = Statement(
    "refused",
    "insert into refused (at, system_id, source, destination, command_status, reason, detail, "
    "count) select * from @v",
    REFUSED,
)
UNMATCHED = Values(
    "at float8, kind text, provider text, provider_message_id text, reason text, state int2, "
    "error int8, source text, destination text"
)
INSERT_UNMATCHED = Statement(
    "unmatched",
    "insert into unmatched (at, kind, provider, provider_message_id, reason, state, error, source, "
    "destination) select * from @v",
    UNMATCHED,
)

BEATS = Values("n int2")
BEAT = Statement(  # the time by the database, for people alone
    "beat", "update node set beat_at = clock_timestamp() from @v where slot = :slot", BEATS
)

# The order within a transaction is that of a message's life, and then its deliveries.
ORDER = (
    INSERT_MESSAGE,
    INSERT_WAITING,
    INSERT_OUT,
    INSERT_SEGMENT,
    JOIN_SEGMENT,
    BEGIN,
    RECALL,
    SUBMIT,
    INSERT_NAMED,
    RECORD_WAITING,
    RECORD_UNSURE,
    INSERT_PART,
    END_PART,
    INSERT_ATTEMPT,
    MOVE,
    REWRITE,
    REVISIT,
    RENAME,
    STATE,
    NOTIFY,
    FINAL,
    INSERT_MO,
    INSERT_MO_DELIVERY,
    INSERT_OPTOUT,
    FINISH_DELIVERY,
    POSTPONE_DELIVERY,
    TELL,
    DROP_TOLD,
    INSERT_EARLY,
    DELETE_EARLY,
    INSERT_NOTE,
    INSERT_REFUSED,
    INSERT_UNMATCHED,
    BEAT,
)

"""The statements that write messages on their way: accepted, begun, recorded, waiting again."""

from __future__ import annotations

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

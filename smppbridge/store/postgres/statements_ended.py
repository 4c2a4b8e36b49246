"""The statements that write reports, ends, deliveries, and notes beside messages."""

from __future__ import annotations

from smppbridge.smpp.constants import FINAL_STATES
from smppbridge.store.postgres.tables import Statement, Values

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
NAMED_REPORTS = Values(
    "n int4, provider text, exact text, name text, state int2, error int8, at float8, source text, "
    "renamed text, done_at float8?"
)
TELL_NAMED = Statement(
    "told_named",  # one message ever had the id, and has it now, spelled like this, as a whole
    "insert into told (shard, message_id, provider, name, state, error, at, source, renamed, "
    "done_at) select o.shard, o.message_id, v.provider, v.exact, v.state, v.error, v.at, v.source, "
    "v.renamed, v.done_at from @v cross join lateral (select max(message_id) as message_id from "
    "(select message_id from named where provider = v.provider and name = v.name limit 2) two "
    "having count(*) = 1) f cross join lateral (select shard, message_id from out "
    "where message_id = f.message_id and stage = 3 and provider = v.provider "
    "and provider_message_id = v.exact and parts = 0 and shard + 0::int2 <> all(:mine) "
    "offset 0) o order by v.n returning name, shard",
    NAMED_REPORTS,
)
"""Returns (provider_message_id, shard) of the reports that were told on."""
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

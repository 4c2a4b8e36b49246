-- The store as people's questions see it: the tables that are not as in SQLite, in the shape that they have there.
-- Whoever asks has this schema in front of the other in the search path.
create schema reading;

create type reading.body as (octets bytea, is_text boolean);

create function reading.typeof(reading.body) returns text
    language sql immutable parallel safe
    return case when ($1).is_text then 'text' else 'blob' end;

create function reading.json_extract(document text, path text) returns text
    language sql immutable parallel safe
    return jsonb_path_query_first(document::jsonb, path::jsonpath) #>> '{}';

-- The columns of a message that never change: no row of work is looked at.
create view reading.accepted as select * from message;

-- waiting_id, out_id and fate_id say in which table a message is: a condition on one of them begins there.
create view reading.message as
    select
        m.message_id, m.system_id,
        case when f.message_id is not null then 4 when o.message_id is not null then o.stage else 1 end as stage,
        case when o.stage = 2 and o.unsure is null then 1 else 0 end as begun,
        nullif(
            case when o.message_id is null then w.due when o.stage = 2 then o.unsure else o.due end, 'infinity'
        ) as due,
        m.expires_at,
        coalesce(f.provider, o.provider, w.provider, '') as provider,
        coalesce(f.hop, o.hop, w.hop, 0) as hop,
        coalesce(f.attempts, o.attempts, w.attempts, 0) as attempts,
        m.route, m.source, m.source_plan, m.destination, m.destination_plan, m.number,
        row(m.body, m.is_text)::reading.body as body,
        m.data_coding, m.priority, m.registered_delivery, m.traits, m.segments, m.accepted_at,
        coalesce(f.begun_at, o.begun_at, w.begun_at) as begun_at,
        coalesce(f.answered_at, o.answered_at, w.answered_at) as answered_at,
        coalesce(f.provider_message_id, o.provider_message_id, w.provider_message_id) as provider_message_id,
        coalesce(f.state, o.state, w.state, 0) as state,
        coalesce(f.error, o.error, w.error, 0) as error,
        f.at as done_at,
        coalesce(f.source, o.report_source, w.report_source) as report_source,
        coalesce(f.request, o.request, w.request) as batch,
        coalesce(f.parts, o.parts, w.parts, 0) as parts,
        w.message_id as waiting_id, o.message_id as out_id, o.unsure, f.message_id as fate_id
    from message m
    left join waiting w on w.message_id = m.message_id
    left join out o on o.message_id = m.message_id
    left join fate f on f.message_id = m.message_id;

create view reading.segment as
    select
        message_id, null::bigint as parent, number, registered_delivery, received_at, octets, context,
        null::text as about, null::bigint as fingerprint
    from segment
    union all
    select
        message_id, parent, number, registered_delivery, received_at, null::bytea, null::text, about, fingerprint
    from joined;

create view reading.delivery as
    select
        message_id, state, parent, system_id, error, done_at, due, expires_at, attempts,
        null::float8 as finished_at, command_status
    from delivery
    union all
    select
        message_id, state, parent, system_id, error, done_at, null::float8, null::float8, attempts,
        finished_at, command_status
    from ended;

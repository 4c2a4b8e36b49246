-- What is history is only appended to, and partitioned by day on the message_id, which is time: a day that nothing
-- refers to any more is dropped.  What waits is small rows, deleted when they are done.  The state of a message is
-- told by the row that there is about it: waiting (WAITING), out (SUBMITTING, SUBMITTED), fate (FINISHED).
-- Texts in indexes are compared by their octets, whatever the database's locale.  Times are UNIX seconds.  A shard is
-- the slot of the bridge that accepted a message; `adopter` says who has it now.

create table schema (
    number int primary key,
    at     timestamptz not null default now()
);

-- Bridges.  Every transaction of a bridge begins with setting its own row's txn under its slot and epoch: fence,
-- heartbeat and proof in one.
create table node (
    slot       smallint primary key check (slot between 1 and 99),
    name       text,
    address    text,
    version    text,
    schema     int,                             -- the newest schema that its program knows
    config     text,                            -- digest of the configuration
    epoch      bigint not null default 0,
    txn        bigint not null default 0,
    ended      boolean not null default true,
    adopter    smallint references node,        -- who has this shard once ended: null, nothing is left in it; itself,
                                                -- it is handed over and nobody has it yet
    process    text,                            -- boot id, pid and start time of the bridge
    silent_for float8 not null default 0,       -- seconds for which it may be silent: it restarts in place
    beat_at    timestamptz
) with (fillfactor = 20, autovacuum_vacuum_threshold = 1000);
insert into node (slot) select generate_series(1, 99);
create index node_adopter on node (adopter) where adopter is not null;
create unique index node_name on node (name) where not ended;

-- A message as it was accepted; only what an ESME replaces while its message is WAITING is ever updated.
create table message (
    message_id          bigint   not null,
    system_id           text     not null,
    source              text     not null,
    source_plan         int      not null,      -- TON * 256 + NPI
    destination         text,                   -- as the ESME wrote it; null: the number
    destination_plan    int      not null,
    number              text collate "C" not null,      -- E.164 digits
    body                bytea,                  -- UTF-8 (is_text), or octets of a message that is not characters
    is_text             boolean  not null,
    data_coding         smallint not null,
    priority            smallint not null,
    registered_delivery smallint not null,
    route               text     not null,
    traits              text,                   -- JSON of what few messages have
    segments            smallint not null,
    accepted_at         float8   not null,
    expires_at          float8   not null
) partition by range (message_id);
create unique index message_id on message (message_id);
create index message_number on message (number, message_id);

-- WAITING: insert, delete.  What may be null is of an attempt before, and null for nearly all.
create table waiting (
    message_id          bigint   primary key,
    shard               smallint not null,
    provider            text collate "C" not null,
    system_id           text collate "C" not null,
    priority            smallint not null,
    due                 float8   not null,
    expires_at          float8   not null,
    hop                 smallint not null,
    attempts            smallint not null,
    begun_at            float8,
    answered_at         float8,
    provider_message_id text,
    request             text,
    parts               smallint,
    state               smallint,
    error               bigint,
    report_source       text
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0, vacuum_truncate = off);
create index waiting_line on waiting (shard, provider, system_id, priority, due);
create index waiting_expiring on waiting (shard, provider, expires_at);

-- SUBMITTING (2) and SUBMITTED (3): insert, one update that touches no index, delete.
--   stage 2  an attempt is out; Uncertain: `unsure` is when that is given up
--   stage 3  `due` is when to poll, or when to stop waiting for a report
-- `wake` is when to look at the row, never later than `due`; it is written before `due` is known, for it is in an
-- index.  A look that came too early moves it to `due`.
create table out (
    message_id          bigint   primary key,
    shard               smallint not null,
    stage               smallint not null,
    provider            text collate "C" not null,
    hop                 smallint not null,
    attempts            smallint not null,
    by_slot             smallint not null,      -- who has begun the attempt
    by_epoch            bigint   not null,
    begun_at            float8,
    wake                float8   not null,
    unsure              float8,
    due                 float8,
    state               smallint not null default 0,    -- 0: nothing heard yet
    error               bigint   not null default 0,
    answered_at         float8,
    provider_message_id text,
    request             text,                   -- key of the request that it shares with others
    parts               smallint not null default 0,
    report_source       text
) with (fillfactor = 40, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0, vacuum_truncate = off);
create index out_wake on out (shard, provider, wake) with (fillfactor = 70);
create index out_unsure on out (shard, provider, unsure) where unsure is not null;

-- The ids by which providers know messages and parts of messages, and knew them before: whoever finds one looks at
-- the message's row whether it is its id now.  `name` is the spelling that all spellings of an id share.
create table named (
    provider   text collate "C" not null,
    name       text collate "C" not null,
    exact      text,                            -- the id itself, where it differs from name
    message_id bigint not null
) partition by range (message_id);
create index named_name on named (provider, name, message_id);

create table fate (
    message_id          bigint   not null,
    at                  float8   not null,
    state               smallint not null,
    error               bigint   not null,
    provider            text     not null,
    hop                 smallint not null,
    attempts            smallint not null,
    begun_at            float8,
    answered_at         float8,
    provider_message_id text,
    request             text,
    parts               smallint not null,
    source              text     not null       -- push, poll or own
) partition by range (message_id);
create unique index fate_message on fate (message_id);

-- Every attempt but a plain success, which stands in the row of its message.
create table attempt (
    message_id bigint not null,
    number     int    not null,
    provider   text   not null,
    begun_at   float8 not null,
    ended_at   float8 not null,
    outcome    text   not null,
    reason     text   not null,
    primary key (message_id, number)
) partition by range (message_id);

-- Rare events in the life of a message, for people who ask why.
create sequence note_id;
create table note (
    id         bigint not null default nextval('note_id'),
    message_id bigint not null,
    at         float8 not null,
    code       text   not null,
    facts      text   not null                  -- JSON
) partition by range (message_id);
create index note_message on note (message_id);

-- The parts of messages that have more than one id at their provider; state is 0 until a part has ended.
create table part (
    message_id          bigint   not null,
    number              smallint not null,
    provider            text     not null,
    provider_message_id text     not null,
    needed              boolean  not null,      -- the message is delivered only when this part is
    state               smallint not null default 0,
    error               bigint   not null default 0,
    primary key (message_id, number)
) partition by range (message_id);

-- Messages that had, or have, a request with a key together: whoever repeats it looks at their rows too.
create table shared (
    request    text collate "C" not null,
    message_id bigint not null
) partition by range (message_id);
create index shared_request on shared (request);

-- Lines in which messages are WAITING again since a bridge that was fenced gave them back: insert, delete.
create table given (
    shard     smallint not null,
    provider  text     not null,
    system_id text     not null,
    priority  smallint not null,
    messages  int      not null
);
create index given_shard on given (shard);

-- Segments that wait for the rest of their message: insert, delete.  One is `arriving` while the bridge of its shard
-- has not received it yet: another bridge has handed it over, or was taken over.
create table segment (
    message_id          bigint   primary key,
    shard               smallint not null,
    number              smallint not null,
    registered_delivery smallint not null,
    received_at         float8   not null,
    octets              bytea    not null,
    context             text     not null,
    arriving            boolean  not null default false
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0, vacuum_truncate = off);
create index segment_shard on segment (shard, message_id);
create index segment_arriving on segment (shard, message_id) where arriving;

-- The bridge at which the segments of a message gather, by a digest of what they have in common: of messages that
-- have waited for segments for a moment.  Only that bridge deletes the row.
create table gathering (
    key  text collate "C" primary key,
    slot smallint not null
);
create index gathering_slot on gathering (slot);

-- Segments of a whole message; `about` and fingerprint are of segments of a complete one, to know them again.
create table joined (
    parent              bigint   not null,
    message_id          bigint   not null,
    number              smallint not null,
    registered_delivery smallint not null,
    received_at         float8   not null,
    about               text,
    fingerprint         bigint,
    primary key (parent, message_id)
) partition by range (parent);
create index joined_message on joined (message_id);

-- deliver_sm that are owed: insert, delete; state 0 is an MO message's segment.
create table delivery (
    message_id     bigint   not null,
    state          smallint not null,
    parent         bigint   not null,
    system_id      text collate "C" not null,
    holder         smallint not null default 0, -- the bridge that delivers it; 0: whoever has the account bound
    error          bigint   not null,
    done_at        float8   not null,
    due            float8   not null,
    expires_at     float8   not null,
    attempts       int      not null default 0,
    command_status bigint,                      -- of the response that postponed it last
    primary key (message_id, state)
) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0, vacuum_truncate = off);
create index delivery_owed on delivery (system_id, due, expires_at);

-- deliver_sm that are owed no more; command_status is null where nobody has acknowledged it.
create table ended (
    message_id     bigint   not null,
    state          smallint not null,
    parent         bigint   not null,
    system_id      text     not null,
    error          bigint   not null,
    done_at        float8   not null,
    attempts       int      not null,
    finished_at    float8   not null,
    command_status bigint
) partition by range (message_id);
create index ended_message on ended (message_id, state);

-- Reports that another bridge has received than the one that has the message: insert, delete.
create table told (
    id         bigint   generated always as identity primary key,
    shard      smallint not null,
    message_id bigint   not null,
    provider   text     not null,
    name       text     not null,
    state      smallint not null,
    error      bigint   not null,
    at         float8   not null,
    source     text     not null,
    renamed    text     not null default '',
    done_at    float8
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0, vacuum_truncate = off);
create index told_shard on told (shard, id);

-- Acts that a bridge wants another one to carry out, of which that one has the messages; an answer is waited for
-- `until` then, by the database's clock.  `taken`: it may be carried out, also if nobody waits any more.
create table errand (
    id     bigint      generated always as identity primary key,
    asker  smallint    not null,
    slot   smallint    not null,                -- who is to carry it out
    kind   text        not null,
    body   text        not null,                -- JSON, as the answer
    until  timestamptz not null,
    taken  boolean     not null default false,
    answer text
);
create index errand_slot on errand (slot, id);

-- Reports that came before the answer that names their message, or about no message.
create table early (
    provider            text collate "C" not null,
    provider_message_id text collate "C" not null,
    state               smallint not null,
    error               bigint   not null,
    at                  float8   not null,
    renamed             text     not null default '',
    done_at             float8,
    name                text collate "C" not null,      -- the spelling that all spellings of the id share
    primary key (provider, provider_message_id)
);
create index early_name on early (name, provider);  -- not provider first: no plan may take it for the key
create index early_at on early (at);

-- What people have decided about Uncertain messages; the bridge that has the message takes it from here.
create table decision (
    message_id bigint primary key,
    verb       text   not null check (verb in ('resend', 'fail'))
);

-- Segments of MO messages, as the deliver_sm they take; each is owed by a row of delivery with state 0.
create table mo (
    message_id          bigint   primary key,
    parent              bigint   not null,
    system_id           text     not null,
    provider            text collate "C" not null,
    provider_message_id text collate "C",                   -- null: the provider gives none
    segment             int      not null,
    source              text     not null,
    source_plan         int      not null,
    destination         text     not null,
    destination_plan    int      not null,
    data_coding         smallint not null,
    esm_class           smallint not null,
    octets              bytea    not null,
    heard_at            float8   not null
);
create unique index mo_once on mo (provider, provider_message_id, segment);
create index mo_parent on mo (parent);
create index mo_heard on mo (heard_at);

-- `ended_at`: by hand; every bridge takes it from here, and an hour later it is deleted.
create table optout (
    provider text collate "C" not null,
    number   text collate "C" not null,                   -- E.164 digits
    at       float8 not null,
    ended_at float8,
    primary key (provider, number)
);
create index optout_number on optout (number);
create index optout_at on optout (at);
create index optout_ended on optout (ended_at) where ended_at is not null;

-- Submissions refused at the door, for a day; addresses are masked.  `count` is above 1 where they are only counted.
create table refused (
    id             bigint generated always as identity primary key,
    at             float8 not null,
    system_id      text   not null,
    source         text   not null,
    destination    text   not null,
    command_status bigint not null,
    reason         text   not null,
    detail         text   not null,
    count          int    not null
);
create index refused_at on refused (at);

-- Reports and MO messages that belong to nothing, for a day; addresses are masked.
create table unmatched (
    id                  bigint   generated always as identity primary key,
    at                  float8   not null,
    kind                text     not null,
    provider            text     not null,
    provider_message_id text     not null,
    reason              text     not null,
    state               smallint not null,
    error               bigint   not null,
    source              text     not null,
    destination         text     not null
);
create index unmatched_at on unmatched (at);

-- Acts of people through the API, written before the act; refused logins too.  Nothing deletes a row by hand.
create table audit (
    id      bigint generated always as identity primary key,
    at      float8 not null,
    actor   text   not null,
    via     text   not null,                    -- session, token, socket, or none for a login
    address text   not null,
    action  text   not null,
    object  text   not null,
    detail  text   not null                     -- JSON, without secrets
);
create index audit_at on audit (at);

-- Providers that a person has paused, over restarts.
create table paused (
    provider text   primary key,
    at       float8 not null,
    actor    text   not null
);

-- Idempotency-Keys of messages sent through the API, for a day: the same key has the same message.
create table sent_key (
    actor       text collate "C" not null,
    name        text collate "C" not null,                -- the key
    fingerprint text   not null,                -- of the request, without its text
    message_id  bigint not null,
    at          float8 not null,
    primary key (actor, name)
);
create index sent_key_at on sent_key (at);

-- Sessions that are bound, at whichever bridge; the gate is locked by whoever counts those of an account.
create table bound (
    slot      smallint not null,
    session   bigint   not null,
    system_id text collate "C" not null,
    kind      text     not null,                -- TX, RX, TRX
    since     float8   not null,
    host      text     not null,
    primary key (slot, session)
);
create index bound_account on bound (system_id);
create table account_gate (
    system_id text primary key
);

-- The bridges that have a receiver of an account: deliver_sm that another bridge makes are theirs.
create table receiving (
    slot      smallint not null,
    system_id text collate "C" not null,
    primary key (slot, system_id)
);

-- What each bridge wants and claims of each limit: not in `node`, which every transaction writes anew.
create table share (
    slot smallint primary key references node,
    said jsonb    not null
);

-- What one bridge does for all.
create table job (
    name  text     primary key,
    slot  smallint not null,
    epoch bigint   not null
);

create table provider_state (
    provider text    primary key,
    balance  float8,
    unit     text,
    is_low   boolean not null,
    at       float8  not null
);

-- The credit at each provider, once an hour, for a month: how it goes down is seen over restarts.
create table credit (
    provider text   not null,
    hour     int    not null,                   -- UNIX seconds / 3600
    at       float8 not null,                   -- when the provider told it, within that hour
    amount   float8 not null,
    unit     text   not null,
    primary key (provider, hour)
);
create index credit_hour on credit (hour);

-- The figures that each bridge goes on with after a cold start, written anew once a minute at most.
create table figures (
    node text   primary key,
    at   float8 not null,
    kept text   not null                        -- JSON
);

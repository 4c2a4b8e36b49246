-- A message is open until stage 4 (FINISHED); while it is open, `due` says when it is to be looked at again:
--   1 WAITING     when it may be tried
--   2 SUBMITTING  null while an attempt is out; once it is Uncertain, when that is given up
--   3 SUBMITTED   when to poll, or when to stop waiting for a report
-- message_id grows with time, so time is searched by it.
create table message (
    message_id          integer primary key,
    system_id           text    not null,
    stage               integer not null,
    due                 real,
    expires_at          real    not null,
    provider            text    not null,
    hop                 integer not null default 0,
    attempts            integer not null,
    route               text    not null,
    source              text    not null,
    source_plan         integer not null,   -- TON * 256 + NPI
    destination         text,               -- as the ESME wrote it; null: the number
    destination_plan    integer not null,
    number              text    not null,   -- E.164 digits
    body                blob,               -- characters (text), or octets of a message that is not characters
    data_coding         integer not null,
    priority            integer not null,
    registered_delivery integer not null,
    traits              text,               -- JSON of what few messages have
    segments            integer not null default 0,
    accepted_at         real    not null,
    begun_at            real,
    answered_at         real,
    provider_message_id text,
    state               integer not null default 0,   -- 0: nothing heard yet
    error               integer not null default 0,
    done_at             real,
    report_source       text
);
create index message_open on message (stage, provider, due, expires_at) where stage < 4;
create index message_provider on message (provider, lower(ltrim(provider_message_id, '0')))
    where provider_message_id is not null;
create index message_number on message (number);
create index message_done on message (done_at) where stage = 4;

-- parent is null while the rest of the message is awaited
create table segment (
    message_id          integer primary key,
    parent              integer,
    number              integer not null,
    registered_delivery integer not null,
    received_at         real    not null,
    octets              blob,
    context             text
);
create index segment_gathering on segment (message_id) where parent is null;
create index segment_parent on segment (parent) where parent is not null;

-- Every attempt but a plain success, which stands in its message.
create table attempt (
    message_id integer not null,
    number     integer not null,
    provider   text    not null,
    begun_at   real    not null,
    ended_at   real    not null,
    outcome    text    not null,
    reason     text    not null,
    primary key (message_id, number)
) without rowid;

create table delivery (
    message_id     integer not null,
    state          integer not null,
    parent         integer not null,
    system_id      text    not null,
    error          integer not null,
    done_at        real    not null,
    due            real    not null,
    expires_at     real    not null,
    attempts       integer not null default 0,
    finished_at    real,
    command_status integer,
    primary key (message_id, state)
) without rowid;
create index delivery_owed on delivery (system_id, due) where finished_at is null;
create index delivery_lapsing on delivery (expires_at) where finished_at is null;

-- Reports that came before the answer that names their message.
create table early (
    provider            text    not null,
    provider_message_id text    not null,
    state               integer not null,
    error               integer not null,
    at                  real    not null,
    primary key (provider, provider_message_id)
) without rowid;

-- What was decided by hand about Uncertain messages; the bridge takes it from here.
create table decision (
    message_id integer primary key,
    verb       text not null check (verb in ('resend', 'fail'))
);

-- What people look up when they ask why: nothing here is read back by the bridge itself.
-- Rare events in the life of a message, which its own row and its attempts do not tell.
create table note (
    id         integer primary key,
    message_id integer not null,
    at         real    not null,
    code       text    not null,
    facts      text    not null             -- JSON
);
create index note_message on note (message_id);

-- Submissions refused at the door, for a day; addresses are masked. `count` is above 1 where they are only counted.
create table refused (
    id             integer primary key,
    at             real    not null,
    system_id      text    not null,
    source         text    not null,
    destination    text    not null,
    command_status integer not null,
    reason         text    not null,
    detail         text    not null,
    count          integer not null
);

-- Reports and MO messages that belong to nothing, for a day; addresses are masked.
create table unmatched (
    id                  integer primary key,
    at                  real    not null,
    kind                text    not null,
    provider            text    not null,
    provider_message_id text    not null,
    reason              text    not null,
    state               integer not null,
    error               integer not null,
    source              text    not null,
    destination         text    not null
);

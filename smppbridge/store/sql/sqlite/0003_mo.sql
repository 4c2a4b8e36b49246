-- Segments of MO messages, as the deliver_sm they take; each is owed by a row of delivery with state 0.
-- A whole text that we cut has the provider's id in all of its segments, and parent is the first.
create table mo (
    message_id          integer primary key,
    parent              integer not null,
    provider            text    not null,
    provider_message_id text,               -- null: the provider gives none
    segment             integer not null,
    source              text    not null,
    source_plan         integer not null,   -- TON * 256 + NPI
    destination         text    not null,
    destination_plan    integer not null,
    data_coding         integer not null,
    esm_class           integer not null,
    octets              blob    not null,
    heard_at            real    not null
);
create unique index mo_once on mo (provider, provider_message_id, segment);
create index mo_heard on mo (heard_at);

create table optout (
    provider text    not null,
    number   text    not null,              -- E.164 digits
    at       real    not null,
    ended    integer not null default 0,    -- 1: by hand; the bridge takes it from here
    primary key (provider, number)
) without rowid;
create index optout_number on optout (number);
create index optout_ended on optout (ended) where ended = 1;

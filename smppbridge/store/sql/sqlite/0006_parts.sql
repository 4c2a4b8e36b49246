-- The parts of messages that have more than one id at their provider; `number` is their order, `state` is 0 until a part
-- has ended. The first part's id is the message's provider_message_id too.
create table part (
    message_id          integer not null,
    number              integer not null,
    provider            text    not null,
    provider_message_id text    not null,
    needed              integer not null,   -- 1: the message is delivered only when this part is
    state               integer not null default 0,
    error               integer not null default 0,
    primary key (message_id, number)
) without rowid;
create index part_provider on part (provider, lower(ltrim(provider_message_id, '0')));
alter table message add column parts integer not null default 0;    -- how many of them it has; 0: one id, or none

-- Idempotency-Keys of messages sent through the API, for a day: the same key has the same message.
-- A row is written before its message: a key whose message is not there has sent nothing.
create table sent_key (
    actor       text    not null,
    name        text    not null,           -- the key
    fingerprint text    not null,           -- of the request, without its text
    message_id  integer not null,
    at          real    not null,
    primary key (actor, name)
) without rowid;
create index sent_key_at on sent_key (at);

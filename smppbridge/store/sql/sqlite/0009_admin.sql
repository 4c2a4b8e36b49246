-- Acts of people through the API, written before the act; refused logins too.  Nothing deletes a row by hand.
create table audit (
    id      integer primary key,
    at      real not null,
    actor   text not null,
    via     text not null,                  -- session, token, socket, or none for a login
    address text not null,
    action  text not null,
    object  text not null,
    detail  text not null                   -- JSON, without secrets
);
create index audit_at on audit (at);

-- Providers that a person has paused, over restarts.
create table paused (
    provider text primary key,
    at       real not null,
    actor    text not null
) without rowid;

-- WAITING messages are taken account by account and priority by priority, and expire; messages that are out are looked
-- at when they are due. What shares a request has its key as `batch`, so that the request can be repeated unchanged.
alter table message add column batch text;
drop index message_open;
create index message_out on message (stage, provider, due) where stage in (2, 3);
create index message_waiting on message (provider, system_id, priority, due) where stage = 1;
create index message_expiring on message (provider, expires_at) where stage = 1;
alter table early add column renamed text not null default '';
create index message_batch on message (batch) where batch is not null;

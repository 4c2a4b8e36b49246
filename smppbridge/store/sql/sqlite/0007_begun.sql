-- The indexes that a message goes through while it flows are as few as can be:
--   message_waiting  stage 1, begun or not
--   message_begun    `begun` is 1 while an attempt is out, whatever its stage is written as: it is SUBMITTING then
--   message_out      Uncertain (2) and SUBMITTED (3), which have a due; not a message that was accepted as begun (2, null)
-- Which messages and deliveries are past their deadline, and which messages are old, is found by walks over them.
alter table message add column begun integer not null default 0;
update message set begun = 1 where stage in (2, 3) and stage = 2 and due is null;
create index message_begun on message (begun) where begun = 1;
drop index message_out;
create index message_out on message (stage, provider, due) where stage in (2, 3) and due is not null;
drop index message_waiting;
create index message_waiting on message (provider, system_id, priority, due, expires_at) where stage = 1;
drop index message_expiring;
drop index message_done;
drop index delivery_owed;
drop index delivery_lapsing;
create index delivery_owed on delivery (system_id, due, expires_at) where finished_at is null;

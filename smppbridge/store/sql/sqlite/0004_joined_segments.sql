-- Of a segment whose message is joined and was complete: kind, reference and total of the message and its other UDH
-- elements in hexadecimal, and a fingerprint of the octets. Sent again within a minute, the segment gets its old
-- message_id again, also after a restart.
alter table segment add column about text;
alter table segment add column fingerprint integer;

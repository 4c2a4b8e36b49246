-- When the operator says that the state was reached, where a report says so.
alter table early add column done_at real;

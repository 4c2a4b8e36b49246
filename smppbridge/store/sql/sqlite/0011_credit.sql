-- The credit at each provider, once an hour, for a month: how it goes down is seen over restarts.
create table credit (
    provider text    not null,
    hour     integer not null,              -- UNIX seconds / 3600
    at       real    not null,              -- when the provider told it, within that hour
    amount   real    not null,
    unit     text    not null,
    primary key (provider, hour)
) without rowid;
create index credit_hour on credit (hour);

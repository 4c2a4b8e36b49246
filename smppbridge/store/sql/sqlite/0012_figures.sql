-- The figures that a bridge goes on with after a cold start: one row, written anew once a minute at most.
create table figures (
    node  text primary key,                 -- empty: the store is one bridge's alone
    at    real not null,
    kept  text not null                     -- JSON
) without rowid;

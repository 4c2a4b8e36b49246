# A copy of the primary at the first start, which then follows; cluster_name is the name that the primary knows it by.
set -eu
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    chmod 0700 "$PGDATA"
    pg_basebackup --host=primary --username=standby --pgdata="$PGDATA" --wal-method=stream --write-recovery-conf
fi
exec postgres -c cluster_name=standby

# Run once by the image of PostgreSQL, when the database is new: a standby may follow, and commits wait for it.
set -eu
psql --set=ON_ERROR_STOP=1 --username="$POSTGRES_USER" --dbname="$POSTGRES_DB" --set=password="$POSTGRES_PASSWORD" <<'SQL'
create role standby login replication password :'password';
SQL
echo "host replication standby samenet scram-sha-256" >>"$PGDATA/pg_hba.conf"
# last: from here on nothing is committed without the standby
psql --set=ON_ERROR_STOP=1 --username="$POSTGRES_USER" --dbname="$POSTGRES_DB" \
    --command="alter system set synchronous_standby_names = 'ANY 1 (standby)'"

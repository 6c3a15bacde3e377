#!/bin/bash
# frontdesk-restore [--replace]: make the database of this volume from a file of frontdesk-backup on standard input.
#
# Whatever is wrong with the file, the volume stays as it was: what is in the file is laid beside, checked, started
# and stopped once, and only then put in place. With --replace a database that is there already is kept beside it.
set -euo pipefail

refuse() {
    rm -rf "$new"
    echo "restore: $*" >&2
    exit 1
}

new=$PGDATA.restoring
trap 'rm -rf "$new"' EXIT
rm -rf "$new"
[ ! -s "$PGDATA/PG_VERSION" ] || [ "${1:-}" = --replace ] ||
    refuse "there is a database in this volume already; with FORCE=yes it's kept beside the restored one"
(umask 077 && mkdir -p "$new")

zstd --decompress --quiet --stdout | tar --extract --file=- --directory="$new" ||
    refuse "the file is damaged, or no backup of Frontdesk; nothing was changed"
echo "restore: unpacked; checking every file against the backup's manifest" >&2
[ "$(cat "$new/PG_VERSION" 2>/dev/null)" = "${PG_MAJOR:=18}" ] ||
    refuse "the file is of PostgreSQL $(cat "$new/PG_VERSION" 2>/dev/null || echo '?'), this is $PG_MAJOR; nothing was changed"
pg_verifybackup --quiet "$new" || refuse "the backup is damaged: see above; nothing was changed"

# A restored cluster has the passwords that were valid when it was copied, and the containers have those of today.
export POSTGRES_PASSWORD_FILE=${POSTGRES_PASSWORD_FILE:-/run/secrets/postgres_password}
export MIGRATE_PASSWORD_FILE=${MIGRATE_PASSWORD_FILE:-/run/secrets/migrate_password}
export SERVICE_PASSWORD_FILE=${SERVICE_PASSWORD_FILE:-/run/secrets/service_password}
echo "restore: starting it once, to bring it to the moment of the backup's end" >&2
pg_ctl --pgdata="$new" --silent --wait --timeout=86400 --log=/tmp/restore.log \
    --options="-c listen_addresses='' -c unix_socket_directories=/tmp -c password_encryption=scram-sha-256" start ||
    { tail -n 20 /tmp/restore.log >&2 && refuse "PostgreSQL can't start from it; nothing was changed"; }
ready=no
psql --host=/tmp --username=postgres --no-psqlrc --quiet --no-align --tuples-only --set=ON_ERROR_STOP=1 --dbname=frontdesk <<'SQL' && ready=yes
\set postgres_password `cat "$POSTGRES_PASSWORD_FILE"`
\set migrate_password `cat "$MIGRATE_PASSWORD_FILE"`
\set service_password `cat "$SERVICE_PASSWORD_FILE"`
SET log_statement = none;
ALTER ROLE postgres PASSWORD :'postgres_password';
ALTER ROLE frontdesk_migrate PASSWORD :'migrate_password';
ALTER ROLE frontdesk PASSWORD :'service_password';
SELECT 'restore: ' || count(*) || ' accounts' FROM accounts;
SQL
pg_ctl --pgdata="$new" --silent --wait --timeout=3600 --mode=fast stop
[ "$ready" = yes ] || refuse "it isn't a database of Frontdesk; nothing was changed"

if [ -e "$PGDATA" ]; then
    before=$PGDATA.before-$(date -u +%Y-%m-%dT%H%M%SZ)
    mv "$PGDATA" "$before"
    echo "restore: what was there is in $before of the volume; remove it when you don't need it any more" >&2
fi
mv "$new" "$PGDATA"
sync

#!/bin/sh
# rotate.sh change ROLE: make ROLE, which the service logs in as, and change the other roles' passwords to the next.
# rotate.sh revoke ROLE: nobody but ROLE logs in for the service any more.
# Each may be run again.
set -eu
umask 077
what=$1
export ROLE="$2" PGUSER=postgres PGDATABASE=frontdesk PGPASSFILE=/tmp/password PGCONNECT_TIMEOUT=60

# The superuser's own password changes with the rest: an earlier run may have come as far.
for secret in next current; do
    printf '*:*:*:*:%s\n' "$(cat "/run/secrets/$secret/postgres_password")" >"$PGPASSFILE"
    psql --no-psqlrc --quiet --command 'SELECT' >/dev/null 2>/tmp/said && break
    [ "$secret" = next ] || { cat /tmp/said >&2; exit 1; }
done

# Passwords are read by psql itself: an argument would be in the list of processes, a statement's text in the log.
case $what in
change)
    psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 <<'SQL'
\getenv role ROLE
\set service_password `cat /run/secrets/next/service_password`
\set migrate_password `cat /run/secrets/next/migrate_password`
\set postgres_password `cat /run/secrets/next/postgres_password`
SET log_min_error_statement = panic;
SET log_min_duration_statement = -1;
BEGIN;
SELECT format('CREATE ROLE %I IN ROLE frontdesk', :'role')
    WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'role') \gexec
ALTER ROLE :"role" LOGIN PASSWORD :'service_password';
-- What a role is set to isn't inherited: as in deploy/postgres/10-roles.sh.
ALTER ROLE :"role" SET statement_timeout = '30s';
ALTER ROLE :"role" SET lock_timeout = '5s';
ALTER ROLE frontdesk_migrate PASSWORD :'migrate_password';
ALTER ROLE postgres PASSWORD :'postgres_password';
COMMIT;
SQL
    ;;
revoke)
    psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 <<'SQL'
\getenv role ROLE
BEGIN;
-- The first one holds the rights that the others have from it.
ALTER ROLE frontdesk NOLOGIN PASSWORD NULL;
SELECT format('DROP ROLE %I', rolname) FROM pg_roles
    WHERE rolname ~ '^frontdesk_[0-9a-f]{8}$' AND rolname <> :'role' \gexec
COMMIT;
-- Who is in stays in otherwise.
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE backend_type = 'client backend' AND usename IS DISTINCT FROM :'role' AND pid <> pg_backend_pid()
        AND (usename IS NULL OR usename = 'frontdesk') \g /dev/null
SQL
    ;;
*)
    echo "rotate.sh: change or revoke, not '$what'" >&2
    exit 2
    ;;
esac

#!/bin/bash
# Run once by the image, when the database is made: a role that owns the schema and changes it (`frontdesk migrate`),
# and one that reads and writes rows (`frontdesk serve`), which owns nothing. In a PostgreSQL of yours, by hand, as a
# superuser or as one who may make roles and databases; PGHOST, PGUSER and the like say where and who (docs/kubernetes.md).
set -euo pipefail

export MIGRATE_PASSWORD_FILE=${MIGRATE_PASSWORD_FILE:-/run/secrets/migrate_password}
export SERVICE_PASSWORD_FILE=${SERVICE_PASSWORD_FILE:-/run/secrets/service_password}
# Where passwords were changed before, the service has another role by now, and a new database needs that one.
export SERVICE_ROLE_FILE=${SERVICE_ROLE_FILE:-/run/secrets/service_role}
for file in "$MIGRATE_PASSWORD_FILE" "$SERVICE_PASSWORD_FILE"; do
    [ -s "$file" ] || { echo "there is no password in $file" >&2; exit 1; }
done

# Read by psql itself: an argument would be in the list of processes.
psql --no-psqlrc --set ON_ERROR_STOP=1 --username "${POSTGRES_USER:-${PGUSER:-postgres}}" --dbname postgres --quiet <<'SQL'
\set migrate_password `cat "$MIGRATE_PASSWORD_FILE"`
\set service_password `cat "$SERVICE_PASSWORD_FILE"`
\set service_role `[ -s "$SERVICE_ROLE_FILE" ] && cat "$SERVICE_ROLE_FILE" || echo frontdesk`
CREATE ROLE frontdesk_migrate LOGIN PASSWORD :'migrate_password';
CREATE ROLE frontdesk LOGIN PASSWORD :'service_password';
SELECT NOT rolsuper AS managed FROM pg_roles WHERE rolname = current_user \gset
\if :managed
-- Who is no superuser gives only what a role has that they're in.
GRANT frontdesk_migrate TO CURRENT_USER;
\endif
-- A statement of the service that takes this long is given up by the service already (FRONTDESK_DATABASE_TIMEOUT).
ALTER ROLE frontdesk SET statement_timeout = '30s';
ALTER ROLE frontdesk SET lock_timeout = '5s';
SELECT :'service_role' <> 'frontdesk' AS another \gset
\if :another
CREATE ROLE :"service_role" LOGIN PASSWORD :'service_password' IN ROLE frontdesk;
ALTER ROLE :"service_role" SET statement_timeout = '30s';
ALTER ROLE :"service_role" SET lock_timeout = '5s';
ALTER ROLE frontdesk NOLOGIN PASSWORD NULL;
\endif
-- A migration that can't have its lock must not make everyone behind it wait.
ALTER ROLE frontdesk_migrate SET lock_timeout = '3s';
CREATE DATABASE frontdesk OWNER frontdesk_migrate TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C.UTF-8';
REVOKE ALL ON DATABASE frontdesk FROM PUBLIC;
GRANT CONNECT ON DATABASE frontdesk TO frontdesk;
REVOKE CONNECT ON DATABASE postgres, template1 FROM PUBLIC;
\connect frontdesk
ALTER SCHEMA public OWNER TO frontdesk_migrate;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO frontdesk;
ALTER DEFAULT PRIVILEGES FOR ROLE frontdesk_migrate IN SCHEMA public
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO frontdesk;
ALTER DEFAULT PRIVILEGES FOR ROLE frontdesk_migrate IN SCHEMA public GRANT USAGE ON SEQUENCES TO frontdesk;
-- Which revision the schema has is read by the service (/readyz), and written by migrations alone.
SET ROLE frontdesk_migrate;
CREATE TABLE alembic_version (version_num varchar(32) CONSTRAINT alembic_version_pkc PRIMARY KEY);
REVOKE INSERT, UPDATE, DELETE ON alembic_version FROM frontdesk;
RESET ROLE;
-- For operators: where the time goes. Elsewhere it may be there already, or only for superusers.
\if :managed
\unset ON_ERROR_STOP
\endif
CREATE EXTENSION pg_stat_statements;
SQL

#!/bin/bash
# frontdesk-backup: a copy of the whole cluster, as one compressed file on standard output, while it's used.
# frontdesk-backup --check: whether standard input is such a file, complete and undamaged on its way.
# docs/backup.md says why it's a physical one.
set -euo pipefail

if [ "${1:-}" = --check ]; then
    # The manifest is the last thing written: with it, the file is whole. --to-stdout would hide a damaged end.
    [ "$(zstd --decompress --quiet --stdout | tar --list --file=- | tail -n 1)" = backup_manifest ] ||
        { echo "backup: the file is incomplete, or no backup of Frontdesk" >&2 && exit 1; }
    exit
fi

# What is written meanwhile must still be there at the end, however long it takes: a slot keeps it, and goes with
# this session, so that a broken backup doesn't fill the disk.
coproc SLOT { exec psql --username=postgres --no-psqlrc --quiet --no-align --tuples-only --set=ON_ERROR_STOP=1; }
echo "SELECT pg_create_physical_replication_slot('frontdesk_backup', true, true);" >&"${SLOT[1]}"
read -r _ <&"${SLOT[0]}" || { echo "backup: another one is being made, or PostgreSQL isn't ready" >&2 && exit 1; }

# Not in place of this shell (exec): what it talks to psql by would be closed, and the slot gone.
pg_basebackup --username=postgres --pgdata=- --format=tar --wal-method=fetch --checkpoint=fast \
    --compress=client-zstd:3 --manifest-checksums=SHA256 --progress --verbose

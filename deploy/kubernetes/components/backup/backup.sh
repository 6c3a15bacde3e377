#!/bin/sh
# Dump the database into /backups, and delete all but the newest $KEEP dumps. A dump has its name only when it's whole.
set -eu
umask 077
now=$(date -u +%Y%m%dT%H%M%SZ)
rm -f /backups/.*.part
pg_dump --format=custom --compress=zstd:3 --file="/backups/.$now.part"
# Reads the whole dump: one that can't be listed couldn't be restored.
pg_restore --list "/backups/.$now.part" >/dev/null
sync "/backups/.$now.part"
mv "/backups/.$now.part" "/backups/$now.dump"
# Names sort as their times do.
find /backups -maxdepth 1 -name '*.dump' | sort -r | tail -n "+$((KEEP + 1))" | while IFS= read -r old; do
    rm -- "$old"
done
echo "$now.dump, $(stat -c %s "/backups/$now.dump") bytes; $(find /backups -maxdepth 1 -name '*.dump' | wc -l) kept"

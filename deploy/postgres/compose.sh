#!/bin/sh
# compose.sh backup, compose.sh restore FILE: what `make backup` and `make restore` do with the stack of compose.yaml.
set -eu

refuse() {
    echo "$*" >&2
    exit 1
}

backup() {
    folder=${BACKUPS:-backups}
    [ -n "$(docker compose ps --quiet --status running db)" ] ||
        refuse "The database isn't running: docker compose up --wait db"
    # It has everybody's data and the passwords' hashes.
    umask 077
    mkdir -p "$folder"
    file=$folder/frontdesk-$(date -u +%Y-%m-%dT%H%M%SZ).tar.zst
    trap 'rm -f "$file.part"' EXIT
    trap 'exit 130' INT TERM
    docker compose exec -T db frontdesk-backup >"$file.part" || refuse "There is no backup: see above."
    docker compose exec -T db frontdesk-backup --check <"$file.part" || refuse "There is no backup: see above."
    sync "$file.part"
    mv "$file.part" "$file"
    echo "Made $file, $(du -h "$file" | cut -f1). Keep a copy on another machine: docs/backup.md"
}

restore() {
    [ -n "${1:-}" ] || refuse "Which file? make restore FILE=backups/frontdesk-….tar.zst"
    [ -f "$1" ] && [ -r "$1" ] || refuse "There is no file $1 that can be read."
    if [ -n "$(docker compose ps --quiet --status running)" ]; then
        [ "${FORCE:-}" = yes ] ||
            refuse "The stack is running. Stop it first (docker compose down), or let this do it: FORCE=yes"
        docker compose down
    fi
    docker compose run --rm --no-deps secrets
    replace=
    [ "${FORCE:-}" != yes ] || replace=--replace
    dd if="$1" bs=1M status=progress |
        docker compose run --rm --no-deps -T --entrypoint frontdesk-restore db $replace ||
        refuse "Nothing was restored."
    echo "Restored. Start it: docker compose up --wait"
}

cd "$(dirname "$0")/../.."
case ${1:-} in
backup) backup ;;
restore) restore "${2:-}" ;;
*) refuse "compose.sh backup | restore FILE" ;;
esac

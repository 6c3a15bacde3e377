#!/bin/sh
# PostgreSQL with settings that fit the memory and processors that this container may use.
# `start.sh --print MEMORY_MIB CORES [CONNECTIONS]` only prints them.
# With 100,000 people logins are a fifth faster by them than by PostgreSQL's own, and all else is as fast: so few fit any
# memory (docs/performance.md, Tuning). Sizes are for who has more; limits and checks are for safety.
set -eu

settings() {
    memory=$1 cores=$2 connections=$3
    at_least() { [ "$1" -ge "$2" ] && echo "$1" || echo "$2"; }
    at_most() { [ "$1" -le "$2" ] && echo "$1" || echo "$2"; }

    # A quarter for PostgreSQL's own cache; the kernel caches files with what processes leave.
    echo "shared_buffers=$((memory / 4))MB"
    # What the planner may expect to find in either.
    echo "effective_cache_size=$((memory * 3 / 4))MB"
    # An eighth of the memory if a quarter of the connections sort at once; our statements sort little.
    echo "work_mem=$(at_least $((memory * 128 / (connections / 4 + 1))) 1024)kB"
    # One index at a time is made by a migration or an import.
    echo "maintenance_work_mem=$(at_most $((memory / 8)) 1024)MB"
    # Replicas × pool, and some for people, backups and a rolling upgrade: docs/operations.md has the sum.
    echo "max_connections=$connections"
    echo "max_worker_processes=$(at_least "$cores" 8)"
    echo "max_parallel_workers=$cores"
    # One core for one answer: parallel plans would help one search and slow the logins beside it.
    echo "max_parallel_workers_per_gather=$(at_most $((cores / 2)) 2)"
    # Disks of today find any page about as fast as the next one.
    echo "random_page_cost=1.1"
    # Compiling a plan takes longer than running any of ours.
    echo "jit=off"
    # Writes whole pages to the log once in 15 minutes, not once in 5, and fewer bytes of them. Recovery after a
    # crash reads at most this much: some seconds.
    echo "checkpoint_timeout=15min"
    echo "max_wal_size=$(at_least $((memory / 2)) 1024)MB"
    echo "wal_compression=lz4"
    # What is acknowledged is on the disk.
    echo "synchronous_commit=on"
    # A client that is gone, and a network that swallows packets, hold nothing for long.
    echo "client_connection_check_interval=5s"
    echo "tcp_keepalives_idle=30"
    echo "tcp_keepalives_interval=5"
    echo "tcp_keepalives_count=3"
    echo "idle_in_transaction_session_timeout=30s"
    echo "authentication_timeout=10s"
    echo "password_encryption=scram-sha-256"
    # The 5 % of a table that vacuum waits for would be half a million sessions.
    echo "autovacuum_vacuum_scale_factor=0.02"
    echo "autovacuum_analyze_scale_factor=0.02"
    echo "shared_preload_libraries=pg_stat_statements"
    # Slow statements and waits, without what people typed: no parameters, no detail such as Key (email)=(…).
    echo "log_min_duration_statement=500ms"
    echo "log_lock_waits=on"
    echo "log_parameter_max_length=0"
    echo "log_parameter_max_length_on_error=0"
    echo "log_error_verbosity=terse"
    echo "log_line_prefix=%m [%p] %u@%d "
}

# number VALUE NAME LEAST MOST
number() {
    case $1 in
    '' | 0* | *[!0-9]* | ????????*) ;;
    *) [ "$1" -lt "$3" ] || [ "$1" -gt "$4" ] || return 0 ;;
    esac
    echo "start.sh: $2 is a number from $3 to $4, not '$1'" >&2
    exit 2
}

# The smaller of what the control group (version 2 or 1) allows and what the machine has.
memory_mib() {
    machine=$(awk '/^MemTotal:/ { print int($2 / 1024) }' /proc/meminfo)
    limit=$(cat /sys/fs/cgroup/memory.max 2>/dev/null || cat /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null || echo max)
    [ "$limit" != max ] && limit=$((limit / 1048576)) && [ "$limit" -lt "$machine" ] || limit=$machine
    echo "$limit"
}

processors() {
    cores=$(nproc)
    if [ -r /sys/fs/cgroup/cpu.max ]; then
        read -r quota period </sys/fs/cgroup/cpu.max
    else
        quota=$(cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us 2>/dev/null || echo max)
        period=$(cat /sys/fs/cgroup/cpu/cpu.cfs_period_us 2>/dev/null || echo 100000)
    fi
    case $quota in
    max | -1) ;;
    *) [ $(((quota + period - 1) / period)) -ge "$cores" ] || cores=$(((quota + period - 1) / period)) ;;
    esac
    echo "$cores"
}

if [ "${1:-}" = --print ]; then
    number "${2:-}" MEMORY_MIB 64 9999999
    number "${3:-}" CORES 1 1024
    number "${4:-100}" CONNECTIONS 20 10000
    settings "$2" "$3" "${4:-100}"
    exit
fi

# The image's entry point reads the superuser's password into its environment, to make the database, and then becomes
# the server: which is this file by the name of postgres, so that the password isn't among what a server inherits.
if [ "${0##*/}" = postgres ]; then
    unset POSTGRES_PASSWORD PGPASSWORD
    PATH=${PATH#*:}
    exec postgres "$@"
fi

number "${POSTGRES_MAX_CONNECTIONS:=100}" POSTGRES_MAX_CONNECTIONS 20 10000
settings "$(memory_mib)" "$(processors)" "$POSTGRES_MAX_CONNECTIONS" >/tmp/settings
set -- postgres "$@"
while IFS= read -r setting; do
    set -- "$@" -c "$setting"
done </tmp/settings
export PATH="/usr/local/lib/frontdesk:$PATH"
exec docker-entrypoint.sh "$@"

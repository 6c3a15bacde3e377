#!/bin/sh
# compile.sh FOLDER [PYTHON]: compile what a search goes through to machine code, beside the sources in FOLDER/frontdesk.
# Python takes the machine code and leaves the source; docs/decisions/0005-search.md says what it's worth.
# PYTHON has mypy and setuptools; and there's a C compiler.
set -eu
python=${2:-python3}
cd "$1"
command -v cc >/dev/null || {
    echo "A C compiler is missing: apt-get install gcc libc6-dev python3-dev" >&2
    exit 1
}
# FOLDER has no pyproject.toml, of which setuptools would make a package. Types are checked by `make check`; here others'
# may be missing. Without debugging symbols, which name folders: the same source gives the same machine code.
modules="accounts/cursor accounts/lookups accounts/mistakes accounts/names accounts/near accounts/plan accounts/search
    accounts/usernames store/people"
# shellcheck disable=SC2046
MYPYC_DEBUG_LEVEL=0 "$python" -m mypyc --config-file= --ignore-missing-imports --follow-imports=skip \
    $(for module in $modules; do echo "frontdesk/$module.py"; done) >compile.log 2>&1 || {
    cat compile.log >&2
    exit 1
}
rm -rf build compile.log .mypy_cache

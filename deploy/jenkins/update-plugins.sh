#!/bin/sh
# Writes the newest versions that fit the controller's Jenkins into plugins.txt; the update centre is asked by Jenkins's own tool.
set -eu
cd "$(dirname "$0")/controller"
jenkins=$(sed -n 's/^ARG JENKINS_IMAGE=//p' Dockerfile)
new=$(docker run --rm --volume "$PWD/plugins.txt:/plugins.txt:ro" --entrypoint jenkins-plugin-cli "$jenkins" \
    --plugin-file /plugins.txt --available-updates --output txt)
# An answer that isn't a list of pins must not become one.
if [ -z "$new" ] || printf '%s\n' "$new" | grep -qvE '^[a-z0-9-]+:[A-Za-z0-9._-]+$'; then
    printf 'The update centre gave no list of plugins:\n%s\n' "$new" >&2
    exit 1
fi
[ "$(printf '%s\n' "$new" | wc -l)" = "$(wc -l <plugins.txt)" ] || { echo "Some plugins are missing in:" >&2; echo "$new" >&2; exit 1; }
printf '%s\n' "$new" | LC_ALL=C sort >plugins.txt
echo "plugins.txt, for $jenkins:" && cat plugins.txt

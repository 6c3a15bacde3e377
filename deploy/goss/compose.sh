#!/bin/sh
# compose.sh [image | edge | stack ...]: check the running compose stack; without arguments, all of it. Each result is a
# line here and a JUnit file in test-results/. COMPOSE_PROJECT_NAME, VERSION and the like are those of `docker compose up`.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$root"
checks=frontdesk-goss:${VERSION:-dev}
mkdir -p test-results
failed=0

# check NAME COMMAND…: run goss, keep its report, say what failed.
check() {
    name=$1 file=test-results/goss-$1.xml
    shift
    "$@" validate --format junit >"$file" 2>&1 </dev/null || failed=1
    if ! grep -q '<testsuite ' "$file"; then
        echo "$name: goss could not run:" && cat "$file"
        failed=1
        return
    fi
    sed -n 's/.*<testsuite .* tests="\([0-9]*\)" failures="\([0-9]*\)".*/'"$name"': \1 checks, \2 failed/p' "$file"
    awk '/<failure>/ { shown = 1 } shown { print } /<\/failure>/ { shown = 0 }' "$file" | sed "
        s/<[^>]*>//g; s/&#34;/\"/g; s/&#39;/'/g; s/&lt;/</g; s/&gt;/>/g; s/&#x[AD];/ /g; s/&amp;/\&/g; /^ *$/d; s/^/  /"
}

running() {
    [ -n "$(docker compose ps --quiet edge 2>/dev/null)" ] || {
        echo "The stack doesn't run here: docker compose up --wait" >&2
        exit 1
    }
}

image() {
    rm -rf build/goss && mkdir -p build
    container=$(docker create "$checks")
    docker cp --quiet "$container:/goss" build/goss
    docker cp --quiet --follow-link "$container:/usr/bin/goss" build/goss/goss
    docker rm "$container" >/dev/null
    while read -r service kind user; do
        version=$(docker image inspect --format '{{ index .Config.Labels "org.opencontainers.image.version" }}' \
            "$(docker compose config --format json "$service" | sed -n 's/^ *"image": "\(.*\)".*/\1/p' | head -1)")
        # As compose runs it: the same limits, another entry point.
        check "image-$service" docker compose run --rm --no-deps --no-TTY --volume "$root/build/goss:/goss:ro" --entrypoint /goss/goss "$service" \
            --gossfile /goss/image.yaml --vars-inline "{image: $kind, user: $user, version: '$version'}"
    done <<IMAGES
web service 10001
api service 10001
edge edge 101
db db 999
IMAGES
}

edge() {
    https=$(docker compose port edge 8443 | sed 's/.*://')
    http=$(docker compose port edge 8080 | sed 's/.*://')
    published=$(docker compose ps --format '{{ .Service }} {{ .Ports }}' | awk '
        { for (i = 2; i <= NF; i++) if ($i ~ /->/) { sub(/.*->/, "", $i); sub(/\/.*/, "", $i); print $1 ":" $i } }' |
        sort -u | paste -sd, -)
    hsts=$(docker compose config --format json edge | sed -n 's/^ *"EDGE_HSTS": "\(.*\)".*/\1/p')
    # The port of https goes without saying.
    [ "$https" = 443 ] && https= || https=:$https
    check edge docker run --rm --network host --read-only --tmpfs /tmp --cap-drop ALL "$checks" /goss/edge.yaml --vars-inline \
        "{url: 'https://localhost$https', http_url: 'http://localhost:$http', hsts: '$hsts',
        published: [$(echo "$published" | sed 's/[^,]*/"&"/g')], tls: true}"
}

stack() {
    unreachable='"db:5432"'
    # By its address too: that a name isn't known keeps nobody out.
    for address in $(docker inspect --format '{{ range .NetworkSettings.Networks }}{{ .IPAddress }} {{ end }}' \
        "$(docker compose ps --quiet db)"); do
        unreachable="$unreachable, \"$address:5432\""
    done
    web=$(docker compose ps --all --quiet web | wc -l)
    api=$(docker compose ps --all --quiet api | wc -l)
    check stack docker run --rm --network "container:$(docker compose ps --quiet edge)" --read-only --tmpfs /tmp --cap-drop ALL \
        "$checks" /goss/stack.yaml --vars-inline \
        "{url: 'https://localhost:8443', unreachable: [$unreachable], replicas: {'web:8000': $web, 'api:8000': $api},
        certificate_days: ${CERTIFICATE_DAYS:-14}}"
}

running
[ "$#" -gt 0 ] || set -- image edge stack
for part in "$@"; do
    case $part in
    image) image ;;
    edge) edge ;;
    stack) stack ;;
    *) echo "compose.sh checks image, edge or stack, not '$part'" >&2 && exit 2 ;;
    esac
done
exit "$failed"

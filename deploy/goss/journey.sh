#!/bin/sh
# journey.sh URL: somebody who doesn't exist yet registers, logs in, is found, and leaves again without a trace. Says each
# step that worked; ends with an error at the first that doesn't. Further arguments are curl's.
# Below .example nobody has an address, and Frontdesk writes no mail there. So it's refused where
# FRONTDESK_EMAIL_VERIFICATION is required: nobody is left behind who never confirms.
set -eu
api=$1/api/v1
shift
curl=$*
name=goss-$(od -An -N6 -tx1 /dev/urandom | tr -d ' \n')
password=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# call STATUSES METHOD PATH BODY: the answer's body, if it has one of them. What is secret goes through files, as arguments are in the
# list of processes.
call() {
    expected=$1 method=$2 path=$3
    printf '%s' "$4" >"$work/body"
    # shellcheck disable=SC2086
    status=$(curl --silent --show-error --max-time 10 --request "$method" --output "$work/answer" \
        --write-out '%{http_code}' --header 'Content-Type: application/json' --data-binary "@$work/body" \
        --header "@$work/headers" $curl "$api$path") || exit 1
    case " $expected " in
    *" $status "*) ;;
    *)
        echo "$method $path: $status, not ${expected% *}: $(cat "$work/answer")" >&2
        exit 1
        ;;
    esac
}

# register STATUSES EMAIL PASSWORD
register() {
    call "$1" POST /accounts "{\"email\":\"$2\",\"username\":\"$name\",\"name\":\"Goss $name\",\"password\":\"$3\"}"
}
# only FIELD: it's the one that the answer finds fault with.
only() {
    grep -q '"errors": *\[{"field": *"'"$1"'"[^{}]*}\]' "$work/answer" || { cat "$work/answer" >&2 && exit 1; }
}

: >"$work/headers"
register "201 422" "$name@goss.example" "$password"
registered=$status
if [ "$registered" = 422 ]; then
    only email
    # Other addresses are taken; without a password, nobody is registered by it.
    register 422 "$name@example.org" ""
    only password
    echo "asked for an address that can be confirmed; registering, logging in, being found and leaving need a mailbox"
else
    echo registered
fi
call 401 POST /sessions "{\"login\":\"$name\",\"password\":\"not $password\"}"
echo refused a wrong password
[ "$registered" = 201 ] || exit 0
call 201 POST /sessions "{\"login\":\"$name\",\"password\":\"$password\"}"
token=$(sed -n 's/.*"token": *"\([^"]*\)".*/\1/p' "$work/answer")
printf 'Authorization: Bearer %s\n' "$token" >"$work/headers"
echo logged in
call 200 GET "/people?q=$name" ""
grep -q "\"username\": *\"$name\"" "$work/answer" || { echo "search doesn't find $name" >&2 && exit 1; }
echo found
call 204 DELETE /account ""
call 401 GET /account ""
echo left

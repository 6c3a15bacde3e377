#!/bin/sh
# journey.sh URL: somebody who doesn't exist yet registers, logs in, is found, and leaves again without a trace. Says each
# step that worked; ends with an error at the first that doesn't. Further arguments are curl's.
# Where FRONTDESK_EMAIL_VERIFICATION is required, somebody without a mailbox gets no further than to the password.
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

: >"$work/headers"
call 201 POST /accounts "{\"email\":\"$name@example.org\",\"username\":\"$name\",\"name\":\"Goss $name\",\"password\":\"$password\"}"
echo registered
call 401 POST /sessions "{\"login\":\"$name\",\"password\":\"not $password\"}"
echo refused a wrong password
call "201 403" POST /sessions "{\"login\":\"$name\",\"password\":\"$password\"}"
if [ "$status" = 403 ]; then
    grep -q '"code": *"email_unverified"' "$work/answer" || { cat "$work/answer" >&2 && exit 1; }
    echo "asked to confirm the address; logging in, being found and leaving need a mailbox"
    exit
fi
token=$(sed -n 's/.*"token": *"\([^"]*\)".*/\1/p' "$work/answer")
printf 'Authorization: Bearer %s\n' "$token" >"$work/headers"
echo logged in
call 200 GET "/people?q=$name" ""
grep -q "\"username\": *\"$name\"" "$work/answer" || { echo "search doesn't find $name" >&2 && exit 1; }
echo found
call 204 DELETE /account ""
call 401 GET /account ""
echo left

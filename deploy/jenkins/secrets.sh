#!/bin/sh
# Makes what the controller and its agent know of each other, and the administrator's password, where they aren't yet.
set -eu
folder=$(cd "$(dirname "$0")" && pwd)/secrets
umask 077
mkdir -p "$folder"
# The folder is its owner's alone; the files within are mounted into containers whose users have other numbers.
[ -s "$folder/admin_password" ] || openssl rand -hex 20 | tr -d '\n' >"$folder/admin_password"
for key in agent_key agent_host_key; do
    [ -s "$folder/$key" ] || ssh-keygen -q -t ed25519 -N '' -C '' -f "$folder/$key"
done
for name in registry_password staging-swarm staging-kubernetes production-swarm production-kubernetes; do
    [ -e "$folder/$name" ] || : >"$folder/$name"
done
chmod 444 "$folder"/*
echo "deploy/jenkins/secrets has the administrator's password (admin_password) and the agent's keys."

#!/bin/sh
# Waits for the controller, by ssh: with the key that /run/secrets has, and nobody else's.
set -eu
for name in agent_host_key agent_key.pub; do
    test -r "/run/secrets/$name" || { echo "/run/secrets/$name is missing: make jenkins-secrets" >&2; exit 1; }
done
# sshd takes no key that others can read, which a mounted secret is.
umask 077
mkdir -p /tmp/ssh "$HOME/agent"
cp /run/secrets/agent_host_key /tmp/ssh/host_key
cp /run/secrets/agent_key.pub /tmp/ssh/authorized_keys
# What `docker run --env` and compose.yaml give is for the builds, which come by ssh.
printf 'SetEnv DOCKER_HOST=%s LANG=C.UTF-8\n' "${DOCKER_HOST:-unix:///var/run/docker.sock}" >/tmp/ssh/environment.conf
exec /usr/sbin/sshd -D -e -f /etc/ssh/frontdesk-agent.conf

# Checks that fail, made of those that hold: the journey ends where somebody should be found.
ARG BASE
FROM ${BASE}
USER 0
RUN printf '#!/bin/sh\necho registered\necho "search finds nobody" >&2\nexit 1\n' >/goss/journey.sh
USER 10001:10001

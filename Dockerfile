# One file, every image. The service is the last stage, so that `docker build .` makes it; the others by --target:
# edge (nginx with the static files), goss (the checks), sbom and wheel (files, with --output).
#
# The same commit gives the same image, byte for byte: what is installed is pinned by hash, every file has the same
# time, compiled Python names no time, and the final stages only copy. `make image` sets SOURCE_DATE_EPOCH, which is
# the one date that is left (the image's own).
ARG PYTHON_IMAGE=python:3.13-slim
ARG NGINX_IMAGE=nginxinc/nginx-unprivileged:1.30
ARG POSTGRES_IMAGE=postgres:18
ARG DEBIAN_IMAGE=debian:trixie-slim

# --- The dependencies: changes with requirements.txt alone, so that a change of the source takes seconds ---
FROM ${PYTHON_IMAGE} AS dependencies
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore PYTHONDONTWRITEBYTECODE=1
COPY requirements.txt /build/
RUN python3 -m venv --without-pip /opt/frontdesk \
    && pip --python /opt/frontdesk/bin/python install --no-compile --require-hashes --only-binary :all: \
        -r /build/requirements.txt

# --- The same without debugging symbols: those of uvloop and asyncpg alone are as large as Python ---
FROM ${DEBIAN_IMAGE} AS stripped
# The newest there is: Debian keeps no other, so a pinned one can't be had after the next fix.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends binutils && rm -rf /var/lib/apt/lists/*
COPY --from=dependencies /opt/frontdesk/lib /opt/frontdesk/lib
RUN find /opt/frontdesk/lib -name '*.so*' -type f -exec strip --strip-debug {} +

# --- What the base image brings, without what a server doesn't need, and the dependencies ---
FROM dependencies AS base
COPY --from=stripped /opt/frontdesk/lib /opt/frontdesk/lib
COPY deploy/image/slim.sh /build/
RUN sh /build/slim.sh /rootfs

# --- The bill of materials, and the wheel: built once, for this image and for the release ---
FROM ${PYTHON_IMAGE} AS tools
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
COPY requirements-build.txt /build/
RUN python3 -m venv /tools \
    && /tools/bin/pip install --require-hashes --only-binary :all: -r /build/requirements-build.txt

FROM tools AS build-wheel
# 1 January 2020: a wheel is a zip file, which knows no time before 1980.
ENV SOURCE_DATE_EPOCH=1577836800
WORKDIR /build
COPY pyproject.toml README.md LICENSE NOTICE /build/
COPY frontdesk /build/frontdesk
COPY frontdesk_operator /build/frontdesk_operator
COPY deploy/kubernetes /build/deploy/kubernetes
COPY deploy/postgres /build/deploy/postgres
RUN /tools/bin/python -m hatchling build -t wheel -d /dist

FROM scratch AS wheel
COPY --from=build-wheel /dist /

FROM dependencies AS bill
COPY --from=tools /tools /tools
COPY --from=base /rootfs/var/lib/dpkg /rootfs-dpkg
COPY deploy/image/sbom.py /build/
RUN /tools/bin/python /build/sbom.py dependencies /opt/frontdesk/bin/python /build/dependencies.cdx.json

# --- What a search goes through, as machine code: changes with these files alone ---
FROM tools AS compiled
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*
WORKDIR /compiled
COPY deploy/image/compile.sh /build/
COPY frontdesk/__init__.py frontdesk/
COPY frontdesk/accounts/__init__.py frontdesk/accounts/cursor.py frontdesk/accounts/lookups.py \
    frontdesk/accounts/mistakes.py frontdesk/accounts/names.py frontdesk/accounts/near.py frontdesk/accounts/plan.py \
    frontdesk/accounts/search.py frontdesk/accounts/usernames.py frontdesk/accounts/
COPY frontdesk/store/__init__.py frontdesk/store/people.py frontdesk/store/
RUN sh /build/compile.sh /compiled /tools/bin/python && find . -name '*.py' -delete

# --- The application: the layer that changes with the source ---
FROM dependencies AS application
COPY --from=bill /build /build
COPY --from=build-wheel /dist /dist
COPY --from=compiled /compiled /compiled
COPY deploy/image/application.sh /build/
RUN sh /build/application.sh /rootfs

FROM scratch AS sbom
COPY --from=application /rootfs/usr/local/share/sbom /

# --- The edge: static files and error pages come from the same source as the service's ---
FROM application AS edge-files
COPY deploy/image/edge.py /build/
COPY deploy/nginx /build/nginx
RUN /opt/frontdesk/bin/python /build/edge.py /build/nginx /edge

FROM ${DEBIAN_IMAGE} AS db-files
COPY deploy/postgres/start.sh /database/usr/local/bin/frontdesk-postgres
COPY deploy/postgres/backup.sh /database/usr/local/bin/frontdesk-backup
COPY deploy/postgres/restore.sh /database/usr/local/bin/frontdesk-restore
COPY deploy/postgres/10-roles.sh /database/docker-entrypoint-initdb.d/10-roles.sh
RUN mkdir -p /database/usr/local/lib/frontdesk \
    && ln -s /usr/local/bin/frontdesk-postgres /database/usr/local/lib/frontdesk/postgres \
    && chmod -R 755 /database && find /database -exec touch --no-dereference --date=@1577836800 {} +

FROM ${NGINX_IMAGE} AS edge
ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Frontdesk: edge" \
    org.opencontainers.image.description="nginx in front of Frontdesk: TLS, limits, static files, load balancing" \
    org.opencontainers.image.licenses="Apache-2.0" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}"
COPY --from=edge-files /edge /
ENV NGINX_ENTRYPOINT_QUIET_LOGS=1 NGINX_ENTRYPOINT_LOCAL_RESOLVERS=1 \
    NGINX_ENVSUBST_OUTPUT_DIR=/tmp NGINX_ENVSUBST_FILTER="^(EDGE_|NGINX_LOCAL_RESOLVERS)"
USER 101:101
EXPOSE 8080 8443
HEALTHCHECK --interval=5s --timeout=3s --start-period=10s --start-interval=0.5s \
    CMD ["curl", "--fail", "--silent", "--show-error", "--max-time", "2", "http://127.0.0.1:8081/livez"]
CMD ["nginx", "-c", "/tmp/nginx.conf", "-g", "daemon off;"]

# --- PostgreSQL as it is, with settings for the memory it gets and the two roles ---
FROM ${POSTGRES_IMAGE} AS db
ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Frontdesk: database" \
    org.opencontainers.image.description="PostgreSQL with Frontdesk's roles and settings" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}"
COPY --from=db-files /database /
# Where the password is, not what it is.
# hadolint ignore=DL3064
ENV POSTGRES_INITDB_ARGS="--data-checksums --locale-provider=builtin --builtin-locale=C.UTF-8" \
    POSTGRES_PASSWORD_FILE=/run/secrets/postgres_password
# postgres, as a number: Kubernetes sees that it isn't root.
USER 999:999
# By TCP: while the database is made, it listens on its socket alone.
# Patient: Swarm kills what is unhealthy, and a machine that is too busy to start this isn't a database that is ill.
HEALTHCHECK --interval=5s --timeout=10s --retries=6 --start-period=60s --start-interval=0.5s \
    CMD ["pg_isready", "--quiet", "--host=127.0.0.1", "--username=frontdesk", "--dbname=frontdesk"]
ENTRYPOINT ["frontdesk-postgres"]

# --- The checks of a running stack, for a container or a Job ---
FROM ${DEBIAN_IMAGE} AS goss
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates curl goss openssl \
    && rm -rf /var/lib/apt/lists/*
COPY deploy/goss /goss
USER 10001:10001
ENTRYPOINT ["goss", "--gossfile"]

# --- The service ---
FROM scratch AS service
ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Frontdesk" \
    org.opencontainers.image.description="Accounts: people register, log in and find each other" \
    org.opencontainers.image.licenses="Apache-2.0" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}"
COPY --from=base /rootfs /
COPY --from=application /rootfs /
ENV PATH=/opt/frontdesk/bin:/usr/local/bin:/usr/bin:/bin LANG=C.UTF-8 PYTHONUNBUFFERED=1 FRONTDESK_HOST=0.0.0.0
# A number, so that Kubernetes sees that it isn't root; any other works as well: nothing is written but in /tmp.
USER 10001:10001
WORKDIR /tmp
EXPOSE 8000
HEALTHCHECK --interval=5s --timeout=3s --start-period=15s --start-interval=0.5s \
    CMD ["python", "-m", "frontdesk.probe"]
ENTRYPOINT ["frontdesk"]
CMD ["serve"]

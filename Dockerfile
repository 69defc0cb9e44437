# The desk. PostgreSQL and the model server are services of their own: see docker-compose.yml.
FROM python:3.11.14-slim-bookworm

ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    OMP_WAIT_POLICY=passive \
    TENTHMAN_CONFIG=/etc/tenthman \
    TENTHMAN_HOME=/var/lib/tenthman

# OpenMP's run-time library, which the embedded language model links to and the slim image lacks. Debian keeps one
# version of it for a release, so pinning the package as well would only break builds after a security update.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgomp1 \
    && rm -rf /var/lib/apt/lists/*

RUN useradd --system --uid 10001 --user-group --home-dir /var/lib/tenthman --create-home tenthman

WORKDIR /opt/tenthman
COPY requirements.lock ./
RUN python -m pip install --no-cache-dir --no-deps --require-hashes --requirement requirements.lock

COPY pyproject.toml README.md LICENSE NOTICE ./
COPY src ./src
RUN python -m pip install --no-cache-dir --no-deps .

COPY deploy/config /etc/tenthman

USER 10001
VOLUME ["/var/lib/tenthman"]

# The doctor asks the model server a test question, so it is not called often; training comes before the first call.
HEALTHCHECK --interval=15m --timeout=5m --start-period=30m --retries=2 CMD ["tenthman", "doctor", "--json"]

ENTRYPOINT ["tenthman"]
CMD ["--help"]

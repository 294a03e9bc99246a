# The whole of SWE Agent: operator, REST gateway, and both together with an embedded Kubernetes API on one machine.
# Needs no BuildKit. As it stands it is the single-machine mode:
#
#   docker build -t swe-agent .
#   docker run -p 8000:8000 --env-file .env swe-agent
#
# There it starts as root, so that commands can run as another user who sees neither the state nor the keys.
# On a cluster it runs as any user: the chart says which, and starts operator/main.ts or api-gateway/main.ts. There its
# folder /toolbox is brought into the Pods of sessions, whose images need no git then; see worker-image/Dockerfile.

FROM node:26-slim AS ripgrep
WORKDIR /ripgrep
COPY worker-image/package.json worker-image/package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund --loglevel=error \
 && install -m 0755 "$(find node_modules -path '*/bin/rg' | head -n 1)" rg

FROM debian:bookworm-slim AS toolbox
RUN apt-get -o Acquire::Retries=5 update \
 && apt-get -o Acquire::Retries=5 install -y --no-install-recommends gcc libc6-dev make xz-utils zlib1g-dev
WORKDIR /build
COPY worker-image/git.mak worker-image/toolbox.sh ./
COPY --from=ripgrep /ripgrep/rg rg
RUN sh toolbox.sh /toolbox rg

FROM node:26-slim AS packages
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --include=dev --include=optional --ignore-scripts --no-audit --no-fund --loglevel=error

FROM packages AS page
COPY tsconfig.json ./
COPY scripts scripts
COPY operator operator
COPY ui ui
RUN sh scripts/build-ui

FROM packages AS runtime
# What only builds, compilers and debuggers read stays out of the image.
RUN npm prune --omit=dev --include=optional --ignore-scripts --no-audit --no-fund --loglevel=error \
 && rm -rf node_modules/node-*/include node_modules/node-*/share \
 && find node_modules -type f '(' -name '*.map' -o -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' ')' -delete

FROM debian:bookworm-slim
# Node needs libatomic1; tini takes in the processes that commands leave behind. /data can be used by root, by the user
# swe-agent, and by any number that docker run or a cluster gives without a group, but not by commands of sessions.
RUN apt-get -o Acquire::Retries=5 update \
 && apt-get -o Acquire::Retries=5 install -y --no-install-recommends bubblewrap ca-certificates git libatomic1 openssh-client ripgrep tini \
 && apt-get clean && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /usr/share/man/* /usr/share/locale/* \
 && find /usr/share/doc -type f ! -name copyright -delete \
 && useradd --uid 10001 --home-dir /data --no-create-home --shell /usr/sbin/nologin swe-agent \
 && install -d -m 0775 -o swe-agent -g root /data
COPY --from=toolbox /toolbox /toolbox
WORKDIR /app
COPY --from=runtime /app/node_modules node_modules
COPY package.json LICENSE ./
COPY scripts scripts
COPY crds crds
COPY operator operator
COPY api-gateway api-gateway
COPY local local
# Node keeps what it compiles, so that a start takes half the time.
ENV NODE_COMPILE_CACHE=/app/.cache/node SWE_AGENT_IN_CONTAINER=true
RUN sh scripts/node -e "const { flushCompileCache } = await import('node:module'); for (const file of ['local/serve', 'operator/start', 'api-gateway/start']) await import('/app/' + file + '.ts'); flushCompileCache(); process.exit()"
COPY --from=page /app/ui/dist ui/dist
# .swe-agent and workspace lie in the working directory.
WORKDIR /data
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s --retries=3 CMD ["sh", "/app/scripts/node", "/app/scripts/healthcheck.ts"]
ENTRYPOINT ["tini", "--", "sh", "/app/scripts/node"]
CMD ["/app/local/main.ts"]

# The daemon with DanceFinder. For projections of your own: COPY your built config file and name it with --config.
ARG NODE=20

FROM node:${NODE}-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# The build is a step of its own below: a change in the code alone then installs nothing again.
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY scripts scripts
COPY sql sql
COPY machines machines
COPY src src
COPY examples examples
# The optional packages are PostgreSQL's own binaries, which a container with a DATABASE_URL never starts.
RUN npm run build && npm prune --omit=dev --omit=optional --ignore-scripts

FROM node:${NODE}-slim
WORKDIR /app
# Commands run inside the container find the daemon by the file it keeps there.
RUN mkdir .projectionist && chown node:node .projectionist
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY scripts/healthcheck.mjs ./
USER node
# Beyond loopback, so the start is refused without PROJECTIONIST_TOKEN.
ENV NODE_ENV=production HOST=0.0.0.0 PORT=4400
EXPOSE 4400
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["node", "healthcheck.mjs"]
# Exec form: SIGTERM reaches node itself, which ends the page in flight and exits 0.
ENTRYPOINT ["node", "dist/src/cli/main.js"]
CMD ["start", "--config", "dist/examples/dancefinder/projectionist.config.js"]

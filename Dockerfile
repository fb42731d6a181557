# The server in a container. It sees the container's devices: give it the GPU (--gpus all) and the memory it should judge.
FROM node:22-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY . .
RUN node scripts/build.mjs

FROM node:22-slim
WORKDIR /app
COPY --from=build /app/LICENSE /app/package.json ./
COPY --from=build /app/dist ./dist
USER node
ENTRYPOINT ["node", "/app/dist/cli.js"]

import { defineConfig } from "vitest/config";

/** Client tests start the built program, so only they wait for a build. */
export default defineConfig({
  test: {
    testTimeout: 30_000,
    hookTimeout: 60_000,
    projects: [
      { extends: true, test: { name: "core", include: ["test/**/*.test.ts"], exclude: ["test/clients/**"] } },
      {
        extends: true,
        test: { name: "clients", include: ["test/clients/**/*.test.ts"], globalSetup: ["test/setup.ts"] },
      },
    ],
  },
});

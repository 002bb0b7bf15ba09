import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { ClosingLineReporter } from "./test/support/closing-line-reporter.ts";

const source = fileURLToPath(new URL("src", import.meta.url));

export default defineConfig({
  resolve: {
    // The apps import the package by its name: in tests that is what stands in src, built or not.
    alias: [
      { find: /^outgrow$/, replacement: `${source}/index.ts` },
      { find: /^outgrow\/(.+)$/, replacement: `${source}/$1/index.ts` },
    ],
  },
  test: {
    include: ["test/**/*.test.ts", "apps/*/test/**/*.test.ts", "platform/test/**/*.test.ts"],
    globalSetup: ["test/support/global-setup.ts"],
    testTimeout: 120_000,
    hookTimeout: 180_000,
    teardownTimeout: 60_000,
    pool: "forks",
    maxWorkers: 2,
    reporters: ["default", new ClosingLineReporter()],
  },
});

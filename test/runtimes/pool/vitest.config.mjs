import { cloudflareTest } from "@cloudflare/vitest-pool-workers";
import { defineConfig } from "vitest/config";

const { SEETHROUGH_CONSUMER: root, COMPATIBILITY_DATE: compatibilityDate } = process.env;

export default defineConfig({
  root,
  plugins: [
    cloudflareTest({
      miniflare: { compatibilityDate, modulesRules: [{ type: "CompiledWasm", include: ["**/*.wasm"] }] },
    }),
  ],
  test: { include: ["suite/pool.test.mjs"], testTimeout: 300_000, disableConsoleIntercept: true },
});

// Builds the playground and drives it in Chromium; says so, in one line, where there is none.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { executable } from "./browser.mjs";

const folder = fileURLToPath(new URL("..", import.meta.url));
const run = (command, ...options) => {
  const { status } = spawnSync(command, options, { cwd: folder, stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
};

if (!executable) {
  console.log("playground: skipped, there is no Chromium here (apt-get install chromium, or name one in CHROMIUM)");
} else if (!existsSync(`${folder}/../../dist/index.js`)) {
  console.error("playground: the package is not built; run `npm run build` in the repository's root first");
  process.exitCode = 1;
} else {
  run("npm", "run", "--silent", "build");
  run(process.execPath, "--test", "--test-timeout=540000", "--test-reporter=spec", "test/playground.test.mjs");
}

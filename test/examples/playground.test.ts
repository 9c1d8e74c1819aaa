import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const folder = fileURLToPath(new URL("../../examples/playground/", import.meta.url));
const browsers = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** Why the playground cannot be driven here, if it cannot. */
const missing = !existsSync(`${folder}node_modules`)
  ? "its packages are not installed (npm --prefix examples/playground ci)"
  : !browsers.some((path) => path && existsSync(path))
    ? "there is no Chromium here (apt-get install chromium)"
    : undefined;
if (missing) console.log(`skipped: examples/playground in a browser: ${missing}`);

it.skipIf(missing)("examples/playground works in a browser", { timeout: 600_000 }, () => {
  const { status, stdout, stderr } = spawnSync("npm", ["--prefix", folder, "test"], { encoding: "utf8" });
  expect(status, `${stdout}\n${stderr}`).toBe(0);
  expect(stdout).toMatch(/ℹ pass [1-9]/);
});

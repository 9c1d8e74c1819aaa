// The browser the tests run in: Debian's Chromium, or the one CHROMIUM names.
import { existsSync } from "node:fs";
import { chromium } from "playwright-core";

const candidates = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

export const executable = candidates.find((path) => path && existsSync(path));

/** @returns {Promise<import("playwright-core").Browser>} */
export const launch = () => chromium.launch({ executablePath: executable, args: flags });

export const flags = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

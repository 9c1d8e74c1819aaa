// Serves the built playground with its own headers and opens it in a fresh Chromium profile.
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import axe from "axe-core";
import { preview } from "vite";
import { launch } from "./browser.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));

export const network = (path) => fileURLToPath(new URL(`../../../models/${path}`, import.meta.url));
export const example = (path) => fileURLToPath(new URL(`../../images/${path}`, import.meta.url));

/** A server of the built files; `close` stops it for good. */
export async function serve() {
  const server = await preview({ root, logLevel: "error", preview: { port: 0, host: "localhost" } });
  const { port } = server.httpServer.address();
  return {
    url: `http://localhost:${port}/`,
    close: () => {
      server.httpServer.closeAllConnections();
      return server.close();
    },
  };
}

/**
 * A page that is watched: what it asked for, and what went wrong in it. The browser ends with the test.
 *
 * @param {import("node:test").TestContext} t
 * @param {import("playwright-core").BrowserContextOptions} [options]
 */
export async function open(t, url, options = {}) {
  const browser = await launch();
  t.after(() => browser.close());
  const context = await browser.newContext({
    viewport: { width: 1400, height: 900 },
    acceptDownloads: true,
    ...options,
  });
  context.setDefaultTimeout(30_000);
  const page = await context.newPage();
  const requests = [];
  const problems = [];
  // The worker's and the service worker's requests too.
  context.on("request", (request) => requests.push(request.url()));
  page.on("pageerror", (error) => problems.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") problems.push(message.text());
  });
  await page.goto(url);
  return {
    page,
    context,
    requests,
    problems,
    /** No request left the page's own origin, and nothing was reported to the console. */
    check({ tolerate = [] } = {}) {
      const origin = new URL(url).origin;
      assert.deepEqual(
        requests.filter((address) => !address.startsWith(`${origin}/`) && !address.startsWith(`blob:${origin}/`)),
        [],
        "a request left the origin",
      );
      assert.deepEqual(
        problems.filter((problem) => !tolerate.some((known) => problem.includes(known))),
        [],
        "the page reported problems",
      );
    },
  };
}

/** WCAG 2.2 A and AA, as far as axe can tell. */
export async function audit(page, where) {
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate(() =>
    axe.run({ runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }),
  );
  const found = violations.flatMap(({ id, help, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${help}\n  ${html}\n  ${failureSummary}`),
  );
  assert.deepEqual(found, [], `${where}: ${found.join("\n")}`);
}

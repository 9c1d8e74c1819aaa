// Serves a page and takes the report it posts. No library drives the browsers: they only have to open an address.
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";

const types = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".png": "image/png",
  ".wasm": "application/wasm",
};

/** What a page needs before it gets memory that threads share. */
const isolated = { "cross-origin-opener-policy": "same-origin", "cross-origin-embedder-policy": "require-corp" };

/**
 * Every page is isolated from other origins.
 *
 * @param policy  Content-Security-Policy of everything that is served
 * @returns the origin, what the page posts to /report, and how to stop
 */
export async function serve(folder, policy) {
  const requests = [];
  let resolve;
  const reported = new Promise((settle) => {
    resolve = settle;
  });
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url, "http://localhost");
    requests.push(pathname);
    const headers = { "cache-control": "no-store", ...isolated, ...(policy && { "content-security-policy": policy }) };
    if (pathname === "/report") {
      const parts = [];
      for await (const part of request) parts.push(part);
      resolve(Buffer.concat(parts).toString());
      response.writeHead(204, headers).end();
      return;
    }
    try {
      const body = await readFile(join(folder, normalize(pathname)));
      response.writeHead(200, { ...headers, "content-type": types[extname(pathname)] ?? "application/octet-stream" });
      response.end(body);
    } catch {
      response.writeHead(404, headers).end();
    }
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  return {
    origin: `http://127.0.0.1:${server.address().port}`,
    reported,
    requests,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

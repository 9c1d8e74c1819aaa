/** Next as it builds and starts: a pool in a route of Node, as docs/pool.md shows it. */
import { execFile, spawn } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { useConsumer } from "./consumer";

const { folder } = useConsumer();
const modules = fileURLToPath(new URL("next/node_modules", import.meta.url));
const installed = existsSync(modules);
if (!installed) console.log("skipped: Next; to run it: npm ci --prefix test/packaging/next");

/** The blocks of a page that begin with the name of a file. */
const filesOf = (page: string): [name: string, text: string][] =>
  [...readFileSync(page, "utf8").matchAll(/```js\n(\/\/ ((?:next\.config|app\/[\w/]+)\.m?js)\n[\s\S]*?)```/g)].map(
    ([, text, name]) => [name, text],
  );

it("a pool in a route of Node is built and answers", async ({ skip }) => {
  skip(!installed, "npm ci --prefix test/packaging/next");
  const app = join(folder(), "next-app");
  mkdirSync(app);
  // Turbopack follows no link out of the project.
  cpSync(modules, join(app, "node_modules"), { recursive: true, verbatimSymlinks: true });
  cpSync(join(folder(), "node_modules/seethrough"), join(app, "node_modules/seethrough"), { recursive: true });
  writeFileSync(join(app, "package.json"), '{ "private": true }');
  const files = filesOf("docs/pool.md");
  expect(files.map(([name]) => name)).toEqual(["next.config.mjs", "app/explain/route.js"]);
  for (const [name, text] of files) {
    mkdirSync(join(app, name, ".."), { recursive: true });
    writeFileSync(join(app, name), text);
  }
  writeFileSync(
    join(app, "app/layout.js"),
    "export default function Layout({ children }) { return <html><body>{children}</body></html>; }",
  );
  const next = join(app, "node_modules/next/dist/bin/next");
  const env = { ...process.env, NEXT_TELEMETRY_DISABLED: "1" };
  await promisify(execFile)(process.execPath, [next, "build"], { cwd: app, env });
  const server = spawn(process.execPath, [next, "start", "--port", "0"], { cwd: app, env });
  try {
    const address = await new Promise<string>((resolve, reject) => {
      let text = "";
      const read = (chunk: Buffer): void => {
        text += chunk;
        const [found] = /http:\/\/localhost:\d+/.exec(text) ?? [];
        if (found && /Ready/.test(text)) resolve(found);
      };
      server.stdout.on("data", read);
      server.stderr.on("data", read);
      server.on("exit", () => reject(new Error(text)));
    });
    const body = readFileSync("examples/images/scene-cat-00.png");
    const answer = await fetch(`${address}/explain`, { method: "POST", body });
    expect(answer.status).toBe(200);
    expect(await answer.json()).toEqual({ workers: 2, label: "cat", shape: [1, 6, 6, 1], values: 36 });
  } finally {
    server.kill();
  }
}, 600_000);

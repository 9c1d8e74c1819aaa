// Cloudflare's workerd, alone and inside Vitest. Alone it has the strict rules of production: no eval, no compiling of
// bytes, no Node; and wasm memory is capped at 100 MiB, below the 128 MB that an isolate gets there.
import { spawn } from "node:child_process";
import { existsSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { bundle } from "./bundle.mjs";
import { call, fromNpm, packagedFile, versionIn } from "./programs.mjs";

const wasmPages = 1600;
const compatibilityDate = "2026-04-20";
const workerd = () => packagedFile("@cloudflare", "workerd-", "bin/workerd", "bin/workerd.exe");
const missing = () => (workerd() && packagedFile("", "esbuild", "bin/esbuild") ? undefined : fromNpm);

/** Conditions and loaders as wrangler has them; the file type says what kind of module workerd makes of a file. */
const bundling = {
  conditions: ["workerd", "worker", "browser"],
  loader: { ".wasm": "copy", ".onnx": "copy", ".png": "copy" },
  assetNames: "[name]",
};
const kindOf = (file) => (/\.m?js$/.test(file) ? "esModule" : file.endsWith(".wasm") ? "wasm" : "data");

const kernels = ["kernels.wasm", "kernels-fused.wasm"];

/** Does nothing, and stays for as long as it takes to look at its process. */
const emptyScript = `export default {
  async test() {
    console.log("ready");
    await new Promise((resolve) => setTimeout(resolve, 500));
  },
};
`;

/** The most memory that workerd holds for a Worker that does nothing, in bytes: what is beyond it is a Worker's own. */
export async function emptyWorker(folder, flags = []) {
  writeFileSync(join(folder, "empty.js"), emptyScript);
  const lines = await runWorker(folder, "empty.js", [], flags, []);
  return lines.at(-1).peakBytes;
}

/** Bundles a Worker with a `test` handler, runs it, and returns the lines it printed. */
export async function runWorker(folder, entry, data = [], flags = [], wasm = kernels) {
  const name = entry
    .split("/")
    .at(-1)
    .replace(/\.m?js$/, "");
  const out = await bundle(folder, `worker-${name}`, [entry], bundling);
  const modules = [`${name}.js`, ...wasm, ...data].map(
    (file) => `    (name = "${file}", ${kindOf(file)} = embed "${file}"),`,
  );
  writeFileSync(
    join(out, "config.capnp"),
    `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [ (name = "main", worker = .main) ],
  v8Flags = [${[`--wasm-max-mem-pages=${wasmPages}`, ...flags].map((flag) => `"${flag}"`).join(", ")}],
);
const main :Workerd.Worker = (
  modules = [
${modules.join("\n")}
  ],
  compatibilityDate = "${compatibilityDate}",
);
`,
  );
  return watch([workerd(), "test", join(out, "config.capnp")]);
}

/** Runs a program to its end. Each line of its output comes with the time, and with the most memory held until then. */
async function watch([program, ...args]) {
  const started = performance.now();
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
  const lines = [];
  let errors = "";
  createInterface({ input: child.stdout }).on("line", (text) => {
    lines.push({ text, time: performance.now() - started, peakBytes: peakOf(child.pid) });
  });
  child.stderr.setEncoding("utf8").on("data", (text) => {
    errors += text;
  });
  const code = await new Promise((resolve, reject) => child.on("close", resolve).on("error", reject));
  const text = lines.map((line) => line.text).join("\n");
  if (code !== 0) throw new Error(`workerd ended with code ${code}\n${text}\n${errors}`);
  return lines;
}

/** The most memory a process has held so far, as Linux counts it while the process lives. */
function peakOf(pid) {
  const status = `/proc/${pid}/status`;
  const [, kilobytes] = (existsSync(status) && /VmHWM:\s+(\d+)/.exec(readFileSync(status, "utf8"))) || [];
  return kilobytes && Number(kilobytes) * 1024;
}

/** Runs the suite with Vitest in workerd, as people test their Workers. */
async function runInVitest(folder) {
  const tools = fileURLToPath(new URL("../node_modules/", import.meta.url));
  symlinkSync(join(tools, "vitest"), join(folder, "node_modules/vitest"));
  const config = fileURLToPath(new URL("../pool/vitest.config.mjs", import.meta.url));
  const output = await call([process.execPath, join(tools, "vitest/vitest.mjs"), "run", "--config", config], {
    cwd: folder,
    env: { ...process.env, SEETHROUGH_CONSUMER: folder, COMPATIBILITY_DATE: compatibilityDate, NO_COLOR: "1" },
  });
  const [, report] = /^report (.*)$/m.exec(output) ?? [];
  if (!report) throw new Error(`the test in Vitest's pool printed no report\n${output}`);
  return JSON.parse(report);
}

export const cloudflareHosts = {
  workerd: {
    name: "Cloudflare Workers (workerd)",
    fuses: true,
    page: "cloudflare-workers.md",
    missing,
    async run(folder) {
      const lines = await runWorker(folder, "suite/cloudflare.mjs");
      const { digests, fused, pool, threads } = JSON.parse(lines.at(-1).text);
      const version = versionIn(await call([workerd(), "--version"]));
      return {
        version,
        digests,
        fused,
        pool,
        threads,
        coldStart: lines.find(({ text }) => text === "first result").time,
      };
    },
    async snippet(folder, files) {
      for (const [file, code] of Object.entries(files)) writeFileSync(join(folder, file), code);
      const lines = await runWorker(folder, "suite/cloudflare-request.mjs", ["photo.png"]);
      return lines.map(({ text }) => `${text}\n`).join("");
    },
  },
  "workerd-vitest": {
    name: "Cloudflare Workers (Vitest pool)",
    fuses: true,
    page: "cloudflare-workers.md",
    missing,
    async run(folder) {
      const manifest = packagedFile("@cloudflare", "vitest-pool-workers", "package.json");
      const { version } = JSON.parse(readFileSync(manifest, "utf8"));
      // No cold start: its clocks stand still, and most of it would be Vitest's own.
      const { digests, fused } = await runInVitest(folder);
      return { version, digests, fused };
    },
  },
};

// The Worker in workerd on this machine, with a bucket made from a folder: node cloudflare/local.js FOLDER RESULT.json [WORKER.js]
import { readdir, readFile, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { Miniflare } from "miniflare";
import { summary } from "../search.js";

const [folder, out, entry = fileURLToPath(new URL("worker.js", import.meta.url))] = process.argv.slice(2);

/** Bundled as wrangler does it; the kernels and the codecs stay modules of their own. */
const { outputFiles } = await build({
  entryPoints: [entry],
  bundle: true,
  format: "esm",
  target: "es2022",
  conditions: ["workerd", "worker", "browser"],
  external: ["cloudflare:workers"],
  loader: { ".wasm": "copy" },
  assetNames: "[name]",
  outdir: "bundle",
  write: false,
});
const modules = outputFiles
  .map(({ path, contents }) =>
    path.endsWith(".wasm")
      ? { type: "CompiledWasm", path: basename(path), contents }
      : { type: "ESModule", path: "worker.js", contents: new TextDecoder().decode(contents) },
  )
  .sort((a, b) => a.type.localeCompare(b.type))
  .reverse(); // the Worker first

const miniflare = new Miniflare({
  modules,
  compatibilityDate: "2026-04-20",
  r2Buckets: ["IMAGES"],
  queueProducers: { SHARDS: "shards" },
  queueConsumers: { shards: { maxBatchSize: 1, maxBatchTimeout: 0, maxRetries: 10, retryDelay: 0 } },
  durableObjects: { RESULT: { className: "Result", useSQLite: true } },
});
try {
  const bucket = await miniflare.getR2Bucket("IMAGES");
  for (const name of await readdir(folder)) await bucket.put(name, new Uint8Array(await readFile(join(folder, name))));
  const began = await miniflare.dispatchFetch("http://search.example/", { method: "POST" });
  if (!began.ok) throw new Error(await began.text());
  let progress;
  do {
    await new Promise((resolve) => setTimeout(resolve, 200));
    const answer = await miniflare.dispatchFetch("http://search.example/");
    // A Durable Object that is just being killed fails this call and answers the next.
    progress = answer.ok ? await answer.json() : {};
  } while (!progress.result);
  await writeFile(out, JSON.stringify(progress.result));
  console.log(summary(progress.result));
} finally {
  await miniflare.dispose();
}

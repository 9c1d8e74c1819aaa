// Bundles for runtimes whose users bundle. Conditions as the bundler of each host sets them.
import { mkdirSync, writeFileSync } from "node:fs";
import { isAbsolute, join } from "node:path";

/**
 * @param folder   made by pack.mjs; `files` are written there first
 * @param entries  the files to bundle, relative to the folder
 * @param options  of esbuild
 * @returns the folder of the bundles
 */
export async function bundle(folder, out, entries, { files = {}, ...options }) {
  const { build } = await import("esbuild");
  for (const [file, code] of Object.entries(files)) writeFileSync(join(folder, file), code);
  const outdir = isAbsolute(out) ? out : join(folder, out);
  mkdirSync(outdir, { recursive: true });
  await build({
    absWorkingDir: folder,
    entryPoints: entries,
    outdir,
    bundle: true,
    format: "esm",
    target: "es2022",
    logLevel: "warning",
    ...options,
  });
  return outdir;
}

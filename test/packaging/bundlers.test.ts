import { execFile, execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { build } from "esbuild";
import { describe, expect, it, type TestContext } from "vitest";
import { useConsumer } from "./consumer";

const { folder, dist } = useConsumer();
const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

const installed = existsSync(here("node_modules"));
if (!installed) console.log("skipped: Vite, webpack, publint and attw; to run them: npm ci --prefix test/packaging");
const needsTools = ({ skip }: TestContext): void => skip(!installed, "npm ci --prefix test/packaging");

/** What an application does: explain a picture with a network it fetched, and with the embedded one. */
const program = `
import { decodeImage, encodePng, gradCam, loadModel } from "seethrough";
export { createPool } from "seethrough/pool";
import { loadModel as slim } from "seethrough/slim";
const image = { width: 96, height: 96, data: new Uint8Array(96 * 96 * 3).fill(77) };
const wasm = new URL("seethrough/kernels.wasm", import.meta.url);
export async function run(source) {
  const picture = await decodeImage(await encodePng(image));
  const models = [await loadModel(source), await loadModel(), await slim(source, { wasm })];
  return Promise.all(models.map(async (model) => [...(await gradCam(model, picture)).values.data]));
}
`;

describe("an application made by", () => {
  for (const bundler of ["vite", "webpack"]) {
    it(`${bundler} runs, with the model and the codecs on demand and the kernels as a file`, async (context) => {
      needsTools(context);
      const out = join(folder(), `out-${bundler}`);
      writeFileSync(join(folder(), "program.js"), program);
      const { stdout } = await promisify(execFile)(process.execPath, [here("bundle.mjs"), bundler, folder(), out]);
      expect(JSON.parse(stdout.trim().split("\n").at(-1) ?? "")).toEqual([]);

      const files = readdirSync(out, { recursive: true, encoding: "utf8" });
      const read = (path: string): Buffer => readFileSync(join(out, path));
      const wasm = files.filter((path) => path.endsWith(".wasm"));
      expect(wasm.map(read)).toEqual([readFileSync(dist("kernels.wasm"))]);
      const model = readFileSync("models/petshop.onnx").toString("base64").slice(1000, 1100);
      const scripts = files.filter((path) => path.endsWith(".js"));
      expect(scripts.filter((path) => read(path).includes(model))).toHaveLength(1);
      const main = read("program.js").toString();
      for (const text of [model, "Huffman", "invalid distance"]) expect(main.includes(text), text).toBe(false);

      const { run } = await import(pathToFileURL(join(out, "program.js")).href);
      const [given, embedded, slim] = await run(new Uint8Array(readFileSync("models/petshop.onnx")));
      expect(given.some((value: number) => value !== 0)).toBe(true);
      expect(embedded).toEqual(given);
      expect(slim).toEqual(given);

      // What a pool's workers run is one file of its own: the methods, and the port they are called through.
      const isWorker = (text: string): boolean =>
        text.includes("gauss-legendre") && text.includes("typeof self.postMessage");
      const workers = scripts.filter((path) => path !== "program.js" && isWorker(read(path).toString()));
      expect(workers).toHaveLength(1);
    }, 300_000);
  }
});

describe("one file for", () => {
  /** The entry that a bundler takes under these conditions, and what the file then imports. */
  async function oneFile(conditions: readonly string[]): Promise<{ entry?: string; text: string }> {
    const { outputFiles, metafile } = await build({
      stdin: { contents: "export { gradCam, loadModel } from 'seethrough'", resolveDir: folder() },
      bundle: true,
      minify: true,
      write: false,
      metafile: true,
      format: "esm",
      conditions: [...conditions],
      external: ["*.wasm", "*.wasm?module"],
      absWorkingDir: folder(),
    });
    const entry = Object.keys(metafile.inputs)
      .map((path) => /dist\/(index|workerd|edge-light|slim)\.js$/.exec(path)?.[1])
      .find((name) => name !== undefined);
    return { entry, text: outputFiles[0].text };
  }

  it("Workers, as wrangler sets the conditions", async () => {
    const { entry, text } = await oneFile(["workerd", "worker", "browser"]);
    expect(entry).toBe("workerd");
    expect(/import [\w$]+ from"(\.\/kernels\.wasm[^"]*)"/.exec(text)?.[1]).toBe("./kernels.wasm");
    expect(text.includes("0061736d"), "inlined kernels").toBe(false);
  });

  it("edge functions, as Next sets the conditions", async () => {
    const { entry, text } = await oneFile(["edge-light", "worker", "browser"]);
    expect(entry).toBe("edge-light");
    expect(/import [\w$]+ from"(\.\/kernels\.wasm[^"]*)"/.exec(text)?.[1]).toBe("./kernels.wasm?module");
  });

  it("everything else, and the embedded model is asked for by name", async () => {
    const { entry, text } = await oneFile(["browser"]);
    expect(entry).toBe("index");
    const out = join(folder(), "one-file.mjs");
    writeFileSync(out, text);
    const { loadModel } = await import(pathToFileURL(out).href);
    await expect(loadModel()).rejects.toThrow(
      /without a model, and the embedded one is not beside this bundle .*import bytes from 'seethrough\/default-model' and call loadModel\(bytes\)/,
    );
    const { default: bytes } = await import(pathToFileURL(dist("default-model.js")).href);
    expect((await loadModel(bytes)).labels).toHaveLength(8);
  });
});

describe("package checkers", () => {
  it("publint finds nothing", (context) => {
    needsTools(context);
    const out = execFileSync(
      here("node_modules/.bin/publint"),
      ["--strict", "--pack", "npm", join(folder(), "node_modules/seethrough")],
      { encoding: "utf8" },
    );
    expect(out).toContain("All good!");
  });

  it("attw finds every type where the exports say", (context) => {
    needsTools(context);
    const packed = execFileSync("npm", ["pack", "--ignore-scripts", "--silent", "--pack-destination", folder()], {
      encoding: "utf8",
    }).trim();
    const words = [
      join(folder(), packed),
      "--profile",
      "esm-only",
      "--no-color",
      "--format",
      "table-flipped",
      "--exclude-entrypoints",
      "kernels.wasm",
      "kernels-fused.wasm",
    ];
    const lines = execFileSync(here("node_modules/.bin/attw"), words, { encoding: "utf8" }).split("\n");
    // A row an entry: its name, node16 from ESM, bundlers, and what the profile leaves out.
    const rows = lines.filter((line) => /^│ +"/.test(line)).map((line) => line.split("│"));
    expect(rows).toHaveLength(7);
    for (const [, , fromModules, bundler] of rows) expect([fromModules, bundler].join()).toMatch(/🟢.*,.*🟢/);
  });
});

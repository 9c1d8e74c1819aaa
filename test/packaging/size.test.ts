import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { describe, expect, it } from "vitest";
import { useConsumer } from "./consumer";
import budgets from "./size-budget.json" with { type: "json" };

const { folder } = useConsumer();

interface Bundle {
  /** What a page loads before anything is asked for. */
  readonly text: string;
  /** Gzip, level 9. */
  readonly bytes: number;
  readonly lazy: readonly string[];
}

/** Bundles and minifies a program of the packed package. Modules imported on demand become files of their own. */
async function bundle(contents: string, splitting = true): Promise<Bundle> {
  const { outputFiles, metafile } = await build({
    stdin: { contents, resolveDir: folder() },
    bundle: true,
    minify: true,
    splitting,
    format: "esm",
    target: "es2022",
    outdir: "out",
    absWorkingDir: folder(),
    write: false,
    metafile: true,
  });
  const text = (path: string): string => outputFiles.find((file) => file.path.endsWith(`/${path}`))?.text ?? "";
  const eager = new Set<string>();
  const walk = (path: string): void => {
    if (eager.has(path)) return;
    eager.add(path);
    for (const { kind, path: next } of metafile.outputs[path].imports) if (kind === "import-statement") walk(next);
  };
  walk("out/stdin.js");
  const texts = [...eager].map(text);
  return {
    text: texts.join("\n"),
    bytes: texts.reduce((total, part) => total + gzipSync(part, { level: 9 }).length, 0),
    lazy: Object.keys(metafile.outputs).filter((path) => !eager.has(path)),
  };
}

const kilobytes = (bytes: number): string => (bytes / 1000).toFixed(1);

describe("a bundle stays in its budget", () => {
  for (const [name, { code, bytes: budget }] of Object.entries(budgets)) {
    it(name, async () => {
      const { bytes } = await bundle(code);
      console.log(`SIZE ${name}: ${kilobytes(bytes)} kB gzip of ${kilobytes(budget)}`);
      expect(bytes, "test/packaging/size-budget.json; docs/packaging.md says what to look at").toBeLessThanOrEqual(
        budget,
      );
      expect(bytes, "the budget is far above: lower it").toBeGreaterThan(0.8 * budget);
    });
  }

  it("as docs/packaging.md shows them", () => {
    const page = readFileSync("docs/packaging.md", "utf8");
    const rows = [...page.matchAll(/^\| (.+) \| (\d+(?:\.\d)?) kB \|$/gm)];
    const shown = rows.map(([, name, size]) => [name.replaceAll("`", ""), Number(size)]);
    expect(shown).toEqual(Object.entries(budgets).map(([name, { bytes }]) => [name, bytes / 1000]));
  });
});

describe("a bundle carries what it uses", () => {
  /** Words that only one part of the library contains. */
  const parts: Readonly<Record<string, string>> = {
    "integrated gradients": "nSteps must be a whole number",
    "the other methods": "Guided Grad-CAM looks at",
    occlusion: "would never be covered",
    "JPEG files": "Exif",
    "gradient ascent": "stepSize",
    "data set search": "topActivations",
  };
  it("loadModel and gradCam", async () => {
    const all = (await bundle("export * from 'seethrough'")).text;
    const { text } = await bundle("export { loadModel, gradCam } from 'seethrough'");
    for (const [part, word] of Object.entries(parts)) {
      expect(all.includes(word), `${part}: "${word}" is no longer a word of it`).toBe(true);
      expect(text.includes(word), part).toBe(false);
    }
  });

  it("the embedded model only where it is imported, also where everything becomes one file", async () => {
    const model = readFileSync("models/petshop.onnx").toString("base64").slice(1000, 1100);
    const carries = async (code: string): Promise<boolean> => (await bundle(code, false)).text.includes(model);
    expect(await carries("export * from 'seethrough'")).toBe(false);
    expect(await carries("export { default } from 'seethrough/default-model'")).toBe(true);
  });

  it("codecs, the hash for insecure pages and linear algebra on demand", async () => {
    const { text, lazy } = await bundle("export * from 'seethrough'");
    for (const word of ["Huffman", "invalid distance", "Matrix is not symmetric"])
      expect(text.includes(word), word).toBe(false);
    expect(lazy.length).toBeGreaterThanOrEqual(3);
  });
});

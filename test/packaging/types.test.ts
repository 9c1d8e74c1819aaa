/** The packed package's declarations in projects as people set them up, with the library check on. */
import { execFile } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { useConsumer } from "./consumer";

const { folder } = useConsumer();
// The packages of this folder bring an older compiler of their own.
const tsc = createRequire(new URL("../../package.json", import.meta.url)).resolve("typescript/lib/tsc.js");

const program = `
import { decodeImage, encodePng, explain, gradCam, heatmap, loadModel, type Model, occlusion, overlay, Tensor } from "seethrough";
import bytes from "seethrough/default-model";
import { createPool, type WorkerPool } from "seethrough/pool";
import { loadModel as loadSlim } from "seethrough/slim";

export async function run(file: Uint8Array, options: { target?: number | string }): Promise<number> {
  const model: Model = await loadModel(bytes, { preprocess: { mean: [0.5], range: [0, 1] } });
  const photo = await decodeImage(file);
  const attribution = await gradCam(model, photo, options);
  const picture = overlay(photo, heatmap(attribution));
  const png = await encodePng(picture);
  const patches = await occlusion(model, new Tensor(new Float32Array(4), [1, 2, 2, 1]), { window: [8, 8] });
  const pool: WorkerPool = await createPool({ size: 2 });
  const pooled = await pool.gradCam(await pool.loadModel(file), photo, { target: "cat" });
  pool.dispose();
  model.dispose();
  const slim = await loadSlim(file, { wasm: file });
  // @ts-expect-error: declarations that mean nothing would take this too
  await explain(slim, photo, { method: "nonsense" });
  // @ts-expect-error: and this
  await pool.gradCam(42, photo);
  return png.length + patches.values.data.length + pooled.values.shape.length;
}
`;

const forTheWeb = `
import { encodePng, loadModel, overlay, heatmap, gradCam, type ImageLike } from "seethrough";

export async function answer(photo: ImageLike, signal: AbortSignal): Promise<[Response, ImageData]> {
  const attribution = await gradCam(await loadModel(new URL("https://example.org/model.onnx")), photo, { signal });
  const picture = overlay(photo, heatmap(attribution));
  return [new Response(await encodePng(picture)), new ImageData(picture.data, picture.width, picture.height)];
}
`;

interface Setting {
  readonly options: Readonly<Record<string, unknown>>;
  /** Default 'module'. */
  readonly type?: "module" | "commonjs";
  readonly files?: Readonly<Record<string, string>>;
}

const dom = ["ES2022", "DOM"];
const settings: Readonly<Record<string, Setting>> = {
  bundler: { options: { module: "ESNext", moduleResolution: "Bundler", lib: dom } },
  node16: { options: { module: "Node16", moduleResolution: "Node16", lib: dom } },
  nodenext: { options: { module: "NodeNext", moduleResolution: "NodeNext", lib: dom } },
  node10: { options: { module: "ESNext", moduleResolution: "Node10", ignoreDeprecations: "6.0", lib: dom } },
  "CommonJS, node16": { type: "commonjs", options: { module: "Node16", moduleResolution: "Node16", lib: dom } },
  "without DOM": { options: { module: "ESNext", moduleResolution: "Bundler", lib: ["ES2022"] } },
  "without DOM, CommonJS": {
    type: "commonjs",
    options: { module: "Node16", moduleResolution: "Node16", lib: ["ES2022"] },
  },
  "the newest libraries": { options: { module: "ESNext", moduleResolution: "Bundler", lib: ["ESNext", "DOM"] } },
  exactOptionalPropertyTypes: {
    options: { module: "NodeNext", moduleResolution: "NodeNext", lib: dom, exactOptionalPropertyTypes: true },
  },
  "the classes of the web": {
    options: { module: "ESNext", moduleResolution: "Bundler", lib: dom },
    files: { "web.ts": forTheWeb },
  },
};

describe("skipLibCheck: false passes with", () => {
  for (const [name, { options, type = "module", files = { "program.ts": program } }] of Object.entries(settings)) {
    it(name, async () => {
      const place = join(folder(), name.replaceAll(/\W+/g, "-"));
      mkdirSync(place);
      writeFileSync(join(place, "package.json"), JSON.stringify({ type }));
      for (const [file, text] of Object.entries(files)) writeFileSync(join(place, file), text);
      const compilerOptions = {
        ...{ strict: true, noEmit: true, skipLibCheck: false, target: "ES2022", types: [], esModuleInterop: true },
        ...options,
      };
      writeFileSync(join(place, "tsconfig.json"), JSON.stringify({ compilerOptions, files: Object.keys(files) }));
      const out = await promisify(execFile)(process.execPath, [tsc, "-p", place], { cwd: place }).then(
        ({ stdout }) => stdout,
        (error: { readonly stdout: string }) => error.stdout,
      );
      expect(out).toBe("");
    });
  }
});

import { execFileSync } from "node:child_process";
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, it } from "vitest";
import { writeOnnx } from "../../src/onnx/writer";
import { yoloV8 } from "../detect/networks";
import { graphOf, ints, randomFloats, randomIntegers } from "../graph/build";
import { attending } from "../hostile/small-networks";
import { volumes } from "./sandbox";

const folder = "docs/api";

/** Every page of a folder by its name. */
function pages(root: string): Map<string, string> {
  const names = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".md"));
  return new Map(names.sort().map((name) => [name, readFileSync(join(root, name), "utf8")]));
}

describe("docs/api", () => {
  it("is what the docstrings say (npm run docs writes it)", () => {
    const fresh = mkdtempSync(join(tmpdir(), "seethrough-docs-"));
    execFileSync("node_modules/.bin/typedoc", ["--out", fresh, "--logLevel", "Error"]);
    const [written, generated] = [pages(folder), pages(fresh)];
    expect([...written.keys()]).toEqual([...generated.keys()]);
    for (const [name, text] of generated) expect(written.get(name), name).toBe(text);
  });

  it("has examples that run", () => {
    const examples = [...pages(folder)].flatMap(([name, text]) =>
      [...text.matchAll(/#+ Example\n\n```ts\n([\s\S]+?)```/g)].map(([, code]) => ({ name, code })),
    );
    expect(examples.length).toBeGreaterThan(15);
    const place = mkdtempSync(join(tmpdir(), "seethrough-examples-"));
    copyFileSync("models/petshop.onnx", join(place, "model.onnx"));
    copyFileSync("models/petshop-flatten.onnx", join(place, "flatten.onnx"));
    copyFileSync("examples/images/scene-cat-00.png", join(place, "photo.png"));
    copyFileSync("examples/images/scene-cat-00.png", join(place, "photo.jpg"));
    writeFileSync(join(place, "segmenter.onnx"), writeOnnx(segmenter));
    writeFileSync(join(place, "generator.onnx"), writeOnnx(generator));
    writeFileSync(join(place, "transformer.onnx"), attending);
    writeFileSync(join(place, "volumes.onnx"), writeOnnx(volumes()));
    writeFileSync(join(place, "detector.onnx"), yoloV8(0));
    copyFileSync("models/petshop-detector.onnx", join(place, "animals.onnx"));
    writeFileSync(join(place, "examples.mjs"), program(examples));
    const output = execFileSync("node", ["examples.mjs"], { cwd: place, encoding: "utf8" });
    expect(output.trim().split("\n").slice(-1)).toEqual([`${examples.length} examples ran`]);
  });
});

/** Pages whose examples speak of another network than the embedded classifier. */
const settings: Readonly<Record<string, string>> = {
  "functions/classMap.md": "const model = segmenter; const image = segmenterInput;",
  "functions/mergeAudits.md": `const parts = [JSON.stringify(await seethrough.audit(model, [{ id: "a", image }]))];`,
  "functions/poolingPicture.md": "const input = tensor;",
  "functions/attentionMaps.md": `const model = await seethrough.loadModel("transformer.onnx");`,
  "functions/attentionRelevance.md": `const model = await seethrough.loadModel("transformer.onnx", { labels: ["cat", "dog", "owl"] });`,
  "functions/attentionRollout.md": `const model = await seethrough.loadModel("transformer.onnx");`,
  "functions/boxEvidence.md": `const model = await seethrough.loadModel("animals.onnx");`,
  "functions/classProbabilityMap.md": `const model = await seethrough.loadModel("detector.onnx");`,
  "functions/drawDetections.md": `const model = await seethrough.loadModel("detector.onnx");`,
  "functions/montage.md": `const model = await seethrough.loadModel("volumes.onnx");
    const scan = new seethrough.Tensor(Float32Array.from({ length: 768 }, (_, i) => Math.sin(i)), [1, 1, 12, 8, 8]);`,
  "functions/dRise.md": `const model = await seethrough.loadModel("detector.onnx");`,
  "functions/detect.md": `const model = await seethrough.loadModel("detector.onnx");`,
  "functions/toCamModel.md": `
      const model = await seethrough.loadModel("flatten.onnx");
      const images = Array.from({ length: 10 }, (_, i) => ({ image: seethrough.cropImage(image, { x: i, y: i, width: 48, height: 48 }), label: i % 2 }));`,
  "functions/signalPlot.md": `
      const model = await seethrough.loadModel(${JSON.stringify(resolve("examples/signal/beats.onnx"))});
      const signal = new seethrough.Tensor(Float32Array.from({ length: 256 }, (_, i) => Math.sin(i / 9)), [1, 1, 256]);`,
  "interfaces/Model.md": "const model = generator; const [latent] = latents;",
};

/** All examples as one module; each sees the public names and what a reader would have at hand. */
function program(examples: readonly { readonly name: string; readonly code: string }[]): string {
  const [library, pool] = ["index.js", "pool.js"].map((file) => pathToFileURL(`dist/${file}`).href);
  const blocks = examples.map(
    ({ name, code }) => `
    await (async () => {
      ${settings[name] ?? ""}
      { ${code} }
    })().catch((error) => { throw new Error("${name}", { cause: error }); });`,
  );
  return `
    import { readFile, writeFile } from "node:fs/promises";
    import * as library from "${library}";
    import * as pool from "${pool}";
    const seethrough = { ...library, ...pool };
    const { ${publicNames(examples)} } = seethrough;
    const bytes = await readFile("model.onnx");
    const draw = () => {};
    const model = await seethrough.loadModel(bytes);
    const { labels } = model;
    const image = await seethrough.decodeImage(await readFile("photo.png"));
    const [cat, photo, target] = [image, image, "cat"];
    const classifier = model;
    const images = [{ id: "photo.png", image }];
    const tensor = new seethrough.Tensor(Float32Array.from({ length: 32 }, (_, i) => i % 5), [1, 4, 4, 2]);
    const { pooled, switches } = await seethrough.maxPool(tensor, { kernel: 2 });
    const result = await seethrough.topActivations(model, images, { layer: model.layers[0].name });
    const parts = [JSON.stringify(result)];
    const attribution = await seethrough.gradCam(model, image);
    const segmenter = await seethrough.loadModel("segmenter.onnx");
    const segmenterInput = new seethrough.Tensor(Float32Array.from({ length: 192 }, (_, i) => Math.sin(i)), [1, 8, 8, 3]);
    const generator = await seethrough.loadModel("generator.onnx");
    const latents = seethrough.randomLatents(generator, { samples: 8 });
    const mask = new Uint8Array(64).fill(1, 0, 8);
    ${blocks.join("\n")}
    console.log("${examples.length} examples ran");
  `;
}

/** The public functions and classes that the examples mention. */
function publicNames(examples: readonly { readonly code: string }[]): string {
  const all = readFileSync("docs/api/README.md", "utf8").matchAll(/\[(\w+)\]\((?:functions|classes|variables)\//g);
  const text = examples.map(({ code }) => code).join("\n");
  return [...all].flatMap(([, name]) => (new RegExp(`\\b${name}\\b`).test(text) ? name : [])).join(", ");
}

const random = randomIntegers(5);

/** Eight classes on an 8×8 map. */
const segmenter = graphOf({
  inputs: { x: [1, 3, 8, 8] },
  constants: { w1: randomFloats(random, [4, 3, 3, 3]), w2: randomFloats(random, [8, 4, 1, 1]) },
  nodes: [
    ["Conv", ["x", "w1"], ["c1"], { pads: [1, 1, 1, 1] }],
    ["Relu", ["c1"], ["r1"]],
    ["Conv", ["r1", "w2"], ["y"]],
  ],
});

/** A latent of four numbers to an 8×8 picture. */
const generator = graphOf({
  inputs: { z: [1, 4] },
  constants: {
    w1: randomFloats(random, [4, 32]),
    shape: ints(1, 8, 2, 2),
    w2: randomFloats(random, [8, 8, 2, 2]),
    w3: randomFloats(random, [8, 8, 2, 2]),
    w4: randomFloats(random, [1, 8, 1, 1]),
  },
  nodes: [
    ["MatMul", ["z", "w1"], ["dense"]],
    ["Reshape", ["dense", "shape"], ["maps"]],
    ["ConvTranspose", ["maps", "w2"], ["deconv2"], { strides: [2, 2] }],
    ["Relu", ["deconv2"], ["relu2"]],
    ["ConvTranspose", ["relu2", "w3"], ["deconv3"], { strides: [2, 2] }],
    ["Relu", ["deconv3"], ["relu3"]],
    ["Conv", ["relu3", "w4"], ["y"]],
  ],
});

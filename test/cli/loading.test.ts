/** Every command that loads a network takes what loading may need: a size that the file leaves open, the layer before an ending. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { decodeImage, encodePng, loadModel } from "../../src/index";
import { writeOnnx } from "../../src/onnx/writer";
import { hostFuses } from "../fused/host";

import { graphOf, ints, randomFloats, randomIntegers } from "../graph/build";
import { describeShared, readSharedJson, sharedPath } from "../shared-folder";
import { run } from "./run";

const folder = mkdtempSync(join(tmpdir(), "seethrough-"));
afterAll(() => rmSync(folder, { recursive: true }));
const place = (name: string): string => join(folder, name);

const side = 16;
const picture = place("picture.png");
beforeAll(async () => {
  const data = Uint8Array.from({ length: side * side * 3 }, (_, i) => {
    const [c, w, h] = [i % 3, Math.floor(i / 3) % side, Math.floor(i / 3 / side)];
    return (17 * w + 31 * h + 71 * c + 23 * ((w >> 2) ^ (h >> 2))) % 256;
  });
  writeFileSync(picture, await encodePng({ data, width: side, height: side }));
});

/** The words of each command for a network, but for the model itself where that is a flag. */
const commands = (model: string): readonly (readonly [name: string, words: readonly string[]])[] => [
  ["inspect", ["inspect", model, "--json"]],
  ["explain", ["explain", picture, "--model", model, "--json"]],
  ["evaluate", ["evaluate", picture, "--model", model, "--methods", "saliency", "--json"]],
  ["search", ["search", folder, "--model", model, "--layer", "c", "--json"]],
  ["project", ["project", picture, "--model", model, "--layer", "c", "--json"]],
  ["visualize", ["visualize", "--model", model, "--target", "1", "--steps", "2", "--json"]],
  ["to-cam", ["to-cam", model, "--out", place("cam.onnx"), "--json"]],
];

/** Maps, a dense layer over all of them, and what follows. */
const network = (extent: number | null, ending: "ArgMax" | "TopK" | "none"): Uint8Array => {
  const random = randomIntegers(7);
  const nodes: Parameters<typeof graphOf>[0]["nodes"] = [
    ["Conv", ["x", "w"], ["c"], { pads: [1, 1, 1, 1] }],
    ["Relu", ["c"], ["r"]],
    ["MaxPool", ["r"], ["p"], { kernel_shape: [8, 8], strides: [8, 8] }],
    ["Flatten", ["p"], ["f"]],
    ["Gemm", ["f", "v"], ["scores"]],
  ];
  const ends: typeof nodes =
    ending === "ArgMax"
      ? [["ArgMax", ["scores"], ["best"], { axis: 1 }]]
      : [["TopK", ["scores", "k"], ["best", "where"], { axis: 1 }]];
  return writeOnnx(
    graphOf({
      inputs: { x: ["batch", 3, extent, extent] },
      constants: { w: randomFloats(random, [8, 3, 3, 3]), v: randomFloats(random, [32, 5]), k: ints(2) },
      nodes: ending === "none" ? nodes : [...nodes, ...ends],
      outputs: ending === "none" ? ["scores"] : ["best"],
    }),
  );
};

describe("a size that the file leaves open", () => {
  const model = place("open.onnx");
  beforeAll(() => writeFileSync(model, network(null, "none")));

  for (const [name, words] of commands(model)) {
    it(`${name} asks for --input-shape, and takes it`, async () => {
      const without = await run(...words);
      expect(without).toMatchObject({ code: 1, out: "" });
      expect(without.err).toContain("Pass --input-shape, for example --input-shape 1,3,224,224.");
      expect(without.err).not.toContain("inputShape");
      const { code, out, err } = await run(...words, "--input-shape", "1,3,16,16");
      expect({ code, err }).toMatchObject({ code: 0 });
      expect(JSON.parse(out)).toBeTypeOf("object");
    });
  }

  it("a shape that does not fit is refused in the same words", async () => {
    const [, words] = commands(model)[1];
    const wrong = await run(...words, "--input-shape", "1,4,16,16");
    expect(wrong).toMatchObject({ code: 1, err: expect.stringContaining("--input-shape is 1,4,16,16") });
    expect((await run(...words, "--input-shape", "16x16")).code).toBe(2);
  });
});

describe("what Hugging Face says of a network", () => {
  const model = place("hub.onnx");
  beforeAll(() => writeFileSync(model, network(null, "none")));

  it("--config takes its files, one after the other", async () => {
    const names = ["a", "b", "c", "d", "e"];
    writeFileSync(place("names.json"), JSON.stringify({ id2label: names }));
    writeFileSync(
      place("pixels.json"),
      JSON.stringify({ size: side, image_mean: [0.5, 0.5, 0.5], image_std: [1, 1, 1] }),
    );
    const words = ["explain", picture, "--model", model, "--json"];
    const { code, out, err } = await run(...words, "--config", place("names.json"), "--config", place("pixels.json"));
    expect({ code, err }).toMatchObject({ code: 0 });
    expect(err).not.toContain("normalisation-assumed");
    expect(names).toContain(JSON.parse(out).predictions[0].label);
    writeFileSync(place("wrong.json"), JSON.stringify({ id2label: { "0": 5 } }));
    const wrong = await run(...words, "--config", place("wrong.json"));
    expect(wrong).toMatchObject({ code: 1, err: expect.stringContaining("--config: id2label must give a text") });
    const absent = await run(...words, "--config", place("labels.txt"));
    expect(absent).toMatchObject({ code: 1, err: expect.stringContaining("labels.txt") });
  });
});

describe("a place of an output map", () => {
  const model = place("maps.onnx");
  beforeAll(() => writeFileSync(model, network(side, "none")));

  it("--position explains it, with the channel's number", async () => {
    const words = ["explain", picture, "--model", model, "--output", "r", "--method", "saliency", "--json"];
    const { code, out, err } = await run(...words, "--target", "3", "--position", "4,5");
    expect({ code, err }).toMatchObject({ code: 0 });
    const [{ target }] = JSON.parse(out).explanations;
    using loaded = await loadModel(readFileSync(model), { output: "r" });
    const { output } = await loaded.run(await decodeImage(picture));
    expect(target).toMatchObject({ index: 3, score: output.data[(4 * side + 5) * 8 + 3] });
    for (const more of [[], ["--target", "cat"]]) {
      const refused = await run(...words, ...more, "--position", "4,5");
      expect(refused).toMatchObject({ code: 1, err: expect.stringContaining("--target 0 for the first") });
    }
    const outside = await run(...words, "--target", "3", "--position", "40,5");
    expect(outside).toMatchObject({ code: 1, err: expect.stringContaining("rows 0 to 15") });
    expect((await run(...words, "--target", "3", "--position", "x")).code).toBe(2);
  });
});

describe("an ending of integers", () => {
  for (const ending of ["ArgMax", "TopK"] as const) {
    const model = place(`${ending}.onnx`);
    beforeAll(() => writeFileSync(model, network(side, ending)));

    it(`${ending}: the message names --output, and with it every command goes on`, async () => {
      for (const [name, words] of commands(model)) {
        const without = await run(...words);
        expect(without, name).toMatchObject({ code: 1, out: "" });
        expect(without.err).toContain("--output");
        expect(without.err).not.toMatch(/\boption\b/);
        const { code, out, err } = await run(...words, "--output", "scores");
        expect({ name, code, err }).toMatchObject({ name, code: 0 });
        expect(JSON.parse(out)).toBeTypeOf("object");
      }
    });
  }

  it("explains the scores that the library has", async () => {
    const [, words] = commands(place("TopK.onnx"))[1];
    const { predictions } = JSON.parse((await run(...words, "--output", "scores")).out);
    const model = await loadModel(network(side, "none"));
    const image = await decodeImage(new Uint8Array(readFileSync(picture)));
    expect(predictions).toEqual(await model.predict(image));
  });
});

it("memory: a limit that is too low is refused by the flags that help, and --memory low is one", async () => {
  const words = ["explain", "examples/images/scene-cat-00.png", "--json"];
  const tight = await run(...words, "--max-memory", "300K");
  expect(tight).toMatchObject({ code: 1, out: "" });
  expect(tight.err).toMatch(
    /Raise --max-memory, load the model with --memory low, or use a smaller --input-shape\.\n$/,
  );
  const low = await run(...words, "--memory", "low", "--max-memory", "64M");
  expect(low.code).toBe(0);
  expect((await run(...words, "--max-memory", "lots")).code).toBe(2);
});

it("--arithmetic chooses the kernels, and the recipe says which ran", async () => {
  const words = ["explain", "examples/images/scene-cat-00.png", "--method", "saliency", "--json"];
  const fastest = await run(...words, "--arithmetic", "fastest");
  const [{ recipe, notes }] = JSON.parse(fastest.out).explanations;
  expect(recipe.arithmetic).toBe(hostFuses ? "fused" : "plain");
  expect(notes.map(({ code }: { code: string }) => code)).toEqual(hostFuses ? [] : ["plain-arithmetic"]);
  const fused = await run(...words, "--arithmetic", "fused");
  if (hostFuses) expect(fused).toMatchObject({ code: 0, out: fastest.out });
  else {
    expect(fused).toMatchObject({ code: 1, out: "" });
    expect(fused.err).toMatch(/relaxed SIMD.* Load with --arithmetic plain or --arithmetic fastest, which fuses where/);
  }
  expect((await run(...words, "--arithmetic", "quick")).code).toBe(2);
});

it("--channels says in which order the network takes colours", async () => {
  const words = ["explain", "examples/images/scene-cat-00.png", "--json"];
  const score = async (...more: string[]): Promise<number> =>
    JSON.parse((await run(...words, "--target", "cat", ...more)).out).explanations[0].target.score;
  expect(await score("--channels", "bgr")).not.toBe(await score("--channels", "rgb"));
});

describeShared("a classifier of any size", () => {
  it("has the scores of onnxruntime", async () => {
    const model = sharedPath("cases/open-size/model.onnx");
    const { logits } = readSharedJson<{ logits: number[] }>("cases/open-size/expected.json");
    const { code, out } = await run("explain", picture, "--model", model, "--input-shape", "1,3,16,16", "--json");
    expect(code).toBe(0);
    for (const { index, score } of JSON.parse(out).predictions as { index: number; score: number }[]) {
      expect(Math.abs(score - logits[index])).toBeLessThan(1e-5);
    }
  });
});

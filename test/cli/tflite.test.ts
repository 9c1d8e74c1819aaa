/** A `.tflite` file is a model of every command, as deployed and as real numbers. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { encodePng } from "../../src/index";
import { describeShared, sharedPath } from "../shared-folder";
import { liteFile } from "../tflite/lite-file";
import { smallLiteFile, wave } from "../tflite/small-file";
import { run } from "./run";

const folder = mkdtempSync(join(tmpdir(), "seethrough-"));
const place = (name: string): string => join(folder, name);
afterAll(() => rmSync(folder, { recursive: true }));

const [int8, float] = [place("int8.tflite"), place("float.tflite")];
const pictures = place("pictures");

beforeAll(async () => {
  mkdirSync(pictures);
  for (const [i, name] of ["a.png", "b.png"].entries()) {
    const data = Uint8Array.from(wave(6 * 6 * 3, i + 3), (value) => Math.round(127 + 120 * value));
    writeFileSync(join(pictures, name), await encodePng({ data, width: 6, height: 6 }));
  }
  writeFileSync(int8, smallLiteFile("int8"));
  writeFileSync(float, smallLiteFile("float"));
});

/** What a command prints as JSON. */
async function json(...words: readonly string[]): Promise<Record<string, unknown>> {
  const { code, out, err } = await run(...words, "--json");
  expect(code, err).toBe(0);
  return JSON.parse(out);
}

interface Explained {
  readonly explanations: readonly { readonly notes: readonly { readonly code: string; readonly message: string }[] }[];
}

const said = (found: Record<string, unknown>): string =>
  (found as unknown as Explained).explanations[0].notes.find(({ code }) => code === "quantised")?.message ?? "";

it("explain says of a picture how far the readings are apart, in both", async () => {
  const scores = [];
  for (const reading of ["deployed", "float"]) {
    const words = ["explain", join(pictures, "a.png"), "--model", int8, "--method", "saliency", "--quantized", reading];
    const found = await json(...words, "--target", "1");
    scores.push(/the score is (\S+) as deployed and (\S+) without rounding/.exec(said(found))?.slice(1));
  }
  expect(scores[0]).toHaveLength(2);
  expect(scores[1]).toEqual(scores[0]);
});

it("inspect counts a quarter of the memory for weights of bytes", async () => {
  const count = 8 * 8 * 3 * 2048;
  const scale = new Array<number>(2048).fill(0.01);
  const of = (isInteger: boolean): Uint8Array => {
    const grid = (name: string, shape: readonly number[]) =>
      isInteger ? ({ name, shape, type: "int8", scale: [0.1], zero: [0] } as const) : { name, shape };
    const data = wave(count, 1);
    const filter = isInteger
      ? ({ type: "int8", data: Int8Array.from(data, (v) => v * 127), scale, zero: scale.map(() => 0) } as const)
      : { data: Float32Array.from(data) };
    return liteFile({
      tensors: [grid("x", [1, 8, 8, 3]), { name: "w", shape: [2048, 8, 8, 3], ...filter }, grid("y", [1, 1, 1, 2048])],
      operators: [
        {
          ...{ op: "CONV_2D", inputs: ["x", "w"], outputs: ["y"] },
          options: { 0: ["byte", 1], 1: ["int", 1], 2: ["int", 1], 3: ["byte", 0], 4: ["int", 1], 5: ["int", 1] },
        },
      ],
      ...{ inputs: ["x"], outputs: ["y"] },
    });
  };
  const [bytes, floats] = await Promise.all(
    [true, false].map(async (isInteger) => {
      const file = place(`large-${isInteger}.tflite`);
      writeFileSync(file, of(isInteger));
      const { peakBytes } = await json("inspect", file);
      return (peakBytes as { forward: number }).forward;
    }),
  );
  expect(floats).toBeGreaterThan(4 * count);
  expect(bytes / floats).toBeLessThan(0.3);
});

it("evaluate and compare take the file, the two readings and both networks", async () => {
  const judged = await json("evaluate", join(pictures, "a.png"), "--model", int8, "--methods", "saliency");
  expect(JSON.stringify(judged)).toMatch(/insertion/);
  const compared = await json(
    "compare",
    pictures,
    "--models",
    `${int8},${float}`,
    "--range",
    "-2..1.984375",
    "--method",
    "saliency",
  );
  expect((compared.images as readonly { id: string }[]).map(({ id }) => id).sort()).toEqual(["a.png", "b.png"]);
});

it("a file that is cut off is refused by name", async () => {
  const cut = place("cut.tflite");
  writeFileSync(cut, smallLiteFile("int8").slice(0, 900));
  const { code, err } = await run("inspect", cut);
  expect(code).not.toBe(0);
  expect(err).toMatch(/^seethrough: The TensorFlow Lite file is damaged or cut off: .* the file has 900/);
});

describeShared("MediaPipe's face detector", () => {
  it("finds the photographer's face", async () => {
    const words = ["detect", sharedPath("images/camera.png"), "--range", "-1..1", "--fit", "pad", "--threshold", "0.5"];
    const found = await json(...words, "--model", sharedPath("models/deployed/face_detection_short_range.tflite"));
    expect(JSON.stringify(found)).toMatch(/"score":0\.[5-9]/);
  });
});

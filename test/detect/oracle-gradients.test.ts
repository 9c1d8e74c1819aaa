/** The gradient of one box's score, element by element, as a float64 interpreter has it: a network of each family (oracle-gradients.py). */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { type DetectorHeadOption, detect, loadModel, saliency, type Tensor } from "../../src/index";
import * as networks from "./networks";
import { topClasses } from "./picking-networks";
import { querySelection } from "./query-selection";
import { randomPicture } from "./random-picture";

/** An element of an output as the file has it, and whether it is a probability. */
type Term = readonly [value: string, at: number, logit: boolean, weight?: number];

interface Family {
  readonly file: Uint8Array;
  readonly side?: number;
  readonly head?: Partial<DetectorHeadOption>;
  /** How many candidates the map of the smallest stride has: their kernels are small. */
  readonly near: number;
  /** Of networks in which every pixel counts: every so manieth element of the gradient is compared. */
  readonly sampled?: number;
  readonly of?: "left" | "bottom";
  /** What the score of a candidate and a class is the sum of. */
  readonly terms: (anchor: number, index: number) => readonly Term[];
}

const priors = [
  [10, 13, 16, 30, 33, 23],
  [30, 61, 62, 45, 59, 119],
  [116, 90, 156, 198, 373, 326],
] as const;

const columns = (anchor: number, index: number): Term[] => [["output0", (4 + index) * 84 + anchor, true]];
const rows = (anchor: number, index: number): Term[] => [
  ["output", anchor * 8 + 4, true],
  ["output", anchor * 8 + 5 + index, true],
];

const families: Readonly<Record<string, Family>> = {
  "yolo-v5": { file: networks.yoloV5, near: 64, terms: rows },
  "yolo-v8": { file: networks.yoloV8(0), near: 64, terms: columns },
  "yolo-v11 with its distances": { file: networks.yoloV11, near: 64, terms: columns },
  "yolo-v10": { file: topClasses, near: 64, terms: (anchor, index) => [["scores", anchor * 3 + index, true]] },
  "-pose": { file: networks.yoloPose, near: 64, terms: columns },
  yolox: { file: networks.yolox, near: 64, terms: rows },
  nanodet: { file: networks.nanodet, near: 64, terms: (anchor, index) => [["output", anchor * 35 + index, true]] },
  "fastest-det": {
    file: networks.fastestDet,
    near: 64,
    terms: (anchor, index) => [
      ["output", anchor, true, 0.6],
      ["output", (5 + index) * 64 + anchor, true, 0.4],
    ],
  },
  "raw YOLO": {
    file: networks.rawYolo,
    head: { anchors: priors },
    near: 192,
    terms: (anchor, index) =>
      [4, 5 + index].map((k) => ["p8", (Math.floor(anchor / 64) * 8 + k) * 64 + (anchor % 64), false] as const),
  },
  UltraFace: { file: networks.ultraFace, near: 192, terms: (anchor) => [["c", anchor * 2 + 1, false]] },
  RetinaFace: { file: networks.retinaFace, near: 128, terms: (anchor) => [["c2", anchor * 2 + 1, false]] },
  CenterNet: { file: networks.centernet, near: 256, terms: (anchor, index) => [["hm", index * 256 + anchor, true]] },
  DETR: { file: networks.detr, near: 64, terms: (anchor, index) => [["logits", anchor * 4 + index, false]] },
  "RT-DETR": {
    file: networks.rtDetr,
    side: 128,
    near: 256,
    terms: (anchor, index) => [["logits", anchor * 3 + index, false]],
  },
  "queries by GatherElements": {
    file: querySelection("elements"),
    near: 6,
    sampled: 29,
    terms: (anchor, index) => [["logits", anchor * 3 + index, false]],
  },
  "queries by GatherND": {
    file: querySelection("pairs"),
    near: 6,
    sampled: 29,
    of: "left",
    terms: (anchor) => [
      ["pred_boxes", anchor * 4, false, 64],
      ["pred_boxes", anchor * 4 + 2, false, -32],
    ],
  },
  "queries by a quotient of integers": {
    file: querySelection("quotient"),
    near: 6,
    sampled: 29,
    of: "bottom",
    terms: (anchor) => [
      ["pred_boxes", anchor * 4 + 1, false, 64],
      ["pred_boxes", anchor * 4 + 3, false, 32],
    ],
  },
  BlazeFace: { file: networks.blazeFace, side: 128, near: 512, terms: (anchor) => [["classificators", anchor, false]] },
};

const picture = (side: number): Tensor => randomPicture(side, 21);

interface Golden {
  readonly anchor: number;
  readonly index: number;
  readonly score: number;
  readonly place?: readonly [top: number, left: number, size: number];
  readonly sampled?: number;
  readonly gradient: readonly number[];
}

const asked = process.env.ORACLE_FOLDER;
const goldens: Record<string, Golden> = asked
  ? {}
  : JSON.parse(readFileSync("test/detect/oracle-gradients.json", "utf8"));

/** The best box of the map with the smallest kernels. */
async function question({ file, side = 64, head, near }: Family) {
  const model = await loadModel(file);
  const x = picture(side);
  const found = await detect(model, x, { threshold: 0, iou: 1, top: 2000, ...(head && { head }) });
  const detection = found.find(({ anchor }) => anchor < near);
  if (!detection) throw new Error("there is no such box");
  return { model, x, detection, side };
}

const write = (): void =>
  it("writes what the oracle is asked", async () => {
    const folder = asked ?? "";
    mkdirSync(folder, { recursive: true });
    const all: Record<string, unknown> = {};
    for (const [name, family] of Object.entries(families)) {
      const { x, detection, side } = await question(family);
      const { anchor, index } = detection;
      const key = name.replace(/\W/g, "-");
      writeFileSync(join(folder, `${key}.onnx`), family.file);
      writeFileSync(join(folder, `${key}.bin`), new Uint8Array(x.toNCHW().buffer));
      const terms = family.terms(anchor, index).map(([value, at, logit, weight = 1]) => ({ value, at, logit, weight }));
      all[name] = {
        file: `${key}.onnx`,
        input: `${key}.bin`,
        side,
        anchor,
        index,
        terms,
        sampled: family.sampled ?? 0,
      };
    }
    writeFileSync(join(folder, "asked.json"), JSON.stringify(all));
  });

const compare = (): void =>
  it.each(Object.entries(families))("%s", async (name, family) => {
    const { model, x, detection, side } = await question(family);
    const golden = goldens[name];
    expect([detection.anchor, detection.index]).toEqual([golden.anchor, golden.index]);
    const { values, target } = await saliency(model, x, { target: { detection, of: family.of ?? "score" } });
    expect(Math.abs(target.score - golden.score)).toBeLessThan(1e-5 * Math.max(1, Math.abs(golden.score)));
    const gradient = values.toNCHW();
    const largest = Math.max(...golden.gradient.map(Math.abs));
    const { sampled } = golden;
    if (sampled !== undefined) {
      const apart = golden.gradient.map((value, i) => Math.abs(value - gradient[i * sampled]));
      expect(largest).toBeGreaterThan(1e-4);
      expect(Math.max(...apart) / largest).toBeLessThan(2e-5);
      return;
    }
    const [top, left, size] = golden.place ?? [0, 0, 0];
    let [worst, outside] = [0, 0];
    for (let channel = 0; channel < 3; channel++) {
      for (let y = 0; y < side; y++) {
        for (let column = 0; column < side; column++) {
          const own = gradient[(channel * side + y) * side + column];
          const [row, place] = [y - top, column - left];
          if (row < 0 || row >= size || place < 0 || place >= size) outside = Math.max(outside, Math.abs(own));
          else worst = Math.max(worst, Math.abs(own - golden.gradient[(channel * size + row) * size + place]));
        }
      }
    }
    expect(outside).toBe(0);
    // Slopes of a probability's logarithm lose what float32 does where the network is nearly certain.
    expect(worst / largest).toBeLessThan(2e-5);
  });

if (asked === undefined) compare();
else write();

/** Files that pick among their candidates by TopK or NonMaxSuppression: what detect finds is what onnxruntime finds with the whole file. */
import * as ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { detect, gradCam, loadModel, rise, saliency, type Tensor } from "../../src/index";
import * as networks from "./picking-networks";
import { randomPicture } from "./random-picture";
import { centred, cornersOf, iou, type PlainBox } from "./reference";

const side = 64;

const picture = (seed: number): Tensor => randomPicture(side, seed);

const x = picture(9);

/** What onnxruntime gives for the whole file. */
async function whole(file: Uint8Array): Promise<Record<string, { dims: readonly number[]; data: number[] }>> {
  const session = await ort.InferenceSession.create(file, { logSeverityLevel: 4 });
  const [first, second] = session.inputNames;
  const isLast = file === networks.topFirst;
  const feed = new ort.Tensor(
    "float32",
    isLast ? x.data : x.toNCHW(),
    isLast ? [1, side, side, 3] : [1, 3, side, side],
  );
  const results = await session.run({
    [first]: feed,
    ...(second && { [second]: new ort.Tensor("float32", Float32Array.of(side, side), [1, 2]) }),
  });
  await session.release();
  return Object.fromEntries(
    Object.entries(results).map(([name, { dims, data }]) => [
      name,
      { dims, data: Array.from(data as ArrayLike<number | bigint>, Number) },
    ]),
  );
}

type Box = PlainBox["box"];

interface Kind {
  readonly file: Uint8Array;
  /** What cuts, as the note has it. */
  readonly ops: string;
  readonly box?: (numbers: readonly number[]) => Box;
  readonly least?: number;
}

const asItIs = ([left, top, right, bottom]: readonly number[]): Box => [left, top, right, bottom];

const kinds: Readonly<Record<string, Kind>> = {
  "YOLOv10, twice TopK": { file: networks.topClasses, ops: "TopK" },
  "NonMaxSuppression by class": { file: networks.suppressedByClass, ops: "NonMaxSuppression" },
  "NonMaxSuppression of centres": {
    file: networks.suppressedCentres,
    ops: "NonMaxSuppression",
    box: ([a, b, c, d]) => centred(a, b, c, d),
  },
  "the best class, boxes of classes moved apart": {
    file: networks.suppressedMovedApart,
    ops: "ArgMax, NonMaxSuppression",
  },
  "the best class, any class suppresses": {
    file: networks.suppressedAcrossClasses,
    ops: "ArgMax, NonMaxSuppression",
  },
  "top before left, shares of the picture": {
    file: networks.topFirst,
    ops: "NonMaxSuppression",
    box: ([top, left, bottom, right]) => [left * side, top * side, right * side, bottom * side],
  },
  "RT-DETR with the picture's size": { file: networks.rtDetr, ops: "TopK" },
  "DETR by ArgMax": { file: networks.detr, ops: "ArgMax" },
  "queries gathered before they are corners": { file: networks.queriesFirst, ops: "TopK" },
};

/** Boxes, scores and classes of all that is left, best first. */
async function picked({ file, box = asItIs }: Kind): Promise<PlainBox[]> {
  const outputs = await whole(file);
  const rows: PlainBox[] = outputs.output0
    ? Array.from({ length: outputs.output0.dims[1] }, (_, i) => {
        const row = outputs.output0.data.slice(6 * i, 6 * i + 6);
        return { box: box(row), score: row[4], index: row[5] };
      })
    : outputs.keptScores.data.map((score, i) => ({
        box: box(outputs.boxes.data.slice(4 * i, 4 * i + 4)),
        score,
        index: outputs.labels.data[i],
      }));
  return rows.sort((a, b) => b.score - a.score);
}

describe.each(Object.entries(kinds))("%s", (_, kind) => {
  it("finds what onnxruntime finds with the whole file", async () => {
    const expected = await picked(kind);
    expect(expected.length).toBeGreaterThan(5);
    using model = await loadModel(kind.file);
    const found = await detect(model, x, { threshold: 0, top: 1000 });
    expect(found).toHaveLength(expected.length);
    found.forEach((each, i) => {
      expect(each.index).toBe(expected[i].index);
      expect(Math.abs(each.score - expected[i].score)).toBeLessThan(1e-5);
      expect(iou(cornersOf(each), expected[i].box)).toBeGreaterThan(0.999);
    });
    // More than one class is found, else nothing is said about classes.
    expect(new Set(found.map(({ index }) => index)).size).toBeGreaterThan(1);
  });

  it("says where it was cut, and every found box is a target", async () => {
    using model = await loadModel(kind.file);
    const note = model.notes.find(({ code }) => code === "post-processing-cut");
    expect(note?.message).toMatch(new RegExp(`^The file ends in ${kind.ops} \\(from "\\w+" on\\)`));
    const [best] = await detect(model, x, { threshold: 0 });
    const { values, target } = await saliency(model, x, { target: { detection: best } });
    expect(values.data.some((value) => value !== 0)).toBe(true);
    if (kind.ops !== "ArgMax") expect(target.score).toBeCloseTo(Math.log(best.score / (1 - best.score)), 3);
    for (const of of ["left", "top", "right", "bottom"] as const) {
      const edge = await saliency(model, x, { target: { detection: best, of } });
      expect(edge.target.score).toBeCloseTo(cornersOf(best)[["left", "top", "right", "bottom"].indexOf(of)], 3);
    }
    const [map, followed] = [
      await gradCam(model, x, { target: { detection: best } }),
      await rise(model, x, { target: { detection: best }, masks: 2, seed: 1 }),
    ];
    expect(map.values.shape).toHaveLength(4);
    expect(followed.target.score).toBeCloseTo(best.score, 5);
  });
});

it("rows that are gathered whole are a YOLO's, suppressed as the file does it", async () => {
  const { output0 } = await whole(networks.suppressedRows);
  const rows = Array.from({ length: output0.dims[1] }, (_, i) => output0.data.slice(8 * i, 8 * i + 8));
  using model = await loadModel(networks.suppressedRows);
  const found = await detect(model, x, { threshold: 0, top: 1000 });
  expect(found).toHaveLength(rows.length);
  expect(found[0].family).toBe("yolo-v5");
  found.forEach((each, i) => {
    const [a, b, c, d, object, ...scores] = rows[i];
    expect(each.score).toBeCloseTo(object * Math.max(...scores), 5);
    expect(iou(cornersOf(each), centred(a, b, c, d))).toBeGreaterThan(0.999);
  });
});

it("coefficients that are gathered with the boxes make masks", async () => {
  const { output0, output1 } = await whole(networks.topMasks);
  using model = await loadModel(networks.topMasks);
  const found = await detect(model, x, { threshold: 0 });
  expect(found).toHaveLength(50);
  for (const [i, each] of found.slice(0, 5).entries()) {
    const row = output0.data.slice(14 * i, 14 * i + 14);
    expect(iou(cornersOf(each), asItIs(row))).toBeGreaterThan(0.999);
    expect([each.score, each.index]).toEqual([expect.closeTo(row[4], 5), row[5]]);
    const { target } = await saliency(model, x, { target: { detection: each, of: "mask" } });
    let sum = 0;
    for (let y = 0; y < 16; y++) {
      for (let column = 0; column < 16; column++) {
        const [px, py] = [column * 4, y * 4];
        if (px < row[0] || px >= row[2] || py < row[1] || py >= row[3]) continue;
        for (let k = 0; k < 8; k++) sum += row[6 + k] * output1.data[k * 256 + y * 16 + column];
      }
    }
    expect(Math.abs(target.score - sum)).toBeLessThan(1e-3 * Math.max(1, Math.abs(sum)));
  }
});

it.each(["EfficientNMS_TRT", "BatchedNMS_TRT"] as const)("%s suppresses as NonMaxSuppression does", async (op) => {
  const expected = await picked(kinds["NonMaxSuppression by class"]);
  using model = await loadModel(networks.tensorRt(op));
  const found = await detect(model, x, { threshold: 0, top: 1000 });
  // Each class of that one has at most 20, all of them here 100.
  expect(found.length).toBeGreaterThanOrEqual(Math.min(100, expected.length));
  for (const { box, score, index } of expected) {
    expect(
      found.some(
        (each) => each.index === index && Math.abs(each.score - score) < 1e-5 && iou(cornersOf(each), box) > 0.999,
      ),
    ).toBe(true);
  }
  expect(model.notes.find(({ code }) => code === "post-processing-cut")?.message).toContain(
    `The file ends in ${op} (from "num_dets" on)`,
  );
  expect(model.notes.find(({ code }) => code === "post-processing-cut")?.message).toContain(
    "What is left out there by an overlap above 0.3 or a score up to 0.35, detect leaves out too.",
  );
});

it("what the file says can be said otherwise", async () => {
  using model = await loadModel(networks.suppressedByClass);
  const as = async (options: Parameters<typeof detect>[2]) =>
    (await detect(model, x, { top: 1000, ...options })).length;
  const usual = await as({ threshold: 0 });
  const free = { selection: {} };
  expect(await as({ threshold: 0, iou: 1, head: free })).toBeGreaterThan(await as({ threshold: 0, head: free }));
  expect(await as({ threshold: 0.6 })).toBeLessThan(usual);
  expect(await as({ threshold: 0, head: { selection: {} } })).toBeGreaterThan(usual);
  const refused = (selection: unknown) => detect(model, x, { head: { selection } as never });
  await expect(refused({ every: true })).rejects.toThrow('head.selection has no "every". Did you mean "everyClass"?');
  await expect(refused(3)).rejects.toThrow(/^head.selection must be \{ everyClass, iou, score/);
  await expect(refused({ top: 1.5 })).rejects.toThrow("head.selection.top");
  await expect(refused({ iou: "much" })).rejects.toThrow("head.selection.iou must be a number");
  await expect(refused({ everyClass: 1 })).rejects.toThrow("head.selection.everyClass must be true or false, got 1");
});

it("with output the file is read as it is, and what cannot run is named", async () => {
  await expect(loadModel(networks.topClasses, { output: "output0" })).rejects.toThrow(/TopK .* name the value before/);
});

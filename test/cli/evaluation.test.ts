import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "csv-parse/sync";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Judgement } from "../../src/cli/evaluation";
import { evaluationCsv } from "../../src/cli/evaluation-csv";
import { meansOf, measureColumns } from "../../src/cli/evaluation-measures";
import { type EvaluationRecord, openEvaluations } from "../../src/cli/evaluation-records";
import { evaluationText } from "../../src/cli/evaluation-table";
import { bootstrapInterval } from "../../src/index";

const judged = (name: string, at: number, more: Partial<Judgement> = {}): Judgement => ({
  name,
  deletion: { auc: at, curve: [at] },
  insertion: { auc: 1 - at, curve: [1 - at] },
  road: { percentiles: [50], mostRelevantFirst: [0], leastRelevantFirst: [at], combined: at / 2 },
  averageDrop: at / 4,
  increaseInConfidence: at > 0.25 ? 1 : 0,
  infidelity: at / 3,
  sparseness: at / 5,
  ...more,
});

const ofMethod = (at: number): Partial<Judgement> => ({
  adcc: { adcc: 1 - at, coherency: 0.75, complexity: 0.5 },
  maxSensitivity: at,
  randomLogit: { similarity: at - 0.5, passed: true, classes: [] },
  randomization: { similarity: at + 0.45, passed: at < 0.05, stages: [] },
});

const record = (image: string, at: number): EvaluationRecord => ({
  image,
  hasMask: false,
  missing: [],
  target: { index: 2, label: "cat", score: 4 },
  measure: "probability",
  probability: 0.9,
  methods: [judged("grad-cam", at, ofMethod(at))],
  controls: [judged("random", 0.5), judged("edge", 0.25), judged("centre", 0.25)],
});

const values = [0.1, 0.2, 0.4];
const records = values.map((at, i) => record(`${i}.png`, at));

describe("means over images", () => {
  it("have the interval of their values, measure by measure", () => {
    const [method, ...controls] = meansOf(records, 7);
    expect(method).toMatchObject({ name: "grad-cam", control: false });
    expect(controls.map(({ name, control }) => [name, control])).toEqual([
      ["random", true],
      ["edge", true],
      ["centre", true],
    ]);
    expect(method.means.deletion).toEqual({ ...bootstrapInterval(values, { seed: 7 }), images: 3 });
    const halves = values.map((at) => at / 2);
    expect(method.means.road).toEqual({ ...bootstrapInterval(halves, { seed: 7 }), images: 3 });
    expect(method.means.increaseInConfidence).toMatchObject({ mean: 1 / 3, images: 3 });
    const many = Array.from({ length: 12 }, (_, i) => record(`${i}.png`, (i * i) / 200));
    expect(meansOf(many, 8)[0].means.deletion).not.toEqual(meansOf(many, 7)[0].means.deletion);
    expect(meansOf(records.slice(0, 1), 0)[0].means.deletion).toEqual({ mean: 0.1, images: 1 });
    expect(Object.keys(controls[0].means)).toEqual([
      ...["deletion", "insertion", "road", "infidelity", "averageDrop", "increaseInConfidence", "sparseness"],
    ]);
  });

  it("count only the images that have the measure", () => {
    const { averageDrop: _, ...without } = records[2].methods[0];
    const means = meansOf([records[0], records[1], { ...records[2], methods: [without] }], 0);
    expect(means[0].means.averageDrop).toEqual({ ...bootstrapInterval([0.1 / 4, 0.2 / 4]), images: 2 });
  });

  it("stand in tables, one for each question, each above its interval", () => {
    const text = evaluationText("heading", records, { means: meansOf(records, 0), objects: 0 });
    const lines = text.split("\n");
    const cells = (line: string): string[] => line.trim().split(/ {2,}/);
    expect(cells(lines[2])).toEqual([
      ...["what the network needs", "deletion ↓", "insertion ↑", "ROAD ↑", "infidelity ↓", "drop ↓"],
      ...["increase ↑", "ADCC ↑"],
    ]);
    const { low, high } = bootstrapInterval(values);
    expect(cells(lines[3]).slice(0, 4)).toEqual(["grad-cam", "0.23", "0.77", "0.12"]);
    expect(cells(lines[3])[6]).toBe("1/3");
    expect(cells(lines[4])[0]).toBe(`${low.toFixed(2)}…${high.toFixed(2)}`);
    const map = lines.findIndex((line) => line.startsWith("the map itself"));
    expect(cells(lines[map])).toEqual([
      ...["the map itself", "sensitivity ↓", "sparseness", "another class ↓", "random weights ↓"],
    ]);
    expect(cells(lines[map + 1]).slice(-2)).toEqual(["−0.27", "0.68 ×"]);
    expect(text).not.toContain("where the object is");
    expect(text).not.toContain("−0.00");
    expect(text).toContain("Of fewer than 20 images that is too narrow.");
    expect(Math.max(...lines.map(({ length }) => length))).toBeLessThan(160);
    const alone = evaluationText("heading", records.slice(0, 1), {
      means: meansOf(records.slice(0, 1), 0),
      objects: 0,
    });
    expect(alone).not.toContain("…");
    expect(alone).not.toContain("bootstrap");
  });
});

describe("the table as CSV", () => {
  it("has a row for each image and map, with names as they are", () => {
    const images = [record('a, "b"\n.png', 0.1), record("=1+1.png", 0.2)];
    const rows: Record<string, string>[] = parse(evaluationCsv(images), { columns: true });
    expect(rows.map(({ image, method, control }) => [image, method, control]).slice(0, 5)).toEqual([
      ['a, "b"\n.png', "grad-cam", "no"],
      ['a, "b"\n.png', "random", "yes"],
      ['a, "b"\n.png', "edge", "yes"],
      ['a, "b"\n.png', "centre", "yes"],
      ["'=1+1.png", "grad-cam", "no"],
    ]);
    expect(rows[4]).toMatchObject({
      ...{ target: "cat", probability: "0.9", deletion: "0.2", road: "0.1", averageDrop: "0.05", adcc: "0.8" },
      ...{ coherency: "0.75", complexity: "0.5", hit: "", anotherClass: "-0.3" },
    });
    for (const { key } of measureColumns) expect(rows[0]).toHaveProperty(key);
  });
});

describe("what was judged", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "seethrough-"));
  });
  afterAll(() => rmSync(folder, { recursive: true }));
  const bytes = [Uint8Array.of(1, 2), Uint8Array.of(3)];
  const request = { methods: ["grad-cam"], seed: 0 };

  it("is found again, of the same files alone", async () => {
    const path = join(folder, "found.jsonl");
    const file = await openEvaluations(path, request);
    expect(file.find("0.png", bytes)).toBeUndefined();
    await file.add(records[0], bytes);
    await file.add(records[1], bytes);
    const again = await openEvaluations(path, request);
    expect(again.find("0.png", bytes)).toEqual(records[0]);
    expect(again.find("1.png", bytes)).toEqual(records[1]);
    expect(again.find("1.png", [Uint8Array.of(1), Uint8Array.of(2, 3)])).toBeUndefined();
    expect(again.find("2.png", bytes)).toBeUndefined();
    await again.add(records[2], bytes);
    expect((await openEvaluations(path, request)).find("2.png", bytes)).toEqual(records[2]);
    const nowhere = await openEvaluations(undefined, request);
    await nowhere.add(records[0], bytes);
    expect(nowhere.find("0.png", bytes)).toBeUndefined();
  });

  it("survives a crash in the midst of a line", async () => {
    const path = join(folder, "crashed.jsonl");
    await (await openEvaluations(path, request)).add(records[0], bytes);
    writeFileSync(path, `${readFileSync(path, "utf8")}{"image":"1.p`);
    const file = await openEvaluations(path, request);
    expect(file.find("0.png", bytes)).toEqual(records[0]);
    await file.add(records[1], bytes);
    expect((await openEvaluations(path, request)).find("1.png", bytes)).toEqual(records[1]);
    const begun = join(folder, "begun.jsonl");
    writeFileSync(begun, readFileSync(path, "utf8").slice(0, 20));
    expect((await openEvaluations(begun, request)).find("0.png", bytes)).toBeUndefined();
  });

  it("of another request or kind is refused", async () => {
    const path = join(folder, "other.jsonl");
    await openEvaluations(path, request);
    await expect(openEvaluations(path, { ...request, seed: 1 })).rejects.toThrow(
      `${path} is of another network, or of other methods or options; name another file with --resume, or delete it`,
    );
    for (const text of ["null\n", "{}\n", "a photograph", '{"format":"seethrough-explanations/1"}\n']) {
      writeFileSync(path, text);
      await expect(openEvaluations(path, request)).rejects.toThrow(
        `${path} was not written by seethrough evaluate --resume`,
      );
      expect(readFileSync(path, "utf8")).toBe(text);
    }
    await openEvaluations(join(folder, "torn.jsonl"), request);
    for (const line of ["{}", "null", "7", '{"image":']) {
      const torn = join(folder, "torn.jsonl");
      const [head] = readFileSync(torn, "utf8").split("\n");
      writeFileSync(torn, `${head}\n${line}\n`);
      await expect(openEvaluations(torn, request)).rejects.toThrow(`${torn}, line 2, is no record`);
    }
  });
});

/** Every limit by its name, at its default and lowered by the caller; nothing that a stranger names reaches a prototype. */
import { describe, expect, it } from "vitest";
import {
  LimitError,
  type LoadOptions,
  loadModel,
  type ModelFiles,
  mergeTopActivations,
  OptionError,
  SeethroughError,
} from "../../src/index";
import { defaultLimits, limitsOf } from "../../src/limits";
import { writeOnnx } from "../../src/onnx/writer";
import { graphOf } from "../graph/build";

const plain = graphOf({ inputs: { x: [1, 4] }, nodes: [["Relu", ["x"], ["y"]]] });
const encode = (value: unknown): Uint8Array =>
  new TextEncoder().encode(typeof value === "string" ? value : JSON.stringify(value));

/** A protobuf message in a field of another. */
function inField(number: number, body: Uint8Array): Uint8Array {
  const length: number[] = [];
  for (let rest = body.length; rest > 0 || length.length === 0; rest >>>= 7) {
    length.push((rest & 127) | (rest > 127 ? 128 : 0));
  }
  return Uint8Array.from([(number << 3) | 2, ...length, ...body]);
}

/** A node with an attribute that is a graph with a node with an attribute … */
function graphsInside(depth: number): Uint8Array {
  let graph: Uint8Array = new Uint8Array();
  for (let i = 0; i < depth; i++) graph = inField(1, inField(5, inField(6, graph)));
  return inField(7, graph);
}

const deepJson = (depth: number): string => `{"a":${"[".repeat(depth)}${"]".repeat(depth)}}`;
const layers = (text: string): ModelFiles => ({ "model.json": encode(text) });

async function refused(source: Parameters<typeof loadModel>[0], options: LoadOptions, limit: string): Promise<void> {
  const start = performance.now();
  const error = await loadModel(source, options).then(
    () => expect.fail("it should have been refused"),
    (reason: unknown) => reason,
  );
  expect(error, String(error)).toBeInstanceOf(LimitError);
  expect((error as LimitError).limit).toBe(limit);
  expect(String(error)).toContain(`limits.${limit}`);
  expect((error as LimitError).value).toBeGreaterThan((error as LimitError).most);
  expect(performance.now() - start).toBeLessThan(2000);
}

describe("a limit", () => {
  const long = (length: number): Uint8Array =>
    writeOnnx(graphOf({ inputs: { x: [1, 4] }, nodes: [["Relu", ["x"], ["y".repeat(length)]]] }));
  it.each<[string, Parameters<typeof loadModel>[0], LoadOptions, string]>([
    ["fileBytes", writeOnnx(plain), { limits: { fileBytes: 10 } }, "fileBytes"],
    [
      "nodes",
      writeOnnx(
        graphOf({
          inputs: { x: [1, 4] },
          nodes: [
            ["Relu", ["x"], ["a"]],
            ["Relu", ["a"], ["y"]],
          ],
        }),
      ),
      { limits: { nodes: 1 } },
      "nodes",
    ],
    ["rank", writeOnnx(plain), { limits: { rank: 1 } }, "rank"],
    ["elements", writeOnnx(plain), { limits: { elements: 3 } }, "elements"],
    ["nameBytes at its default", long(70_000), {}, "nameBytes"],
    ["nameBytes lowered", long(1), { limits: { nameBytes: 0.5 } }, "nameBytes"],
    ["nameBytes of class names", writeOnnx(plain), { labels: ["a".repeat(70_000), "b", "c", "d"] }, "nameBytes"],
    ["textBytes of class names", writeOnnx(plain), { labels: "cat\ndog", limits: { textBytes: 4 } }, "textBytes"],
    ["textBytes of model.json", layers("{}".padEnd(200)), { limits: { textBytes: 100 } }, "textBytes"],
    ["nesting of model.json", layers(deepJson(300)), {}, "nesting"],
    ["nesting of model.json lowered", layers(deepJson(10)), { limits: { nesting: 5 } }, "nesting"],
    ["nesting of messages", graphsInside(10), { limits: { nesting: 12 } }, "nesting"],
    ["subgraphs at its default", graphsInside(60), {}, "subgraphs"],
    ["subgraphs lowered", graphsInside(4), { limits: { subgraphs: 2 } }, "subgraphs"],
    ["nesting where subgraphs is raised", graphsInside(4000), { limits: { subgraphs: 1e6 } }, "nesting"],
    [
      "textBytes of a configuration beside the model",
      { "model.onnx": writeOnnx(plain), "config.json": encode({ id2label: { 0: "a".repeat(500) } }) },
      { limits: { textBytes: 300 } },
      "textBytes",
    ],
    [
      "nesting of a configuration beside the model",
      { "model.onnx": writeOnnx(plain), "config.json": encode(deepJson(400)) },
      {},
      "nesting",
    ],
  ])("%s", async (_, source, options, limit) => {
    await refused(source, options, limit);
  });

  it("is lowered by maxMemory where it is of constants, and never raised", () => {
    expect(limitsOf({}, 128 * 2 ** 20).foldedBytes).toBe(128 * 2 ** 20);
    expect(limitsOf({}, 2 ** 32).foldedBytes).toBe(defaultLimits.foldedBytes);
    expect(limitsOf({ foldedBytes: 1000 }, 2 ** 32).foldedBytes).toBe(1000);
    // What ordinary networks fold is no matter of memory.
    expect(limitsOf({}, 1).foldedBytes).toBe(64 * 2 ** 20);
  });

  it("must be one that there is, and a number above 0", () => {
    expect(() => limitsOf({ node: 5 } as never)).toThrow(/limits has no option "node"/);
    for (const value of [0, -1, Number.NaN, "5", null, {}]) {
      expect(() => limitsOf({ nodes: value } as never)).toThrow(OptionError);
    }
  });
});

it("class names by index are no longer than there are names", async () => {
  const start = performance.now();
  for (const labels of [
    { 0: "a", 4294967294: "b" },
    { 0: "a", 99999999999999: "b" },
    { 0: "a", "00": "b" },
    { __proto__: null, 1: "a" },
  ]) {
    await expect(loadModel(writeOnnx(plain), { labels: labels as never })).rejects.toBeInstanceOf(OptionError);
  }
  expect(performance.now() - start).toBeLessThan(2000);
});

it("results of searches that hold themselves, or too much, are refused", () => {
  const part = (search: object): never =>
    ({
      format: "seethrough/top-activations/1",
      search: { units: [], ...search },
      units: [],
      shards: {},
      failures: [],
    }) as never;
  const knot: { self?: unknown } = {};
  knot.self = knot;
  let deep: unknown = 1;
  let wide: unknown = 1;
  for (let i = 0; i < 5000; i++) deep = [deep];
  for (let i = 0; i < 30; i++) wide = [wide, wide];
  for (const preprocess of [knot, deep, wide, 5n]) {
    expect(() => mergeTopActivations(part({ preprocess }), part({ preprocess: 1 }))).toThrow(SeethroughError);
    expect(() => mergeTopActivations(part({ preprocess }), part({ preprocess: 1 }))).not.toThrow(/fault of seethrough/);
  }
});

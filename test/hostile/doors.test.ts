import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, it, vi } from "vitest";
import {
  decodeImage,
  encodePng,
  gradCam,
  InternalError,
  integratedGradients,
  LimitError,
  loadModel,
  ModelError,
  rise,
  SeethroughError,
  Tensor,
} from "../../src/index";
import { loaded } from "../../src/model/loaded-model";
import { describeShared, readShared } from "../shared-folder";

const file = new Uint8Array(readFileSync(resolve("models/petshop.onnx")));
const values = (): Float32Array<ArrayBuffer> => Float32Array.from({ length: 96 * 96 * 3 }, (_, i) => (i % 17) / 17);
const tensor = (): Tensor => new Tensor(values(), [1, 96, 96, 3]);

const encode = (json: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(json));
const placeholder = {
  name: "x",
  op: "Placeholder",
  attr: { shape: { shape: { dim: [1, 4, 4, 1].map((size) => ({ size: String(size) })) } } },
};
const graphModel = (...node: unknown[]) =>
  loadModel({
    "model.json": encode({
      format: "graph-model",
      modelTopology: { node: [placeholder, ...node] },
      weightsManifest: [],
    }),
  });

async function reasonOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => "it was taken",
    (reason: unknown) => reason,
  );
}

describeShared("files of TensorFlow.js that are wrong", () => {
  it.each(["17-tfjs-conv-without-inputs", "18-tfjs-activation-proto"])("%s", async (name) => {
    const reason = await reasonOf(loadModel({ "model.json": readShared(`cases/hostile/${name}.json`) }));
    expect(reason).toBeInstanceOf(SeethroughError);
    expect(reason).not.toBeInstanceOf(InternalError);
  });
});

describe("a graph of TensorFlow.js", () => {
  it("whose operators have too few inputs is refused by name", async () => {
    const ops = [
      "Conv2D",
      "_FusedConv2D",
      "BiasAdd",
      "MatMul",
      "Mean",
      "FusedBatchNormV3",
      "Relu",
      "StridedSlice",
      "ConcatV2",
      "Pack",
    ];
    for (const op of ops) {
      const reason = await reasonOf(graphModel({ name: "y", op, input: op === "Relu" || op === "Pack" ? [] : ["x"] }));
      expect(reason, op).toBeInstanceOf(ModelError);
      expect(String(reason), op).toMatch(/"y" .*inputs and needs at least \d/);
    }
  });

  it("whose names are those of every object's members is not taken for them", async () => {
    for (const name of ["__proto__", "constructor", "toString", "hasOwnProperty"]) {
      const reason = await reasonOf(graphModel({ name: "y", op: name, input: ["x"] }));
      expect(reason, name).toBeInstanceOf(SeethroughError);
      expect(reason, name).not.toBeInstanceOf(InternalError);
    }
  });

  it("may list 20,000 nodes backwards", async () => {
    const count = 20_000;
    const nodes = Array.from({ length: count }, (_, i) => ({
      name: `n${i}`,
      op: "Relu",
      input: [i ? `n${i - 1}` : "x"],
    }));
    const start = performance.now();
    const reason = await reasonOf(graphModel(...nodes.reverse()));
    expect(typeof reason === "string" || reason instanceof SeethroughError).toBe(true);
    expect(reason).not.toBeInstanceOf(InternalError);
    expect(performance.now() - start).toBeLessThan(20_000);
  });

  it("that waits for itself, or is nested without end, is refused", async () => {
    const circle = [
      { name: "a", op: "Relu", input: ["b"] },
      { name: "b", op: "Relu", input: ["a"] },
      { name: "c", op: "Relu", input: ["b"] },
    ];
    await expect(graphModel(...circle)).rejects.toThrow(/waits for its own result/);
    const deep = `{"a":${"[".repeat(1e6)}${"]".repeat(1e6)}}`;
    await expect(loadModel(new TextEncoder().encode(deep))).rejects.toThrow(LimitError);
  });

  it("whose names have a megabyte is not printed whole", async () => {
    const name = "y".repeat(1e6);
    const reason = await reasonOf(graphModel({ name, op: "Conv2D", input: [] }));
    expect(reason).toBeInstanceOf(ModelError);
    expect(String(reason).length).toBeLessThan(2000);
  });
});

describe("what goes wrong inside", () => {
  it("is an InternalError that keeps its cause, and the model lives on", async () => {
    const model = await loadModel(file);
    const fault = new TypeError("x is undefined");
    const run = vi.spyOn(loaded(model).session, "run").mockImplementation(() => {
      throw fault;
    });
    for (const call of [() => model.predict(tensor()), () => model.run(tensor()), () => gradCam(model, tensor())]) {
      const reason = await reasonOf(call());
      expect(reason).toBeInstanceOf(InternalError);
      expect(reason).toMatchObject({ cause: fault, message: expect.stringMatching(/fault of seethrough.*report it/) });
    }
    run.mockRestore();
    expect(await model.predict(tensor())).toHaveLength(5);
  });

  it("is told apart from what the caller's own functions throw", async () => {
    const model = await loadModel(file);
    const own = new RangeError("mine");
    const onProgress = (): never => {
      throw own;
    };
    expect(await reasonOf(integratedGradients(model, tensor(), { onProgress }))).toBe(own);
    const blackBox = (): never => {
      throw own;
    };
    expect(await reasonOf(rise(blackBox, tensor(), { masks: 2 }))).toBe(own);
    for (const given of [own, "enough", undefined]) {
      const controller = new AbortController();
      controller.abort(given);
      const { reason } = controller.signal;
      expect(await reasonOf(integratedGradients(model, tensor(), { signal: controller.signal }))).toBe(reason);
    }
  });
});

describe("what a caller's own functions do", () => {
  const options = { masks: 6, batchSize: 2, seed: 1 };
  const honest = async (batch: Tensor): Promise<Float32Array> =>
    Float32Array.from({ length: batch.shape[0] }, (_, i) => batch.data[(i * batch.data.length) / batch.shape[0]]);

  it("to the tensors that a black box was handed changes nothing", async () => {
    const expected = await rise(honest, tensor(), options);
    const kept: Tensor[] = [];
    const scores: Float32Array[] = [];
    const untidy = async (batch: Tensor): Promise<Float32Array> => {
      const found = await honest(batch);
      batch.data.fill(7);
      for (const each of kept) each.data.fill(9);
      for (const each of scores) each.fill(3);
      kept.push(batch);
      scores.push(found);
      return found;
    };
    const input = tensor();
    const running = rise(untidy, input, options);
    input.data.fill(5);
    expect((await running).values.data).toEqual(expected.values.data);
  });

  it("a promise of onProgress that is rejected rejects the call, with its reason", async () => {
    const model = await loadModel(file);
    const own = new Error("later");
    const onProgress = async (): Promise<void> => {
      throw own;
    };
    expect(await reasonOf(rise(model, tensor(), { masks: 20, onProgress }))).toBe(own);
    expect(await model.predict(tensor())).toHaveLength(5);
  });

  it.each([7, "now", {}, []])("%j is no signal", async (signal) => {
    const model = await loadModel(file);
    const given = { signal: signal as unknown as AbortSignal, masks: 2 };
    const { masks: _, ...plain } = given;
    for (const call of [rise(model, tensor(), given), gradCam(model, tensor(), plain)]) {
      expect(await reasonOf(call)).toMatchObject({
        name: "OptionError",
        message: expect.stringContaining("signal must be an AbortSignal"),
      });
    }
  });
});

describe("the caller's memory", () => {
  it("may change, or go, as soon as a model was asked for", async () => {
    const expected = await (await loadModel(file)).run(tensor());
    const changed = file.slice();
    const loading = loadModel(changed);
    changed.fill(0);
    expect((await (await loading).run(tensor())).output).toEqual(expected.output);
    const sent = file.slice();
    const second = loadModel({ "model.onnx": sent });
    structuredClone(sent, { transfer: [sent.buffer] });
    const model = await second;
    expect((await model.run(tensor())).output).toEqual(expected.output);
    const recipe = (await gradCam(model, tensor())).recipe;
    expect(recipe.modelHash).toBe((await gradCam(await loadModel(file), tensor())).recipe.modelHash);
  });

  it("may be shared among threads", async () => {
    const shared = new Uint8Array(new SharedArrayBuffer(file.length));
    shared.set(file);
    const expected = await (await loadModel(file)).run(tensor());
    for (const source of [
      shared,
      shared.buffer as unknown as ArrayBuffer,
      { "model.onnx": shared as Uint8Array<never> },
    ]) {
      const model = await loadModel(source as Uint8Array, { copy: false });
      expect((await model.run(tensor())).output).toEqual(expected.output);
      await gradCam(model, tensor());
    }
    const picture = await encodePng({ data: new Uint8Array(27).fill(9), width: 3, height: 3 });
    const png = new Uint8Array(new SharedArrayBuffer(picture.length));
    png.set(picture);
    expect((await decodeImage(png)).width).toBe(3);
    const pixels = new Float32Array(new SharedArrayBuffer(4 * 96 * 96 * 3));
    pixels.set(values());
    const model = await loadModel(file);
    expect((await model.run(new Tensor(pixels, [1, 96, 96, 3]))).output).toEqual(expected.output);
  });

  it("is left where it is with copy: false", async () => {
    const own = file.slice();
    const model = await loadModel(own, { copy: false });
    expect(loaded(model).parts.graph.constants.size).toBeGreaterThan(0);
    const { modelHash } = (await gradCam(model, tensor())).recipe;
    const later = await loadModel(own, { copy: false });
    own[own.length - 1] ^= 1;
    expect((await gradCam(later, tensor())).recipe.modelHash).not.toBe(modelHash);
  });

  it("of inputs is read before a method waits for anything", async () => {
    const model = await loadModel(file);
    const methods = {
      run: async (x: Tensor) => (await model.run(x)).output.data,
      gradCam: async (x: Tensor) => (await gradCam(model, x)).values.data,
      integratedGradients: async (x: Tensor) => (await integratedGradients(model, x, { nSteps: 8 })).values.data,
      rise: async (x: Tensor) => (await rise(model, x, { masks: 8 })).values.data,
    };
    for (const [name, method] of Object.entries(methods)) {
      const expected = await method(tensor());
      const own = tensor();
      const running = method(own);
      own.data.fill(0);
      expect(await running, name).toEqual(expected);
    }
    const picture = await encodePng({ data: Uint8Array.from({ length: 27 }, (_, i) => i), width: 3, height: 3 });
    const expected = (await decodeImage(picture.slice())).data;
    const decoding = decodeImage(picture);
    picture.fill(0);
    expect((await decoding).data).toEqual(expected);
  });
});

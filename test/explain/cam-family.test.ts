import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import {
  ablationCam,
  cam,
  decodeImage,
  eigenCam,
  explain,
  gradCam,
  heatmap,
  LayerError,
  loadModel,
  OptionError,
  ShapeError,
  scoreCam,
  Tensor,
} from "../../src/index";
import { writeOnnx } from "../../src/onnx/writer";
import { floats, graphOf, randomFloats, randomIntegers } from "../graph/build";

const family = [
  ...(["grad-cam", "grad-cam-plus-plus", "layer-cam", "x-grad-cam", "hi-res-cam"] as const),
  ...(["eigen-cam", "score-cam", "ablation-cam"] as const),
];
const cat = await decodeImage(new Uint8Array(readFileSync("examples/images/scene-cat-00.png")));
const model = await loadModel();
const random = randomIntegers(9);
const message = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => expect.fail("the call should have failed"),
    (error: unknown) => String(error),
  );

describe("several layers", () => {
  it("are joined as the mean of their maps at the input's size, each scaled to 0..1", async () => {
    for (const method of family) {
      const [first, last] = await Promise.all(
        ["relu5", "relu6"].map((layer) => explain(model, cat, { method, layers: [layer] })),
      );
      const both = await explain(model, cat, { method, layers: ["relu5", "relu6"] });
      expect(both.values.shape).toEqual([1, 96, 96, 1]);
      expect(both).toMatchObject({ layers: ["relu5", "relu6"], recipe: { options: { layers: ["relu5", "relu6"] } } });
      expect(both.layer).toBeUndefined();
      both.values.data.forEach((value, i) => {
        expect(value, method).toBeCloseTo((first.values.data[i] + last.values.data[i]) / 2, 6);
      });
      const { data, width, height } = heatmap(both);
      expect([width, height, Math.max(...data).toFixed(5)]).toEqual([96, 96, "1.00000"]);
      // One layer joined with nothing makes the picture of that layer.
      const alone = heatmap(await explain(model, cat, { method, layer: "relu5" })).data;
      heatmap(first).data.forEach((value, i) => {
        expect(value, method).toBeCloseTo(alone[i], 5);
      });
    }
  });

  it("of a signal are one row", async () => {
    const signal = await loadModel(
      writeOnnx(
        graphOf({
          inputs: { x: [1, 2, 12] },
          constants: { v: randomFloats(random, [4, 2, 3]), w: randomFloats(random, [3, 4, 3]) },
          nodes: [
            ["Conv", ["x", "v"], ["a"]],
            ["Relu", ["a"], ["r"]],
            ["Conv", ["r", "w"], ["s"]],
            ["GlobalAveragePool", ["s"], ["p"]],
            ["Flatten", ["p"], ["y"]],
          ],
        }),
      ),
    );
    const x = new Tensor(
      Float32Array.from({ length: 24 }, (_, i) => Math.sin(i)),
      [1, 2, 12],
    );
    for (const method of family) {
      const { values } = await explain(signal, x, { method, layers: ["r", "s"], target: 0 });
      expect(values.shape).toEqual([1, 1, 12, 1]);
    }
  });

  it("cam has one layer to join", async () => {
    const { values, convergenceDelta } = await cam(model, cat, { layers: ["relu6"], target: "cat" });
    expect(values.shape).toEqual([1, 96, 96, 1]);
    expect(Math.abs(convergenceDelta as number)).toBeLessThan(1e-4);
    await expect(cam(model, cat, { layers: ["relu6", "relu5"] })).rejects.toThrow(LayerError);
  });

  it("are named by a list, and instead of a layer", async () => {
    expect(await message(gradCam(model, cat, { layers: [] }))).toBe(
      "OptionError: layers must be a list of at least one layer name, got []. inspect(model).camLayers has candidates.",
    );
    expect(await message(eigenCam(model, cat, { layers: "relu6" as never }))).toContain('layer name, got "relu6"');
    expect(await message(eigenCam(model, cat, { layers: ["relu6", undefined] as never }))).toContain(
      'got ["relu6",null]',
    );
    expect(await message(scoreCam(model, cat, { layer: "relu5", layers: ["relu6"] }))).toBe(
      'OptionError: Give either layer, for one, or layers, for several; both are there, layer "relu5".',
    );
    expect(await message(ablationCam(model, cat, { layers: ["relu6", "relu7"] }))).toMatch(
      /no layer "relu7"\. Did you mean/,
    );
  });
});

describe("methods of a pass per map", () => {
  it("give the same bits for every batch size, and refuse none", async () => {
    for (const method of ["score-cam", "ablation-cam"] as const) {
      const [one, many] = await Promise.all(
        [1, 7].map((batchSize) => explain(model, cat, { method, batchSize, layers: ["relu3", "relu6"] })),
      );
      expect(many.values.data).toEqual(one.values.data);
      const wrong = explain(model, cat, { method, batchSize: 0 });
      expect(await message(wrong)).toBe("OptionError: batchSize must be a whole number of at least 1, got 0.");
      await expect(wrong).rejects.toThrow(OptionError);
    }
  });

  it("report progress to the end and stop by their signal", async () => {
    for (const method of ["score-cam", "ablation-cam"] as const) {
      const reports: (readonly [number, number])[] = [];
      const controller = new AbortController();
      await explain(model, cat, { method, onProgress: (done, total) => reports.push([done, total]) });
      expect(reports.length).toBeGreaterThan(2);
      expect(reports.at(-1)).toEqual([reports[0][1], reports[0][1]]);
      const stopped = explain(model, cat, {
        method,
        signal: controller.signal,
        onProgress: () => controller.abort(new Error("enough")),
      });
      expect(await message(stopped)).toBe("Error: enough");
    }
  });

  it("make one pass for all the maps that say nothing", async () => {
    const shown = Float32Array.from({ length: 32 }, (_, i) => Math.cos(i));
    const dead = await loadModel(
      writeOnnx(
        graphOf({
          inputs: { x: [1, 2, 4, 4] },
          constants: {
            w: floats([4, 2, 1, 1], [1, 2, 0, 0, 3, -1, 0, 0]),
            bias: floats([4], [0, -1, 0, -2]),
            head: randomFloats(random, [64, 2]),
          },
          nodes: [
            ["Conv", ["x", "w", "bias"], ["c"]],
            ["Relu", ["c"], ["maps"]],
            ["Flatten", ["maps"], ["f"]],
            ["Gemm", ["f", "head"], ["y"]],
          ],
        }),
      ),
    );
    for (const method of [scoreCam, ablationCam]) {
      const totals: number[] = [];
      await method(dead, Tensor.fromNCHW(shown, [1, 2, 4, 4]), { onProgress: (_, all) => totals.push(all) });
      expect(totals.at(-1)).toBe(3);
    }
  });

  it("ablate a layer that a shortcut leads around", async () => {
    const network = await loadModel(
      writeOnnx(
        graphOf({
          inputs: { x: [1, 3, 5, 5] },
          constants: { w: randomFloats(random, [3, 3, 1, 1]), head: randomFloats(random, [75, 2]) },
          nodes: [
            ["Conv", ["x", "w"], ["c"]],
            ["Relu", ["c"], ["branch"]],
            ["Add", ["branch", "x"], ["sum"]],
            ["Flatten", ["sum"], ["f"]],
            ["Gemm", ["f", "head"], ["y"]],
          ],
        }),
      ),
    );
    const x = new Tensor(
      Float32Array.from({ length: 75 }, (_, i) => Math.sin(i * i)),
      [1, 5, 5, 3],
    );
    const { activations, output } = await network.run(x, { capture: ["branch"] });
    const maps = (activations.get("branch") as Tensor).data;
    const expected = new Float32Array(25);
    for (const units of [0, 1, 2]) {
      const without = await network.run(x, { intervene: [{ layer: "branch", units }] });
      const weight = (output.data[1] - without.output.data[1]) / output.data[1];
      for (let place = 0; place < 25; place++) expected[place] += weight * maps[place * 3 + units];
    }
    const { values } = await ablationCam(network, x, { layer: "branch", target: 1, batchSize: 2 });
    values.data.forEach((value, place) => {
      expect(value).toBeCloseTo(expected[place], 5);
    });
  });

  it("Score-CAM needs places to mask", async () => {
    const generator = await loadModel(
      writeOnnx(
        graphOf({
          inputs: { z: [1, 4, 1, 1] },
          constants: { w: randomFloats(random, [4, 3, 2, 2]) },
          nodes: [
            ["ConvTranspose", ["z", "w"], ["maps"]],
            ["Relu", ["maps"], ["y"]],
          ],
        }),
      ),
    );
    const z = new Tensor(Float32Array.of(1, 2, 3, 4), [1, 1, 1, 4]);
    const call = scoreCam(generator, z, { target: { layer: "y", unit: 1, position: [0, 0] } });
    await expect(call).rejects.toThrow(ShapeError);
    expect(await message(call)).toBe(
      'ShapeError: Score-CAM masks places of the input, and "z" (1×1×1×4) has none. ablationCam changes the maps instead.',
    );
    const ablated = await ablationCam(generator, z, {
      layer: "maps",
      target: { layer: "y", unit: 1, position: "mean" },
    });
    expect(ablated.values.shape).toEqual([1, 2, 2, 1]);
  });
});

it("notes: what does not look at the target, what is turned round by a negative score", async () => {
  const codes = (target: string) =>
    Promise.all(
      (["eigen-cam", "ablation-cam"] as const).map(async (method) => {
        const { notes, target: report } = await explain(model, cat, { method, target });
        return { codes: notes.map(({ code }) => code), score: report.score };
      }),
    );
  const seen = new Set<boolean>();
  for (const label of model.labels ?? []) {
    const [eigen, ablation] = await codes(label);
    expect(eigen.codes).toContain("not-about-the-target");
    expect(ablation.codes.includes("negative-score")).toBe(ablation.score < 0);
    seen.add(ablation.score < 0);
  }
  expect(seen.size).toBe(2);
  const [first, second] = await Promise.all(["cat", "dog"].map((target) => eigenCam(model, cat, { target })));
  expect(second.values.data).toEqual(first.values.data);
});

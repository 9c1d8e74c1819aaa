/** Maps that show nothing, or nothing but rounding, say so in every method; small maps of small networks do not. */
import { describe, expect, it } from "vitest";
import type { Attribute, Constant } from "../../src/graph/ir";
import {
  type Attribution,
  boundingBox,
  explain,
  gradCam,
  heatmap,
  kernelShap,
  lime,
  loadModel,
  type Model,
  methodNames,
  noiseTunnel,
  occlusion,
  projectActivation,
  rise,
  saliency,
  smoothGrad,
  Tensor,
} from "../../src/index";
import { writeOnnx } from "../../src/onnx/writer";
import { floats, graphOf, randomFloats, randomIntegers } from "../graph/build";
import { describeShared, readShared } from "../shared-folder";

let random = randomIntegers(23);
const weights = (...shape: number[]): Constant => randomFloats(random, shape);
const scaled = (constant: Constant, factor: number): Constant =>
  floats(
    constant.shape,
    constant.floats().map((value) => value * factor),
  );
const filled = (value: number, ...shape: number[]): Constant =>
  floats(shape, new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(value));
const picture = new Tensor(
  weights(16 * 16 * 3)
    .floats()
    .map((value) => Math.abs(value)),
  [1, 16, 16, 3],
);
const three = { kernel_shape: [3, 3], pads: [1, 1, 1, 1] };
type Nodes = [string, string[], string[], Record<string, Attribute>?][];

const open = (nodes: Nodes, constants: Record<string, Constant>): Promise<Model> =>
  loadModel(writeOnnx(graphOf({ inputs: { x: [1, 3, 16, 16] }, constants, nodes })));

/** Conv, Relu, Conv, Relu, mean, linear: with biases that shut the first or the second rectifier, or none. */
const classifier = ({
  shut = 0,
  bias = 0.7,
  first = 1,
  head = 1,
}: {
  shut?: 0 | 1 | 2;
  bias?: number;
  first?: number;
  head?: number;
} = {}): Promise<Model> => {
  random = randomIntegers(29);
  return open(
    [
      ["Conv", ["x", "w1", "b1"], ["c1"], three],
      ["Relu", ["c1"], ["r1"]],
      ["Conv", ["r1", "w2", "b2"], ["c2"], three],
      ["Relu", ["c2"], ["r2"]],
      ["GlobalAveragePool", ["r2"], ["gap"]],
      ["Flatten", ["gap"], ["flat"]],
      ["Gemm", ["flat", "w3", "b3"], ["y"]],
    ],
    {
      w1: scaled(weights(6, 3, 3, 3), first),
      b1: filled(shut === 1 ? -50 : 0.1 * first, 6),
      w2: weights(6, 6, 3, 3),
      b2: filled(shut === 2 ? -50 : 0.1 * first, 6),
      w3: scaled(weights(6, 4), head),
      b3: scaled(floats([4], [0.5, -0.5, 1.2, 0.3]), bias),
    },
  );
};

/** Settings that make the slow methods quick. */
const quick = { nSteps: 4, samples: 8, masks: 12, baselines: [new Tensor(new Float32Array(768), [1, 16, 16, 3])] };
const every: Record<string, (model: Model, image: Tensor) => Promise<Attribution>> = {
  ...Object.fromEntries(
    methodNames.map((method) => [
      method,
      (model: Model, image: Tensor) => {
        const { nSteps, samples, masks, baselines } = quick;
        const own =
          method === "integrated-gradients"
            ? { nSteps }
            : method === "rise"
              ? { masks }
              : method === "gradient-shap"
                ? { samples, baselines }
                : method === "deep-lift-shap"
                  ? { baselines }
                  : ["smooth-grad", "lime", "kernel-shap"].includes(method)
                    ? { samples: 60 }
                    : {};
        return explain(model, image, { method, target: 2, ...own });
      },
    ]),
  ),
  "noiseTunnel(saliency)": (model, image) => noiseTunnel(saliency, { samples: 3 })(model, image, { target: 2 }),
  "noiseTunnel(gradCam), vargrad": (model, image) =>
    noiseTunnel(gradCam, { samples: 3, kind: "vargrad" })(model, image, { target: 2 }),
};
const codes = ({ notes }: { readonly notes: Attribution["notes"] }): string[] => notes.map(({ code }) => code);
const empty = ["nothing-flows", "rounding-only", "all-zero-map", "not-finite"];

describe("nothing flows", () => {
  for (const [name, shut, layer] of [
    ["the first rectifier is shut", 1, "r1"],
    ["the second one is", 2, "r2"],
  ] as const) {
    for (const [method, explained] of Object.entries(every)) {
      it(`${method}: ${name}`, async () => {
        const model = await classifier({ shut });
        const attribution = await explained(model, picture);
        const found = attribution.notes.find(({ code }) => code === "nothing-flows");
        expect(found?.message).toContain("The score does not depend on the input here");
        // With the first one shut the second lets its bias through, and nothing of the input.
        expect(found?.message).toContain(`Relu "${layer}"`);
        const map = heatmap(attribution);
        expect(map.data.every((value) => value === 0)).toBe(true);
        expect(() => boundingBox(map)).toThrow(/no positive value/);
      });
    }
  }

  it("a projected activation behind a shut rectifier", async () => {
    const model = await classifier({ shut: 1 });
    for (const rule of ["deconvnet", "guided", "gradient"] as const) {
      expect(codes(await projectActivation(model, picture, { layer: "c2", rule }))).toContain("nothing-flows");
    }
    expect(codes(await projectActivation(model, picture, { layer: "r1" }))).toContain("nothing-flows");
  });

  it("a black box that answers the same to everything", async () => {
    const constant = async (batch: Tensor): Promise<Float32Array> => new Float32Array(batch.shape[0]).fill(3);
    for (const made of [
      occlusion(constant, picture),
      rise(constant, picture, { masks: 12 }),
      lime(constant, picture, { samples: 60 }),
      kernelShap(constant, picture, { samples: 60 }),
    ]) {
      const attribution = await made;
      expect(codes(attribution).some((code) => empty.includes(code))).toBe(true);
      expect(heatmap(attribution).data.every((value) => value === 0)).toBe(true);
    }
  });
});

describeShared("nothing flows: the case", () => {
  for (const [method, explained] of Object.entries(every)) {
    it(method, async () => {
      const model = await loadModel(readShared("cases/nothing-flows/model.onnx"));
      const attribution = await explained(model, picture);
      expect(codes(attribution)).toContain("nothing-flows");
      expect(heatmap(attribution).data.every((value) => value === 0)).toBe(true);
    });
  }
});

describe("rounding", () => {
  it("a head that hardly reads the maps beside its bias: 1e-10 where the score is 1", async () => {
    const model = await classifier({ head: 1e-10, bias: 1 });
    for (const [method, explained] of Object.entries(every)) {
      // These come to the same whatever the score is.
      if (["eigen-cam", "excitation-backprop", "noiseTunnel(gradCam), vargrad"].includes(method)) continue;
      const attribution = await explained(model, picture);
      expect([method, codes(attribution).some((code) => empty.includes(code))]).toEqual([method, true]);
      expect([method, heatmap(attribution).data.some((value) => value !== 0)]).toEqual([method, false]);
    }
  });

  it("a mean over normalised maps does not depend on them, whatever float32 leaves", async () => {
    for (const bias of [0, 1]) {
      const model = await open(
        [
          ["Conv", ["x", "w1"], ["c1"], three],
          ["InstanceNormalization", ["c1", "one", "zero"], ["n"]],
          ["GlobalAveragePool", ["n"], ["gap"]],
          ["Flatten", ["gap"], ["flat"]],
          ["Gemm", ["flat", "w3", "b3"], ["y"]],
        ],
        { w1: weights(6, 3, 3, 3), one: filled(1, 6), zero: filled(0, 6), w3: weights(6, 4), b3: filled(bias, 4) },
      );
      for (const method of ["saliency", "input-x-gradient", "integrated-gradients"] as const) {
        const attribution = await explain(model, picture, { method, target: 1 });
        expect([method, bias, codes(attribution).some((code) => empty.includes(code))]).toEqual([method, bias, true]);
      }
      const map = await gradCam(model, picture, { target: 1, layer: "c1" });
      expect(codes(map).some((code) => empty.includes(code))).toBe(true);
      expect(heatmap(map).data.every((value) => value === 0)).toBe(true);
    }
  });
});

describe("small is not rounding", () => {
  for (const [name, settings] of [
    ["an ordinary network", {}],
    ["scaled by 1e-6 throughout", { first: 1e-6, bias: 1e-6 }],
    ["scaled by 1e-12 in its head", { head: 1e-12, bias: 1e-12 }],
    ["unnormalised scores", { head: 1e6, bias: 1e6 }],
    ["without a bias in its head", { bias: 0 }],
  ] as const) {
    it(name, async () => {
      const model = await classifier(settings);
      const plain = await classifier();
      for (const [method, explained] of Object.entries(every)) {
        const attribution = await explained(model, picture);
        expect([method, codes(attribution).filter((code) => empty.includes(code))]).toEqual([method, []]);
        // Drawn as strongly as those of the ordinary network.
        const strongest = (found: Attribution): number =>
          Math.round(heatmap(found).data.reduce((most, value) => Math.max(most, Math.abs(value)), 0));
        expect([method, strongest(attribution)]).toEqual([method, strongest(await explained(plain, picture))]);
      }
    });
  }

  it("a black picture: the gradient is one, the product with the picture is none, with its reason", async () => {
    const model = await classifier();
    const black = new Tensor(new Float32Array(768), [1, 16, 16, 3]);
    expect(codes(await saliency(model, black)).filter((code) => empty.includes(code))).toEqual([]);
    const product = await explain(model, black, { method: "input-x-gradient" });
    expect(product.notes.find(({ code }) => code === "all-zero-map")?.message).toBe(
      "Every value is exactly zero: what the values belong to is zero everywhere itself, and this method multiplies by it.",
    );
    expect(codes(await smoothGrad(model, black, { samples: 2 })).filter((code) => empty.includes(code))).toEqual([]);
    const covered = await occlusion(model, black);
    expect(covered.notes.find(({ code }) => code === "all-zero-map")?.message).toContain("zero everywhere itself");
  });
});

describe("ordinary networks", () => {
  it("the pet shop's carries none of these notes", async () => {
    const model = await loadModel();
    const [, height, width] = model.input.shape;
    const image = {
      data: new Uint8Array(height * width * 3).map((_, i) => (i * 7 + (i >> 5) * 31) % 256),
      width,
      height,
    };
    for (const method of [
      "saliency",
      "input-x-gradient",
      "grad-cam",
      "eigen-cam",
      "lrp",
      "deconvnet",
      "full-grad",
    ] as const) {
      const attribution = await explain(model, image, { method });
      expect([method, codes(attribution).filter((code) => [...empty, "flat-map"].includes(code))]).toEqual([
        method,
        [],
      ]);
    }
  });
});

describe("lrp", () => {
  it("says both numbers where its sum strays from the score, and nothing where it does not", async () => {
    const strays = await explain(await classifier({ bias: 20 }), picture, { method: "lrp", target: 2 });
    const sum = strays.values.data.reduce((total, value) => total + value, 0);
    const found = strays.notes.find(({ code }) => code === "relevance-strays");
    expect(found?.message).toContain(
      `sums to ${sum.toPrecision(4)}, and the score is ${strays.target.score.toPrecision(4)}`,
    );
    const kept = await open(
      [
        ["Conv", ["x", "w1"], ["c1"], three],
        ["Relu", ["c1"], ["r1"]],
        ["GlobalAveragePool", ["r1"], ["gap"]],
        ["Flatten", ["gap"], ["y"]],
      ],
      { w1: weights(6, 3, 3, 3) },
    );
    for (const target of [0, 1, 2]) {
      const attribution = await explain(kept, picture, { method: "lrp", target, composite: "epsilon" });
      if (attribution.target.score > 1e-3) expect(codes(attribution)).toEqual([]);
    }
  });

  it("says why a negative score leaves nothing of the positive rules", async () => {
    const model = await open(
      [
        ["Conv", ["x", "w1"], ["c1"], three],
        ["Relu", ["c1"], ["r1"]],
        ["Conv", ["r1", "w2"], ["c2"], { kernel_shape: [1, 1] }],
        ["GlobalAveragePool", ["c2"], ["gap"]],
        ["Flatten", ["gap"], ["y"]],
      ],
      { w1: weights(6, 3, 3, 3), w2: filled(-1, 2, 6, 1, 1) },
    );
    const attribution = await explain(model, picture, { method: "lrp", target: 0 });
    expect(attribution.target.score).toBeLessThan(0);
    expect(attribution.values.data.every((value) => value === 0)).toBe(true);
    const found = attribution.notes.find(({ code }) => code === "negative-relevance");
    expect(found?.message).toContain(`The score is ${attribution.target.score.toPrecision(4)}, below zero`);
    expect(codes(await explain(model, picture, { method: "lrp", target: 0, composite: "epsilon" }))).toEqual([]);
  });
});

describe("default segments", () => {
  it("are those of a black box that answers alike, and stand in the recipe", async () => {
    for (const shift of [0, -0.5]) {
      const model = await classifier();
      const image = new Tensor(
        picture.data.map((value) => value + shift),
        picture.shape,
      );
      const box = async (batch: Tensor): Promise<Float32Array> => {
        const out = new Float32Array(batch.shape[0] * 4);
        for (let i = 0; i < batch.shape[0]; i++) {
          const one = new Tensor(batch.data.slice(i * 768, (i + 1) * 768), [1, 16, 16, 3]);
          out.set((await model.run(one)).output.data, i * 4);
        }
        return out;
      };
      for (const method of [lime, kernelShap]) {
        const inside = await method(model, image, { target: 2, samples: 120 });
        const outside = await method(box, image, { target: 2, samples: 120 });
        expect(outside.values).toEqual(inside.values);
        expect(outside.recipe.options.segments).toEqual(inside.recipe.options.segments);
        expect(inside.recipe.options.segments).toEqual({
          made: "superpixels",
          shape: [16, 16],
          features: new Set(inside.values.data).size,
          hash: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
        });
        const own = Int32Array.from({ length: 256 }, (_, i) => i >> 6);
        const given = await method(model, image, { target: 2, samples: 14, segments: own });
        expect(given.recipe.options.segments).toMatchObject({ made: "given", shape: [16, 16], features: 4 });
      }
    }
  });
});

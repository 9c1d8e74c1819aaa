import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import * as library from "../../src/index";
import { methodTable } from "../../src/methods/table";
import { writeOnnx } from "../../src/onnx/writer";
import { transformer } from "../graph/transformer";

const { Tensor, SeethroughError } = library;
const image = { data: new Uint8Array(96 * 96 * 3).map((_, i) => (i * 7) % 256), width: 96, height: 96 };
const attentive = { grid: [3, 3], inFront: 1, blocks: ["all", "all"], head: "first" } as const;
let model: library.Model;
let attribution: library.Attribution;
beforeAll(async () => {
  model = await library.loadModel(new Uint8Array(readFileSync("models/petshop.onnx")));
  attribution = await library.gradCam(model, image);
});

type Any = (...args: unknown[]) => unknown;
/** The error of a call, whether it throws or rejects; undefined where there is none. */
async function failure(call: Any, ...args: unknown[]): Promise<unknown> {
  try {
    await call(...args);
    return undefined;
  } catch (error) {
    return error;
  }
}

/** What stands before the options of every function; `options: false` where there are none. */
const signatures = (): Readonly<Record<string, { readonly args: readonly unknown[]; readonly options?: false }>> => {
  const map = library.heatmap(attribution);
  const tensor = new Tensor(new Float32Array(96 * 96 * 3), [1, 96, 96, 3]);
  const volume = new Tensor(new Float32Array(96 * 96), [1, 1, 1, 96, 96]);
  const methods = Object.fromEntries(methodTable.map(({ call }) => [call, { args: [model, image] }]));
  const judged = { args: [model, image, attribution] };
  const tested = { args: [model, image, library.saliency] };
  const found = { layer: "relu5", units: [] } as unknown;
  return {
    ...methods,
    explain: { args: [model, image] },
    projectActivation: { args: [model, image] },
    detect: { args: [model, image] },
    dRise: { args: [model, image] },
    classProbabilityMap: { args: [model, image] },
    attentionMaps: { args: [model, image] },
    projectionImage: { args: [model, tensor] },
    noiseTunnel: { args: [library.saliency] },
    loadModel: { args: [undefined] },
    maxPool: { args: [tensor] },
    maxUnpool: { args: [tensor, found] },
    convolutionMatrix: { args: [model] },
    deconvolution: { args: [model, tensor] },
    convolutionOnnx: { args: [found], options: false },
    switchesFromIndices: { args: [new Int32Array(1), "onnx", [1, 1]], options: false },
    switchIndices: { args: [found, "onnx"], options: false },
    deconvolutionWalkThrough: { args: [] },
    dissect: { args: [model, [image]] },
    randomLatents: { args: [model] },
    unitEffects: { args: [model, [image]] },
    decodeImage: { args: [new Uint8Array(3)] },
    encodeJpeg: { args: [image] },
    toDataURL: { args: [image] },
    toImageData: { args: [image], options: false },
    resize: { args: [image] },
    encodePng: { args: [image], options: false },
    inWords: { args: ["saliency", "cat"], options: false },
    placement: { args: [image, image], options: false },
    preprocess: { args: [image, { width: 8, height: 8, channels: 3 }] },
    slic: { args: [image] },
    inspect: { args: [model], options: false },
    showReport: { args: [library.inspect(model)], options: false },
    receptiveField: { args: [model, "relu5"] },
    toImage: { args: [model, tensor], options: false },
    toCamModel: { args: [model] },
    contactSheet: { args: [model, found, found] },
    mergeTopActivations: { args: [found], options: false },
    topActivations: { args: [model, []] },
    unitPage: { args: [model, found, found] },
    unitSummary: { args: [found, 0] },
    controlHeatmaps: { args: [model, image] },
    deletionInsertion: judged,
    infidelity: judged,
    road: judged,
    averageDrop: judged,
    increaseInConfidence: judged,
    adcc: tested,
    bootstrapInterval: { args: [[0.1, 0.2, 0.4]] },
    maxSensitivity: tested,
    randomLogitTest: tested,
    randomizationTest: tested,
    energyPointingGame: { args: [attribution, { x: 0, y: 0, width: 4, height: 4 }], options: false },
    boxEvidence: { args: [attribution, { box: { x: 0, y: 0, width: 4, height: 4 } }, []], options: false },
    pointingGame: { args: [attribution, { x: 0, y: 0, width: 4, height: 4 }] },
    sparseness: { args: [attribution], options: false },
    boundingBox: { args: [map] },
    drawBox: { args: [image, { x: 0, y: 0, width: 4, height: 4 }] },
    drawDetections: { args: [image, []] },
    captioned: { args: [image, "cat"], options: false },
    classMap: { args: [tensor] },
    classMapImage: { args: [{}], options: false },
    cropImage: { args: [image, { x: 0, y: 0, width: 4, height: 4 }], options: false },
    encodeNpy: { args: [tensor], options: false },
    heatmap: { args: [attribution] },
    enlarge: { args: [image, 8], options: false },
    heatmapImage: { args: [map] },
    montage: { args: [volume, map] },
    overlay: { args: [image, map] },
    sideBySide: { args: [[image]] },
    poolingPicture: { args: [{}] },
    segment: { args: [image, map] },
    signalPlot: { args: [tensor, map] },
    maximizeActivation: { args: [model] },
    concepts: { args: [model, image] },
    audit: { args: [model, []] },
    compareModels: { args: [model, model, []] },
    mergeAudits: { args: [found], options: false },
    auditExamples: { args: [found], options: false },
    htmlReport: { args: [attribution] },
  };
};

/** Every function that is public and no class. */
const functions = Object.entries(library)
  .filter(([name, value]) => typeof value === "function" && !/^[A-Z]/.test(name))
  .map(([name, value]) => [name, value as Any] as const);

describe("every public function", () => {
  it("stands here", () => expect(functions.map(([name]) => name).sort()).toEqual(Object.keys(signatures()).sort()));

  it.each(functions)("%s refuses options that it does not know, and what is none", async (name, call) => {
    const { args, options } = signatures()[name];
    if (options === false) return;
    const message = async (given: unknown): Promise<string> => {
      const error = await failure(call, ...args, given);
      expect(error, `${name}(…, ${JSON.stringify(given)})`).toBeInstanceOf(library.OptionError);
      return String(error);
    };
    expect(await message({ zzzzzz: 1 })).toMatch(/has no option "zzzzzz"\. It takes /);
    const [, listed] = /It takes (.*)\.$/.exec(await message({ zzzzzz: 1 })) ?? [];
    const long = listed.split(", ").reduce((a, b) => (b.length > a.length ? b : a));
    const slip = `${long.slice(0, 2)}${long.slice(1)}`;
    expect(await message({ [slip]: 1 })).toContain(`has no option "${slip}". Did you mean "${long}"?`);
    for (const wrong of ["dog", 7, null, ["dog"], image, attribution.values, Promise.resolve({})]) {
      expect(await message(wrong)).toMatch(/as an object, got /);
    }
  });

  const noArguments = new Set(["loadModel", "deconvolutionWalkThrough", "mergeTopActivations", "mergeAudits"]);
  it.each(functions.filter(([name]) => !noArguments.has(name)))(
    "%s says what a wrong first argument is",
    async (name, call) => {
      const { args } = signatures()[name];
      for (const wrong of [undefined, null, 5, {}, Promise.resolve(model)]) {
        const error = await failure(call, wrong, ...args.slice(1));
        expect(error, `${name}(${String(wrong)}, …)`).toBeInstanceOf(SeethroughError);
      }
    },
  );
});

describe("what people mix up", () => {
  const said = async (call: Any, ...args: unknown[]): Promise<string> => {
    const error = await failure(call, ...args);
    expect(error).toBeInstanceOf(SeethroughError);
    return (error as Error).message;
  };
  const gradCam = library.gradCam as Any;

  it("a forgotten await", async () => {
    expect(await said(gradCam, Promise.resolve(model), image)).toContain("await it first");
    expect(await said(gradCam, model, Promise.resolve(image))).toContain("await it first");
    expect(await said(library.occlusion as Any, model, Promise.resolve(image))).toContain("await it first");
    expect(await said(library.rise as Any, async () => new Float32Array(1), Promise.resolve(image))).toContain(
      "await it",
    );
    expect(await said(library.heatmap as Any, Promise.resolve(attribution))).toContain("await it first");
    expect(await said(library.overlay as Any, image, Promise.resolve(attribution))).toContain("await it first");
    expect(await said(library.encodePng as Any, Promise.resolve(image))).toContain("await it first");
  });

  it("the order, and other things in their place", async () => {
    expect(await said(gradCam, image, model)).toMatch(/got an image 96×96\. The model comes first/);
    expect(await said(gradCam, model, model)).toMatch(/got a model\. The model comes first/);
    expect(await said(gradCam, async () => new Float32Array(1), image)).toMatch(/occlusion, rise, lime and kernelShap/);
    expect(await said(gradCam, model, [image])).toContain("got a list of 1");
    expect(await said(gradCam, model, attribution)).toContain("got an attribution");
    expect(await said(gradCam, model, library.heatmap(attribution))).toContain("got a heatmap 96×96");
    expect(await said(library.encodeNpy as Any, attribution)).toMatch(/attribution\.values; got an attribution/);
  });

  it("keys inside targets, interventions and preprocess", async () => {
    for (const [target, nearest] of [
      [{ layer: "relu5", unit: 1, postion: [0, 0] }, "position"],
      [{ position: [0, 0], channel: 0, chanel: 1 }, "channel"],
      [{ mask: new Uint8Array(1).fill(1), channel: 0, maks: 1 }, "mask"],
    ] as const) {
      expect(await said(library.saliency as Any, model, image, { target })).toContain(`Did you mean "${nearest}"?`);
    }
    for (const [options, nearest] of [
      [{ target: "cat", transforms: { jiter: 4 } }, "jitter"],
      [{ target: "cat", diversity: { images: 2, wieght: 1 } }, "weight"],
    ] as const)
      expect(await said(library.maximizeActivation as Any, model, options)).toContain(`Did you mean "${nearest}"?`);
    for (const diversity of [null, 2, "cat", [2]])
      expect(await said(library.maximizeActivation as Any, model, { target: "cat", diversity })).toMatch(
        /diversity takes its options as an object, got /,
      );
    for (const [composite, nearest] of [
      [{ convolution: "zPlus", dense: "epsilon", layer: {} }, "layers"],
      [{ convolution: { rule: "gamma", gama: 0.1 }, dense: "epsilon" }, "gamma"],
      [{ convolution: "zPlus", dense: { rule: "epsilon", epsilom: 1 } }, "epsilon"],
      [{ convolution: "zPlus", dense: "epsilon", layers: { conv1: { rule: "zBox", hihg: 1 } } }, "high"],
    ] as const)
      expect(await said(library.lrp as Any, model, image, { composite })).toContain(`Did you mean "${nearest}"?`);
    expect(await said(library.loadModel as Any, undefined, { limits: { node: 5 } })).toContain('Did you mean "nodes"?');
    const intervene = [{ layer: "relu5", unit: [1] }] as unknown as library.Intervention[];
    expect(await said(() => model.run(image, { intervene }))).toMatch(
      /intervene has no option "unit"\. Did you mean "units"/,
    );
    expect(await said(library.loadModel as Any, undefined, { preprocess: { fit: "cropp" } })).toContain(
      "preprocess.fit",
    );
    expect(await said(library.loadModel as Any, undefined, { preprocess: { mean: -0.5 } })).toContain("cannot belong");
    expect(await said(library.overlay as Any, image, attribution, { opacity: "1" })).toContain("opacity");
  });

  it("tensors of other libraries", async () => {
    const data = new Float32Array(27648);
    for (const call of [gradCam, library.lime as Any]) {
      expect(await said(call, model, { dims: [1, 3, 96, 96], data, type: "float32" })).toContain("new Tensor(");
      expect(await said(call, model, { shape: [1, 96, 96, 3], dtype: "float32", dataSync() {}, data() {} })).toContain(
        "a TensorFlow.js tensor",
      );
    }
  });

  it("options of other methods in explain: a note, and a recipe without them", async () => {
    const found = await library.explain(model, image, { method: "grad-cam", nSteps: 9, masks: 3 });
    expect(found.notes.find(({ code }) => code === "unused-options")?.message).toContain("nSteps, masks");
    expect(found.recipe.options).not.toHaveProperty("nSteps");
    expect(found.values).toEqual(attribution.values);
    expect(await said(library.explain as Any, model, image, { nStepz: 1 })).toContain('has no option "nStepz"');
    expect(await said(library.explain as Any, model, image, "dog")).toContain('pass { target: "dog" }');
  });

  it("one number for a pair", async () => {
    const one = await library.occlusion(model, image, { window: 32, stride: 32 });
    const two = await library.occlusion(model, image, { window: [32, 32], stride: [32, 32] });
    expect(one.values).toEqual(two.values);
    expect(one.recipe.options).toMatchObject({ window: [32, 32], stride: [32, 32], value: "zero" });
    const size = { width: 8, height: 8, channels: 3 };
    expect(library.preprocess(image, size, { mean: 0.5, std: 0.25 })).toEqual(
      library.preprocess(image, size, { mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] }),
    );
  });
});

describe("a recipe repeats its explanation", () => {
  const few: Readonly<Record<string, object>> = {
    rise: { masks: 12 },
    lime: { samples: 12 },
    "kernel-shap": { samples: 12 },
    occlusion: { window: 48 },
    "smooth-grad": { samples: 2 },
    "integrated-gradients": { nSteps: 2 },
  };
  it.each(methodTable.map(({ name }) => name))("%s", async (method) => {
    const facts = methodTable.find(({ name }) => name === method);
    const attends = facts?.needs.some((need) => need === "attention");
    const explained = attends ? await library.loadModel(writeOnnx(transformer(attentive))) : model;
    const first = await library.explain(explained, image, { method, seed: 5, ...few[method] });
    const { options, seed } = first.recipe;
    const again = await library.explain(explained, image, { ...options, method, seed });
    expect(again).toEqual(first);
    const known = new Set(facts?.options.flatMap((group) => Object.keys(group)));
    expect(Object.keys(options).filter((name) => !known.has(name))).toEqual([]);
    const defaults = facts?.options.flatMap((group): [string, { readonly default?: unknown }][] =>
      Object.entries(group),
    );
    for (const [name, fact] of defaults ?? []) {
      if ("default" in fact && name !== "seed") expect(options, name).toHaveProperty(name);
    }
    const codes = first.notes.map(({ code }) => code);
    for (const code of facts && "notes" in facts ? facts.notes : []) expect(codes).toContain(code);
  });

  it("through a noise tunnel", async () => {
    const settings = { kind: "vargrad", samples: 2, stdev: 0.1 } as const;
    const first = await library.noiseTunnel(library.gradCam, settings)(model, image, { seed: 3 });
    const { options, method, seed } = first.recipe;
    const again = await library.explain(model, image, { ...options, method: method as library.MethodName, seed });
    expect(again.values).toEqual(first.values);
    expect(again.recipe).toEqual(first.recipe);
  });
});

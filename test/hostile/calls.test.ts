import { afterAll, beforeAll, describe, expect, it } from "vitest";
import * as library from "../../src/index";
import { yoloV8 } from "../detect/networks";
import { caseOf } from "../seeded";
import { attending, classifier } from "./small-networks";
import { randomOf, wildArguments, wildValues } from "./wild-values";

const { Tensor, SeethroughError, InternalError } = library;

/** Milliseconds that one call may take, on a machine that does other things too; long work is given up before by its signal. */
const slowest = 20_000;
const cases = Number(process.env.CASES ?? 4000);

type Call = (...args: unknown[]) => unknown;
interface Signature {
  readonly call: Call;
  readonly args: readonly unknown[];
  /** Options that may be added. */
  readonly keys: readonly string[];
}

const few: Readonly<Record<string, object>> = {
  rise: { masks: 4 },
  lime: { samples: 8 },
  kernelShap: { samples: 8 },
  smoothGrad: { samples: 2 },
  gradientShap: { samples: 2 },
  integratedGradients: { nSteps: 3 },
  occlusion: { window: 4, stride: 4 },
};

const bigTests = [
  "road",
  "adcc",
  "maxSensitivity",
  "randomLogitTest",
  "randomizationTest",
  "infidelity",
  "deletionInsertion",
];

async function signatures(): Promise<ReadonlyMap<string, Signature>> {
  const image = { width: 12, height: 12, data: Uint8Array.from({ length: 432 }, (_, i) => (i * 7) % 256) };
  const model = await library.loadModel(classifier, { labels: ["a", "b", "c"] });
  const tensor = new Tensor(
    Float32Array.from({ length: 432 }, (_, i) => (i % 17) / 17),
    [1, 12, 12, 3],
  );
  const attribution = await library.gradCam(model, image);
  const whole = await library.saliency(model, image);
  const map = library.heatmap(attribution);
  const volume = new Tensor(map.data.slice(), [1, 1, 1, map.height, map.width]);
  const box = { x: 1, y: 1, width: 4, height: 4 };
  const images = [
    { id: "0", image },
    { id: "1", image },
  ];
  const attentive = await library.loadModel(attending);
  const found = await library.topActivations(model, images, { layer: "r2", top: 2 });
  const audited = await library.audit(model, images);
  const { pooled, switches } = await library.maxPool(tensor, { kernel: 2 });
  const own = (...given: Parameters<typeof library.saliency>) => library.saliency(...given);
  const source = () => image;
  const all: Record<string, readonly unknown[]> = {
    ...Object.fromEntries(library.methodTable.map(({ call }) => [call, [model, image, { target: 1, ...few[call] }]])),
    explain: [model, image, { method: "grad-cam", target: 1 }],
    detect: [model, image, {}],
    dRise: [await library.loadModel(yoloV8(0)), image, { detection: { box, index: 1 }, masks: 2 }],
    classProbabilityMap: [await library.loadModel(yoloV8(0)), image, { target: 1 }],
    drawDetections: [image, [{ box, index: 1, label: "cat", score: 0.5 }], { scale: 1 }],
    attentionRollout: [attentive, image, { discard: 0.5 }],
    attentionRelevance: [attentive, image, { target: 1 }],
    attentionMaps: [attentive, image, { head: 0, from: "mean" }],
    projectActivation: [model, image, { layer: "r1", unit: 1 }],
    projectionImage: [model, tensor, {}],
    loadModel: [classifier, { labels: ["a", "b", "c"], preprocess: { range: [0, 1] }, limits: { nodes: 20 } }],
    maxPool: [tensor, { kernel: 2 }],
    maxUnpool: [pooled, switches],
    convolutionMatrix: [model, { layer: "c1" }],
    deconvolution: [model, tensor, { layer: "c1" }],
    convolutionOnnx: [{ weight: Tensor.fromNCHW(new Float32Array(8), [2, 1, 2, 2]), inputShape: [1, 4, 4, 1] }],
    switchesFromIndices: [new Int32Array(108), "onnx", [1, 12, 12, 3], { kernel: 2 }],
    switchIndices: [switches, "onnx"],
    deconvolutionWalkThrough: [{}],
    dissect: [model, [image], { layer: "r1", region: new Uint8Array(144).fill(1) }],
    randomLatents: [model, { samples: 2, seed: 1 }],
    unitEffects: [model, [image], { layer: "r1", units: [0, 1] }],
    decodeImage: [await library.encodePng(image), { maxPixels: 1e6, maxSide: 8 }],
    encodeJpeg: [image, { quality: 80 }],
    encodePng: [image],
    toDataURL: [image, { format: "png" }],
    toImageData: [image],
    resize: [image, { width: 8, height: 8 }],
    inWords: ["saliency", "cat"],
    placement: [image, image],
    preprocess: [image, { width: 8, height: 8, channels: 3 }, { mean: [0, 0, 0], std: [1, 1, 1], fit: "pad" }],
    slic: [image, { segments: 6 }],
    inspect: [model],
    showReport: [library.inspect(model)],
    receptiveField: [model, "r2", { position: [1, 1] }],
    toImage: [model, tensor],
    toCamModel: [model, {}],
    contactSheet: [model, found, source, { tile: 16, unit: 0 }],
    mergeTopActivations: [found, found],
    topActivations: [model, images, { layer: "r2", top: 2 }],
    unitPage: [model, found, source, { tile: 16, unit: 0 }],
    unitSummary: [found, 0, {}],
    controlHeatmaps: [model, image],
    deletionInsertion: [model, image, whole, { step: 50 }],
    infidelity: [model, image, whole, { samples: 3 }],
    road: [model, image, whole, { percentiles: [50], noise: 0.01 }],
    averageDrop: [model, image, whole, { measure: "probability" }],
    increaseInConfidence: [model, image, whole, { baseline: "zero" }],
    adcc: [model, image, own, { measure: "probability" }],
    bootstrapInterval: [[0.1, 0.2], { resamples: 20, level: 0.9, seed: 1 }],
    maxSensitivity: [model, image, own, { samples: 2 }],
    randomLogitTest: [model, image, own, {}],
    randomizationTest: [model, image, own, { trials: 1 }],
    boxEvidence: [whole, { box }, [{ box }]],
    energyPointingGame: [whole, box],
    pointingGame: [whole, box, {}],
    sparseness: [whole],
    boundingBox: [map, {}],
    drawBox: [image, box, {}],
    captioned: [image, "cat"],
    classMap: [tensor, {}],
    classMapImage: [library.classMap(tensor)],
    cropImage: [image, box, { width: 4, height: 4 }],
    encodeNpy: [tensor],
    heatmap: [attribution, {}],
    enlarge: [image, 24],
    heatmapImage: [map, { colormap: "viridis" }],
    overlay: [image, map, { opacity: 0.5 }],
    sideBySide: [[image, image], { gap: 2 }],
    montage: [volume, map, { scale: 2, range: [0, 1] }],
    poolingPicture: [{ input: tensor }, {}],
    segment: [image, map, {}],
    signalPlot: [
      new Tensor(new Float32Array(24), [1, 2, 12]),
      { ...map, width: 12, height: 1, data: new Float32Array(12) },
    ],
    maximizeActivation: [model, { target: { layer: "r1", unit: 0 }, steps: 2 }],
    noiseTunnel: [own, { samples: 2 }],
    concepts: [model, image, { layer: "r2", top: 1 }],
    audit: [model, images, { grid: 2 }],
    compareModels: [model, model, images, { grid: 2 }],
    mergeAudits: [audited, audited],
    auditExamples: [audited],
    htmlReport: [[attribution, whole], { title: "a", photos: image, names: ["a", "b"] }],
  };
  const optionsOf = new Map<string, readonly string[]>(
    [...library.methodTable, ...library.detectorMethods].map(({ call, options }) => [
      call,
      options.flatMap((group) => Object.keys(group)),
    ]),
  );
  const signature = (name: string, args: readonly unknown[], call: Call): [string, Signature] => [
    name,
    { call, args, keys: optionsOf.get(name) ?? [] },
  ];
  const named = Object.entries(all).map(([name, args]) => signature(name, args, Reflect.get(library, name) as Call));
  return new Map([
    ...named,
    signature("model.run", [image, { capture: ["r1"], intervene: [{ layer: "r1", units: [0] }] }], (...args) =>
      (model.run as Call)(...args),
    ),
    signature("model.predict", [image, { top: 2 }], (...args) => (model.predict as Call)(...args)),
    signature("model.preprocess", [image], (...args) => (model.preprocess as Call)(...args)),
    signature("new Tensor", [new Float32Array(12), [1, 2, 2, 3]], (...args) => Reflect.construct(Tensor, args)),
    signature("Tensor.fromNCHW", [new Float32Array(12), [1, 3, 2, 2]], (...args) => (Tensor.fromNCHW as Call)(...args)),
    signature("rise of a black box", [async () => new Float32Array([1, 2]), tensor, { masks: 2 }], (...args) =>
      (library.rise as Call)(...args),
    ),
    signature("a noise tunnel", [own, { samples: 2 }, model, image, { target: 1 }], (method, settings, ...rest) =>
      ((library.noiseTunnel as Call)(method, settings) as Call)(...rest),
    ),
  ]);
}

/** Work that would be long is given up after a second: its reason is the caller's. */
function withSignal(name: string, args: unknown[], usual: number): void {
  // Others may follow it.
  const last = args[usual - 1];
  const takesSignal =
    bigTests.includes(name) || [...library.methodTable, ...library.detectorMethods].some(({ call }) => call === name);
  if (
    !takesSignal &&
    !["explain", "maximizeActivation", "a noise tunnel", "audit", "compareModels", "concepts"].includes(name)
  )
    return;
  if (typeof last !== "object" || last === null || Object.getPrototypeOf(last) !== Object.prototype) return;
  if (!("signal" in last)) Object.assign(last, { signal: AbortSignal.timeout(1000) });
}

describe("thousands of wild calls", () => {
  const unhandled: unknown[] = [];
  const note = (reason: unknown): void => void unhandled.push(reason);
  beforeAll(() => void process.on("unhandledRejection", note));
  afterAll(() => void process.off("unhandledRejection", note));

  it("of every public function end in typed errors or results", async () => {
    const known = await signatures();
    const functions = Object.entries(library).filter(
      ([name, value]) => typeof value === "function" && !/^[A-Z]/.test(name),
    );
    expect(functions.map(([name]) => name).filter((name) => !known.has(name))).toEqual([]);
    const names = [...known.keys()];
    const untyped: string[] = [];
    const worst = { milliseconds: 0, label: "" };
    let refused = 0;
    for (let i = 0; i < cases; i++) {
      const below = randomOf(i);
      const name = names[below(names.length)];
      const { call, args: usual, keys } = known.get(name) as Signature;
      const { args, done } = wildArguments(usual, keys, below);
      withSignal(name, args, usual.length);
      const label = `${caseOf(i)}: ${name} with ${done}`;
      const start = performance.now();
      try {
        await call(...args);
      } catch (error) {
        refused++;
        const typed = error instanceof SeethroughError && !(error instanceof InternalError);
        const isOwn = error instanceof Error && ["TimeoutError", "AbortError"].includes(error.name);
        // A class in the place of a function is the caller's, and so is its refusal to be called.
        const isTheirs = wildValues.includes(error) || /Class constructor Made/.test(String(error));
        if (!typed && !isOwn && !isTheirs) {
          const { cause } = (error ?? {}) as { readonly cause?: Error };
          untyped.push(`${label}: ${String((cause ?? (error as Error))?.stack).slice(0, 600)}`);
        } else if (typed && error.message.length > 5000) untyped.push(`${label}: a text of ${error.message.length}`);
      }
      const milliseconds = performance.now() - start;
      if (milliseconds > worst.milliseconds) Object.assign(worst, { milliseconds, label });
    }
    const megabytes = Math.round(process.resourceUsage().maxRSS / 1024);
    console.log(
      `${cases} wild calls, ${refused} refused; slowest ${Math.round(worst.milliseconds)} ms (${worst.label}); ` +
        `most memory ${megabytes} MB`,
    );
    expect(untyped.slice(0, 10)).toEqual([]);
    expect(unhandled).toEqual([]);
    expect(worst.milliseconds).toBeLessThan(slowest);
    expect(refused).toBeGreaterThan(cases / 4);
  }, 600_000);
});

/** Occlusion from the parts of maps that a patch changes, against whole passes. */
import { describe, expect, it } from "vitest";
import { IncrementalPasses } from "../../src/engine/incremental";
import type { Attribute, Constant, Graph, Node } from "../../src/graph/ir";
import { windowGeometry } from "../../src/graph/window";
import { type Attribution, loadModel, MemoryError, type Model, OptionError, occlusion, Tensor } from "../../src/index";
import { loaded } from "../../src/model/loaded-model";
import { writeOnnx } from "../../src/onnx/writer";
import { sizeOf } from "../../src/tensor";
import { graphOf, randomFloats, randomIntegers } from "../graph/build";
import { describeShared, readShared } from "../shared-folder";

type Random = ReturnType<typeof randomIntegers>;
type Step = [op: string, inputs: string[], outputs: string[], attributes?: Record<string, Attribute>];

const inputOf = ({ input }: Model, seed: number): Tensor =>
  new Tensor(randomFloats(randomIntegers(seed), input.shape).floats(), input.shape);

/** Both engines on one input; the second is what was really used. */
async function both(
  model: Model,
  x: Tensor,
  options: object,
): Promise<readonly [full: Attribution, parts: Attribution]> {
  const attribute = (engine: "incremental" | "full"): Promise<Attribution> =>
    occlusion(model, x, { ...options, engine });
  return [await attribute("full"), await attribute("incremental")];
}

/** Largest difference of the scores, in units of the largest score: attributions are differences of scores. */
const apart = (a: Attribution, b: Attribution): number => {
  const scale = a.values.data.reduce((most, value) => Math.max(most, Math.abs(value)), Math.abs(a.target.score));
  return a.values.data.reduce((most, value, i) => Math.max(most, Math.abs(value - b.values.data[i])), 0) / scale;
};

/** A network of layers that see a window, drawn at random, with a linear head over all that is left. */
function randomNetwork(random: Random, spatial: readonly number[]): Graph {
  const constants: Record<string, Constant> = {};
  const nodes: Step[] = [];
  const axes = spatial.length;
  const each = (from: number, to: number): number[] => Array.from({ length: axes }, () => random(from, to));
  let [value, channels]: [string, number] = ["x", random(1, 12)];
  let size = spatial;
  const inputs = { x: [1, channels, ...spatial] };
  const add = (op: string, from: string[], attributes?: Record<string, Attribute>): string => {
    const name = `${op.toLowerCase()}${nodes.length}`;
    nodes.push([op, from, [name], attributes]);
    return name;
  };
  const constant = (...shape: number[]): string => {
    const name = `c${Object.keys(constants).length}`;
    constants[name] = randomFloats(random, shape);
    return name;
  };
  /** Window, stride, padding and dilation that leave something of the map, and what they leave. */
  const windows = (op: string, largest: number): [Record<string, Attribute>, readonly number[], readonly number[]] => {
    for (;;) {
      const kernel = each(1, largest);
      const dilations = each(1, op === "Conv" ? 2 : 1);
      if (kernel.some((extent, i) => (extent - 1) * dilations[i] >= size[i])) continue;
      const inner = Math.min(...kernel) - 1;
      const pads = [...each(0, 2), ...each(0, 2)].map((pad) =>
        op === "Conv" ? pad : op === "MaxPool" ? Math.min(pad, inner) : 0,
      );
      const attributes: Record<string, Attribute> = { kernel_shape: kernel, strides: each(1, 3), pads };
      if (op === "Conv") attributes.dilations = dilations;
      if (op === "MaxPool") attributes.ceil_mode = random(0, 1);
      const node: Node = { name: "", op, inputs: [], outputs: [], attributes: new Map(Object.entries(attributes)) };
      const { out } = windowGeometry(node, size, kernel);
      if (out.every((extent) => extent >= 2)) return [attributes, kernel, out];
    }
  };
  const convolve = (): void => {
    const [attributes, kernel, out] = windows("Conv", 5);
    const group = random(0, 3) === 0 ? channels : 1;
    const to = group === 1 ? random(1, 20) : channels;
    value = add("Conv", [value, constant(to, channels / group, ...kernel), constant(to)], { ...attributes, group });
    [channels, size] = [to, out];
  };
  const pool = (op: string) => (): void => {
    const [attributes, , out] = windows(op, 3);
    value = add(op, [value], attributes);
    size = out;
  };
  // These differ from place to place, or see the whole map.
  const rare: (() => void)[] = [
    () => {
      value = add("Add", [value, constant(channels, ...size)]);
    },
    () => {
      value = add("InstanceNormalization", [value, constant(channels), constant(channels)]);
    },
    () => {
      const strides = each(1, 2);
      value = add("ConvTranspose", [value, constant(channels, 5, ...each(2, 2))], {
        kernel_shape: each(2, 2),
        strides,
      });
      [channels, size] = [5, size.map((extent, i) => (extent - 1) * strides[i] + 2)];
    },
    () => {
      value = add("LRN", [value], { size: 3, alpha: 0.1, beta: 0.75, bias: 1 });
    },
  ];
  const layers: (() => void)[] = [
    convolve,
    convolve,
    () => {
      value = add("Relu", [value]);
    },
    pool("MaxPool"),
    pool("AveragePool"),
    () => {
      const to = random(8, 24);
      const [kernel_shape, pads] = [each(3, 3), new Array<number>(2 * axes).fill(1)];
      value = add("Conv", [value, constant(to, channels, ...kernel_shape)], { kernel_shape, pads });
      channels = to;
    },
    () => {
      const kernel_shape = each(3, 3);
      const pads = new Array<number>(2 * axes).fill(1);
      const branch = add("Conv", [value, constant(channels, channels, ...kernel_shape)], { kernel_shape, pads });
      value = add("Add", [add("Relu", [branch]), value]);
    },
    () => {
      const kernel_shape = each(1, 1);
      const wide = add("Conv", [value, constant(4, channels, ...kernel_shape)], { kernel_shape });
      value = add("Concat", [value, wide, value], { axis: 1 });
      channels = 2 * channels + 4;
    },
    () => {
      value = add("Mul", [value, constant(channels, ...each(1, 1))]);
    },
    () => rare[random(0, rare.length - 1)](),
  ];
  const count = random(2, 7);
  for (let i = 0; i < count; i++) if (channels < 64) layers[random(0, layers.length - 1)]();
  if (nodes.length === 0) convolve();
  value = add("Flatten", [value], { axis: 1 });
  add("Gemm", [value, constant(3, channels * sizeOf(size))], { transB: 1 });
  return graphOf({ inputs, constants, nodes });
}

describe("the two engines agree", () => {
  const networks = 200;

  it(`on ${networks} networks drawn at random, images and signals`, async () => {
    const random = randomIntegers(101);
    let [incremental, largest] = [0, 0];
    for (let i = 0; i < networks; i++) {
      const spatial = i % 3 === 0 ? [random(12, 60)] : [random(9, 40), random(9, 40)];

      const model = await loadModel(writeOnnx(randomNetwork(random, spatial)));
      const window = spatial.map((extent) => random(1, Math.ceil(extent / 3)));
      const options = {
        window: window.length === 1 ? window[0] : window,
        stride: window.length === 1 ? random(1, window[0]) : window.map((extent) => random(1, extent)),
        target: random(0, 2),
        value: random(0, 1) === 0 ? "zero" : 0.25,
        batchSize: random(1, 9),
      };
      const [full, parts] = await both(model, inputOf(model, i), options);
      if (parts.recipe.options.engine === "incremental") incremental += 1;
      expect(apart(full, parts), `network ${i}, ${JSON.stringify(options)}`).toBeLessThan(2e-5);
      largest = Math.max(largest, apart(full, parts));
      model.dispose();
    }
    console.log(
      `${incremental} of ${networks} went by parts; largest difference ${largest.toExponential(1)} of the score`,
    );
    expect(incremental).toBeGreaterThan(networks / 3);
  }, 120_000);
});

describe("an incremental occlusion", () => {
  const kernel = { kernel_shape: [3, 3], pads: [1, 1, 1, 1] };
  const random = randomIntegers(8);
  const two = graphOf({
    inputs: { x: [1, 3, 32, 32] },
    constants: {
      w: randomFloats(random, [16, 3, 3, 3]),
      v: randomFloats(random, [4, 16, 1, 1]),
      h: randomFloats(random, [2, 4]),
    },
    nodes: [
      ["Conv", ["x", "w"], ["a"], kernel],
      ["Relu", ["a"], ["b"]],
      ["Conv", ["b", "v"], ["c"], { kernel_shape: [1, 1] }],
      ["GlobalAveragePool", ["c"], ["d"]],
      ["Flatten", ["d"], ["e"]],
      ["Gemm", ["e", "h"], ["y"], { transB: 1 }],
    ],
  });
  const patch = { window: [8, 8], stride: [8, 8], target: 1 } as const;

  it("computes what a patch reaches: 8 + 2 pixels of 32 in the first layer, and all of the head", async () => {
    const model = loaded(await loadModel(writeOnnx(two)));
    const { session, parts } = model;
    const starts = [0, 8, 16, 24];
    const change = { rows: { size: 8, starts }, columns: { size: 8, starts } };
    const network = model.networkFor(["y"]);
    const { share } = new IncrementalPasses(session, network, parts.mode, "y", network.input, change);
    const [perPixel, head] = [16 * 27 + 4 * 16, 8];
    expect(share).toBeCloseTo((10 * 10 * perPixel + head) / (32 * 32 * perPixel + head), 12);
  });

  it("gives its memory back, also where it is stopped", async () => {
    const model = loaded(await loadModel(writeOnnx(two)));
    const x = inputOf(model, 1);
    await occlusion(model, x, patch);
    const { available } = model.session.memory;
    await occlusion(model, x, patch);
    const stop = new AbortController();
    const stopped = occlusion(model, x, {
      ...patch,
      batchSize: 2,
      signal: stop.signal,
      onProgress: () => stop.abort(),
    });
    await expect(stopped).rejects.toThrow("abort");
    expect(model.session.memory.available).toBe(available);
  });

  it("runs beside another one on the same model", async () => {
    const model = await loadModel(writeOnnx(two));
    const inputs = [1, 2, 3].map((seed) => inputOf(model, seed));
    const alone: Attribution[] = [];
    for (const x of inputs) alone.push(await occlusion(model, x, patch));
    const together = await Promise.all(inputs.map((x) => occlusion(model, x, { ...patch, batchSize: 1 })));
    together.forEach(({ values }, i) => {
      expect(values).toEqual(alone[i].values);
    });
  });

  it("says that the model was disposed of on the way", async () => {
    const model = await loadModel(writeOnnx(two));
    const running = occlusion(model, inputOf(model, 1), { ...patch, batchSize: 1, onProgress: () => model.dispose() });
    await expect(running).rejects.toThrow("was disposed; load it again");
  });

  it("says in its recipe which engine it was", async () => {
    const engineOf = async (memory: "fast" | "low", options: object): Promise<unknown> => {
      const model = await loadModel(writeOnnx(two), { memory });
      return (await occlusion(model, inputOf(model, 1), { ...patch, ...options })).recipe.options.engine;
    };
    expect(await engineOf("fast", {})).toBe("incremental");
    expect(await engineOf("fast", { engine: "full" })).toBe("full");
    expect(await engineOf("low", {})).toBe("full");
    expect(await engineOf("low", { engine: "incremental" })).toBe("incremental");
    // A patch over all of the input leaves nothing to keep.
    expect(await engineOf("fast", { window: [32, 32], stride: [32, 32] })).toBe("full");
  });

  it("has the values of low memory's whole passes up to rounding there too", async () => {
    const model = await loadModel(writeOnnx(two), { memory: "low" });
    const [full, parts] = await both(model, inputOf(model, 1), patch);
    expect(apart(full, parts)).toBeLessThan(2e-5);
  });

  it("makes way for whole passes where its maps do not fit, unless it was asked for", async () => {
    const deep = graphOf({
      inputs: { x: [1, 3, 64, 64] },
      constants: { w: randomFloats(random, [64, 3, 3, 3]), v: randomFloats(random, [2, 64, 3, 3]) },
      nodes: [
        ["Conv", ["x", "w"], ["a"], kernel],
        ["Relu", ["a"], ["b"]],
        ["Conv", ["b", "v"], ["c"], kernel],
        ["GlobalAveragePool", ["c"], ["d"]],
        ["Flatten", ["d"], ["y"]],
      ],
    });
    const model = await loadModel(writeOnnx(deep), { maxMemory: 2.6e6 });
    const options = { ...patch, batchSize: 1 };
    const x = inputOf(model, 1);
    const found = await occlusion(model, x, options);
    expect(found.recipe.options.engine).toBe("full");
    expect(found.values).toEqual((await occlusion(model, x, { ...options, engine: "full" })).values);
    await expect(occlusion(model, x, { ...options, engine: "incremental" })).rejects.toThrow(MemoryError);
    await expect(occlusion(model, x, { ...options, engine: "incremental" })).rejects.toThrow(
      /maps of an incremental pass/,
    );
  });

  it("refuses engines that there are not", async () => {
    const model = await loadModel(writeOnnx(two));
    const x = inputOf(model, 1);
    await expect(occlusion(model, x, { engine: "fast" as never })).rejects.toThrow(
      'engine "fast" is none of incremental, full.',
    );
    const blackBox = async (batch: Tensor): Promise<Float32Array> => new Float32Array(batch.shape[0]);
    await expect(occlusion(blackBox, x, { engine: "incremental" })).rejects.toThrow(OptionError);
    await expect(occlusion(blackBox, x, { engine: "incremental" })).rejects.toThrow(
      'engine "incremental" needs a model of loadModel: of a black box nothing but its scores is known. Leave the option out.',
    );
  });
});

describeShared("the two engines agree on", () => {
  const light = { window: [48, 48], stride: [80, 80].map((step) => Math.min(step, 48)), target: 3 };
  for (const [file, options] of [
    ["squeezenet1.0-dc-imagenet", light],
    ["mobilenet-v2-1.0-224-imagenet", light],
    ["resnet20-cifar10-bn", { window: [8, 8], stride: [8, 8], target: 3 }],
    ["resnet20-cifar10-bn-rawexport", { window: [5, 7], stride: [5, 6], target: 3 }],
    ["ppocrv4-det-dbnet", { window: [32, 32], stride: [32, 32], target: { position: [20, 30], channel: 0 } }],
    ["enet-camvid-maxunpool-bn", { window: [32, 32], stride: [32, 32], target: { position: [20, 30], channel: 3 } }],
  ] as const) {
    it(file, async () => {
      const inputShape = /dbnet|camvid/.test(file) ? [1, 3, 96, 128] : undefined;
      const model = await loadModel(readShared(`models/${file}.onnx`), { inputShape });
      const [full, parts] = await both(model, inputOf(model, 4), options);
      expect(apart(full, parts)).toBeLessThan(2e-5);
    }, 60_000);
  }
});

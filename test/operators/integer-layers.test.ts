/** Layers of integers give the bits that the same layers give in floating point, operation by operation. */
import { describe, expect, it } from "vitest";
import { specialise } from "../../src/compile/specialise";
import { buildNetwork, type Network } from "../../src/engine/network";
import { Session } from "../../src/engine/session";
import { ShapeError } from "../../src/errors";
import { type Attribute, Constant, type Graph, type Node } from "../../src/graph/ir";
import type { Kernels } from "../../src/wasm/kernels";
import { KernelMemory } from "../../src/wasm/memory";
import { module } from "../kernels/harness";
import fc from "../seeded";

type Random = (from: number, to: number) => number;

function randomOf(seed: number): Random {
  let state = (seed * 2654435761 + 12345) >>> 0;
  return (from, to) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return from + Math.floor((state / 2 ** 32) * (to - from + 1));
  };
}

/** A network as it is put together. */
class Layers {
  readonly nodes: Node[] = [];
  readonly constants = new Map<string, Constant>();
  value = "x";
  channels: number;

  constructor(
    readonly random: Random,
    readonly shape: readonly number[],
  ) {
    this.channels = shape[1];
  }

  add(
    op: string,
    constants: readonly Constant[],
    attributes: Readonly<Record<string, Attribute>> = {},
    also: readonly string[] = [],
  ): string {
    const output = `v${this.nodes.length}`;
    const names = constants.map((constant, i) => {
      this.constants.set(`${output}.${i}`, constant);
      return `${output}.${i}`;
    });
    const inputs = [this.value, ...also, ...names];
    this.nodes.push({ name: output, op, inputs, outputs: [output], attributes: new Map(Object.entries(attributes)) });
    this.value = output;
    return output;
  }

  floats(count: number, make: () => number, shape: readonly number[] = [count]): Constant {
    return Constant.fromFloats(Float32Array.from({ length: count }, make), shape);
  }

  /** Sums, or numbers, on the grid of a step. */
  grid(step: number, low: number, high: number, factors: readonly number[], divide: 0 | 1, away: 0 | 1): void {
    const constants = [this.floats(factors.length, () => 0), this.floats(1, () => step)];
    constants[0].floats().set(factors);
    this.add("RoundToGrid", constants, { low, high, away, divide });
  }

  places(step: number, away: 0 | 1): void {
    this.add("RoundToGrid", [this.floats(1, () => step), this.floats(1, () => 1)], { away, divide: 1 });
  }

  conv(
    outChannels: number,
    group: number,
    [low, high]: readonly [number, number],
    attributes: Readonly<Record<string, Attribute>>,
  ): void {
    const kernel = attributes.kernel_shape as readonly number[];
    const shape = [outChannels, this.channels / group, ...kernel];
    const count = shape.reduce((a, b) => a * b, 1);
    const weight = this.floats(count, () => this.random(low, high), shape);
    const bias = this.floats(outChannels, () => this.random(-3000, 3000));
    this.add("Conv", this.random(0, 3) ? [weight, bias] : [weight], { ...attributes, group, integers: 8 });
    this.channels = outChannels;
  }

  build(): { network: Network; session: Session; called: Set<string>; calls: string[] } {
    const graph: Graph = {
      ...{ name: "layers", opset: 17, inputs: [{ name: "x", shape: this.shape }], outputs: [this.value] },
      ...{ nodes: this.nodes, constants: this.constants, metadata: new Map() },
    };
    const called = new Set<string>();
    const calls: string[] = [];
    const exports = new WebAssembly.Instance(module).exports as unknown as Record<string, unknown>;
    const kernels = Object.fromEntries(
      Object.entries(exports).map(([name, value]) => [
        name,
        typeof value !== "function"
          ? value
          : (...given: unknown[]) => {
              called.add(name);
              calls.push(name);
              return value(...given);
            },
      ]),
    ) as unknown as Kernels;
    const memory = new KernelMemory(kernels, 2 ** 30);
    const network = buildNetwork(specialise(graph, new Map()), kernels, memory);
    return { network, session: new Session(kernels, memory), called, calls };
  }
}

const ranges: readonly (readonly [number, number])[] = [
  [-127, 127],
  [-128, 127],
  [-100, 155],
  [0, 255],
];

/** Two or three layers: convolutions in groups, depthwise ones, with and without rectifiers, and a sum that others read too. */
function layersOf(seed: number): Layers {
  const random = randomOf(seed);
  const n = new Layers(random, [1, random(1, 6), random(3, 9), random(3, 9)]);
  const away = (seed & 1) as 0 | 1;
  let step = 0.05;
  n.grid(step, -128, 127, [step], 1, away);
  for (let i = 0; i < 3; i++) {
    const before = n.value;
    // Integers of another grid than that of the layer before, now and then.
    n.places(random(0, 4) ? step : step * 2, away);
    const isDepthwise = random(0, 2) === 0 && n.channels > 1;
    const group = isDepthwise ? n.channels : random(0, 2) || n.channels % 2 ? 1 : 2;
    const to = isDepthwise ? n.channels : group * random(1, 12);
    const [kh, kw] = [random(1, 3), random(1, 3)];
    n.conv(to, group, ranges[random(0, 3)], {
      kernel_shape: [kh, kw],
      pads: [random(0, kh), random(0, kw), random(0, 1), random(0, 1)],
      strides: [random(1, 2), random(1, 2)],
      dilations: [1, kw > 1 ? random(1, 2) : 1],
    });
    if (random(0, 1)) n.add("Relu", []);
    step = random(1, 9) / 64;
    const factors = Array.from({ length: random(0, 1) ? to : 1 }, () => random(1, 64) / 2048);
    const [low, high] = [
      [-128, 127],
      [0, 255],
      [-30, 225],
    ][random(0, 2)];
    n.grid(step, low, high, factors, 0, away);
    // Another reader, so that the numbers of the grid must be there.
    if (before !== n.value && random(0, 3) === 0) n.add("Add", [], {}, [n.value]);
    if (n.nodes.at(-1)?.op === "Add") n.grid(step * 2, -128, 127, [step * 2], 1, away);
    if (n.nodes.at(-2)?.op === "Add") step *= 2;
  }
  return n;
}

const same = (): void => {};

describe("layers of integers", () => {
  it("give the bits of floating point, whatever they take over from the operations around them", () => {
    let taken = 0;
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1e6 }), (seed) => {
        const n = layersOf(seed);
        let built: ReturnType<Layers["build"]>;
        try {
          built = n.build();
        } catch (error) {
          // A kernel that is larger than what it looks at.
          if (!(error instanceof ShapeError)) throw error;
          fc.pre(false);
          return;
        }
        const { network, session, called } = built;
        const size = n.shape.reduce((a, b) => a * b, 1);
        const data = Float32Array.from({ length: 2 * size }, () => n.random(-8000, 8000) / 1000);
        const keep = [n.value];
        const names = n.nodes.flatMap(({ outputs }) => outputs);
        // Nothing may be done on the way to a value that is edited, and what it holds is not known to be integers.
        const edits = new Map(names.map((name) => [name, same] as const));
        const slow = session.run(network, { batch: 2, data, keep, edits }).values.get(n.value);
        const isInteger = (): boolean => called.has("integerConv") || called.has("integerDepthwise");
        expect(isInteger()).toBe(false);
        const fast = session.run(network, { batch: 2, data, keep }).values.get(n.value);
        if (isInteger()) taken++;
        expect(fast).toEqual(slow);
        const all = session.run(network, { batch: 2, data, keep: names }).values;
        expect(all.get(n.value)).toEqual(slow);
        const alone = session.run(network, { batch: 1, data: data.slice(size), keep }).values.get(n.value);
        expect(alone).toEqual(slow?.slice(slow.length / 2));
        // NaN is no integer, and reaches what it reaches in floating point.
        data[seed % data.length] = Number.NaN;
        const odd = session.run(network, { batch: 2, data, keep, edits }).values.get(n.value);
        expect(session.run(network, { batch: 2, data, keep }).values.get(n.value)).toEqual(odd);
      }),
      { numRuns: 150, seed: 1 },
    );
    expect(taken).toBeGreaterThan(60);
  });

  it("hand their integers on as such, made of floats once", () => {
    const n = new Layers(randomOf(5), [1, 8, 9, 9]);
    let step = 0.05;
    n.grid(step, -128, 127, [step], 1, 1);
    for (const group of [1, 8, 1]) {
      // As exporters leave it: where the grid behind the layer before ends, and so without effect.
      if (n.nodes.length > 1) n.add("Clip", [n.floats(1, () => -step * 128, []), n.floats(1, () => step * 127, [])]);
      n.places(step, 1);
      n.conv(8, group, [-127, 127], { kernel_shape: [3, 3], pads: [1, 1, 1, 1] });
      n.add("Relu", []);
      step *= 2;
      n.grid(step, -128, 127, [0.001], 0, 1);
    }
    const { network, session, calls } = n.build();
    const data = Float32Array.from({ length: 8 * 81 }, () => n.random(-6000, 6000) / 1000);
    const { values } = session.run(network, { batch: 1, data, keep: [n.value] });
    const made = ["toShorts", "integerConv", "integerDepthwise", "roundToGrid"];
    expect(made.map((name) => calls.filter((call) => call === name).length)).toEqual([1, 2, 1, 1]);
    // A value that is asked for lies there as floats, and all others are what they were.
    for (const { outputs } of n.nodes) {
      const all = session.run(network, { batch: 1, data, keep: [n.value, outputs[0]] }).values;
      expect(all.get(n.value)).toEqual(values.get(n.value));
    }
  });

  it("may be products with a matrix, in a quarter of the memory", () => {
    const n = new Layers(randomOf(7), [3, 50]);
    n.grid(0.05, -128, 127, [0.05], 1, 1);
    n.places(0.05, 1);
    n.add("MatMul", [n.floats(50 * 30, () => n.random(-127, 127), [50, 30])], { integers: 8 });
    n.channels = 30;
    n.grid(0.1, -128, 127, [0.001], 0, 1);
    const { network, session, called } = n.build();
    const layer = network.operations.find(({ node }) => node.op === "MatMul");
    // Panels of eight outputs, their offsets and their bias.
    expect(layer?.weightBytes.forward).toBe(32 * (50 + 2 + 4));
    const data = Float32Array.from({ length: 2 * 150 }, () => n.random(-8000, 8000) / 1000);
    const edits = new Map(n.nodes.map(({ outputs }) => [outputs[0], same] as const));
    const run = (more: { readonly edits?: typeof edits }): Float32Array | undefined =>
      session.run(network, { batch: 2, data, keep: [n.value], ...more }).values.get(n.value);
    const slow = run({ edits });
    expect([called.has("integerConv"), called.has("conv")]).toEqual([false, true]);
    expect(run({})).toEqual(slow);
    expect(called.has("integerConv")).toBe(true);
  });

  it("hand integers on in half the memory", () => {
    const n = new Layers(randomOf(9), [1, 8, 16, 16]);
    n.grid(0.05, -128, 127, [0.05], 1, 1);
    for (let i = 0; i < 4; i++) {
      n.places(0.05, 1);
      n.conv(64, 1, [-127, 127], { kernel_shape: [1, 1] });
      n.grid(0.05, -128, 127, [0.001], 0, 1);
    }
    const { network, session } = n.build();
    const bytes = (integers: boolean): number =>
      session.plan(network, { batch: 1, start: "x", keep: [n.value], ...(integers ? {} : { integers }) }).bytes;
    expect(bytes(false) - bytes(true)).toBe(64 * 256 * 2);
  });

  it("keep their weights as bytes, and compute with real numbers where a pass has such", () => {
    const n = new Layers(randomOf(3), [1, 64, 4, 4]);
    n.grid(0.05, -128, 127, [0.05], 1, 1);
    n.places(0.05, 1);
    n.conv(64, 1, [-127, 127], { kernel_shape: [3, 3], pads: [1, 1, 1, 1] });
    n.grid(0.1, -128, 127, [0.001], 0, 1);
    const { network, session, called } = n.build();
    const layer = network.operations.find(({ node }) => node.op === "Conv");
    expect(layer?.weightBytes.forward).toBeLessThan(1.02 * 64 * 64 * 9);
    const data = Float32Array.from({ length: 64 * 16 }, () => n.random(-6000, 6000) / 1000);
    const run = (rounding: boolean): Float32Array =>
      session.run(network, { batch: 1, data, keep: [n.value], rounding }).values.get(n.value) as Float32Array;
    const rounded = run(true);
    expect([called.has("integerConv"), called.has("conv")]).toEqual([true, false]);
    const real = run(false);
    expect(called.has("conv")).toBe(true);
    const places = real.map((value) => value / Math.fround(0.1));
    expect(places.some((place) => Math.abs(place - Math.round(place)) > 0.1)).toBe(true);
    // Both are near each other, and the next pass of integers is what it was.
    expect(Math.max(...real.map((value, i) => Math.abs(value - rounded[i])))).toBeLessThan(1);
    expect(run(true)).toEqual(rounded);
  });
});

import { describe, expect, it } from "vitest";
import { normalisation } from "../../src/image/normalisation";
import { loadModel, type Preprocess } from "../../src/index";
import { type LoadedModel, loaded } from "../../src/model/loaded-model";
import { Random } from "../../src/random/random";
import { Colours } from "../../src/visualize/colours";
import { similarity } from "../../src/visualize/diversity";
import { FourierPlanes, fourierBasis, frequency } from "../../src/visualize/fourier-basis";
import { makeOptimizer } from "../../src/visualize/optimizer";
import { fourier } from "../../src/visualize/parameterization";
import { penalties } from "../../src/visualize/penalties";
import { makeSampling } from "../../src/visualize/sampling";
import { changesNothing, drawView, settleTransforms, transformSets } from "../../src/visualize/transforms";
import fc from "../seeded";
import { modelOf } from "./networks";

const noise = (random: Random, count: number): Float32Array =>
  Float32Array.from({ length: count }, () => random.normal());

const dot = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
};

/** The slope of f at x along a direction, by central differences. */
function slope(f: (x: Float32Array) => number, x: Float32Array, direction: Float32Array, step = 1e-2): number {
  const at = (factor: number) => f(x.map((value, i) => value + factor * direction[i]));
  return (at(step) - at(-step)) / (2 * step);
}

describe("a view of a picture", () => {
  it("goes back by its exact adjoint: ⟨Tx, y⟩ = ⟨x, Tᵀy⟩", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 9 }),
        fc.constantFrom(1, 3),
        fc.integer({ min: -6, max: 6 }),
        fc.double({ min: -180, max: 180, noNaN: true }),
        fc.double({ min: 0.4, max: 2.5, noNaN: true }),
        fc.boolean(),
        (height, width, channels, shift, degrees, scale, reflect) => {
          const fill = reflect ? undefined : new Array<number>(channels).fill(0.7);
          const view = { shift: [shift, -shift >> 1] as const, degrees, scale };
          const sampling = makeSampling({ height, width, channels }, view, fill);
          const random = new Random(5);
          const [x, y] = [noise(random, height * width * channels), noise(random, height * width * channels)];
          // The padding is a constant; what is left is linear.
          const padding = sampling.apply(new Float32Array(x.length));
          const seen = sampling.apply(x).map((value, i) => value - padding[i]);
          expect(Math.abs(dot(seen, y) - dot(x, sampling.adjoint(y)))).toBeLessThan(
            1e-5 * (1 + Math.sqrt(dot(x, x) * dot(y, y))),
          );
        },
      ),
      { numRuns: 200, seed: 11 },
    );
  });

  const size = { height: 3, width: 3, channels: 1 };
  const numbers = Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9);
  const see = (view: Parameters<typeof makeSampling>[1], fill?: number[]) =>
    Array.from(makeSampling(size, view, fill).apply(numbers), (value) => Math.round(value * 1e5) / 1e5);

  it("shifts, turns clockwise and enlarges about the centre; beyond the picture lies the padding", () => {
    const still = { shift: [0, 0], degrees: 0, scale: 1 } as const;
    expect(see(still)).toEqual(Array.from(numbers));
    expect(see({ ...still, shift: [1, 0] }, [-1])).toEqual([4, 5, 6, 7, 8, 9, -1, -1, -1]);
    expect(see({ ...still, shift: [0, 2] })).toEqual([3, 2, 1, 6, 5, 4, 9, 8, 7]);
    expect(see({ ...still, degrees: 90 })).toEqual([7, 4, 1, 8, 5, 2, 9, 6, 3]);
    expect(see({ ...still, scale: 2 })).toEqual([3, 3.5, 4, 4.5, 5, 5.5, 6, 6.5, 7]);
    expect(see({ ...still, scale: 0.5 }, [0])).toEqual([0, 0, 0, 0, 5, 0, 0, 0, 0]);
  });

  it("is drawn evenly from the ranges", () => {
    const random = new Random(2);
    const views = Array.from({ length: 3000 }, () => drawView(transformSets.standard, random));
    const shifts = views.map(({ shift }) => shift[0]);
    expect([Math.min(...shifts), Math.max(...shifts)]).toEqual([-8, 8]);
    for (let shift = -8; shift <= 8; shift++) {
      expect(shifts.filter((value) => value === shift).length / 3000).toBeCloseTo(1 / 17, 1);
    }
    const angles = views.map(({ degrees }) => degrees);
    expect(Math.min(...angles)).toBeLessThan(-9.9);
    expect(Math.max(...angles)).toBeGreaterThan(9.9);
    expect(Math.max(...angles)).toBeLessThanOrEqual(10);
    const scales = views.map(({ scale }) => scale);
    expect(Math.min(...scales)).toBeGreaterThanOrEqual(0.9);
    expect(Math.max(...scales)).toBeLessThanOrEqual(1.1);
    expect(scales.reduce((a, b) => a + b) / 3000).toBeCloseTo(1, 2);
    expect(changesNothing(settleTransforms({ padding: "reflect" }, 96))).toBe(true);
    // Small inputs are shifted less, unless asked otherwise.
    expect(settleTransforms("standard", 224)).toEqual(transformSets.standard);
    expect(settleTransforms("standard", 28)).toEqual({ ...transformSets.standard, jitter: 3 });
    expect(settleTransforms({ jitter: 8 }, 28)).toMatchObject({ jitter: 8 });
  });
});

describe("waves", () => {
  it.each([1, 2, 5, 8])("%i of them are orthonormal, from slow to fast", (n) => {
    const basis = fourierBasis(n);
    for (let a = 0; a < n; a++) {
      for (let b = 0; b < n; b++) {
        const product = dot(basis.subarray(a * n, (a + 1) * n), basis.subarray(b * n, (b + 1) * n));
        expect(product).toBeCloseTo(Number(a === b), 6);
      }
      // The frequency is that of the wave: how often its sign changes around the circle.
      const signs = Array.from(basis.subarray(a * n, (a + 1) * n), (value) => value > 1e-6);
      if (n === 8 && a > 0 && a % 2 === 1) {
        const changes = signs.filter((sign, i) => sign !== signs[(i + 1) % n]).length;
        expect(changes).toBe(2 * frequency(a, n) * n);
      }
    }
  });

  it("make pictures as the naive sum does, and the way back is inverse and adjoint", async () => {
    using model = await modelOf([1, 3, 4, 4]);
    const { kernels, memory } = loaded(model).parts;
    const used = memory.used;
    const [planes, height, width] = [2, 5, 6];
    const waves = new FourierPlanes(kernels, memory, planes, height, width);
    const spectrum = noise(new Random(1), planes * height * width);
    const picture = waves.synthesise(spectrum);
    const [alongY, alongX] = [fourierBasis(height), fourierBasis(width)];
    for (let plane = 0; plane < planes; plane++) {
      for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++) {
          let sum = 0;
          for (let ky = 0; ky < height; ky++) {
            for (let kx = 0; kx < width; kx++) {
              const weight = alongY[ky * height + y] * alongX[kx * width + x];
              sum += spectrum[(plane * height + ky) * width + kx] * weight;
            }
          }
          expect(picture[(plane * width + x) * height + y]).toBeCloseTo(sum, 5);
        }
      }
    }
    waves.analyse(picture).forEach((value, i) => {
      expect(value).toBeCloseTo(spectrum[i], 5);
    });
    const other = noise(new Random(2), picture.length);
    expect(dot(picture, other)).toBeCloseTo(dot(spectrum, waves.analyse(other)), 4);
    waves.dispose();
    expect(memory.used).toBe(used);
  });
});

const settings: Preprocess[] = [
  {},
  { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
  { range: [0, 255], mean: [123, 117, 104], channels: "bgr" },
];

describe.each([1, 2, 3])("colours of %i channels", (channels) => {
  it.each(channels === 3 ? settings : settings.slice(0, 1))("of %j", (options) => {
    const size = { height: 4, width: 5, channels };
    const normal = normalisation(options, channels);
    const colours = new Colours(size, normal);
    const random = new Random(3);
    const planes = noise(random, 20 * channels).map((value) => 2 * value);
    const { values, adjoint } = colours.at(planes);
    // In the range of pictures, wherever the planes are.
    const far = colours.at(planes.map((value) => 1000 * value)).values;
    for (const [i, value] of far.entries()) {
      const pixel = normal.toPixel(value, i % channels);
      expect(pixel).toBeGreaterThan(-1e-3);
      expect(pixel).toBeLessThan(255.001);
    }
    // There and back.
    const again = colours.at(colours.toPlanes(values)).values;
    const span = Math.abs(normal.toValue(255, 0) - normal.toValue(0, 0));
    again.forEach((value, i) => {
      expect(Math.abs(value - values[i])).toBeLessThan(0.003 * span);
    });
    // The adjoint is the derivative.
    const [direction, arrived] = [noise(random, planes.length), noise(random, planes.length)];
    const measured = slope((x) => dot(colours.at(x).values, arrived), planes, direction);
    const derived = dot(adjoint(arrived), direction);
    expect(Math.abs(measured - derived)).toBeLessThan(1e-3 * (Math.abs(derived) + span));
  });
});

describe("the Fourier parameterization", () => {
  it("the first plane is lightness: its constant wave brightens all colours alike", async () => {
    using model = await modelOf([1, 3, 6, 8]);
    const waves = fourier(loaded(model), { height: 6, width: 8, channels: 3 });
    const parameters = new Float32Array(6 * 8 * 3);
    waves.at(parameters).input.forEach((value) => {
      expect(value).toBe(0.5);
    });
    parameters[0] = 1;
    const bright = waves.at(parameters).input;
    // σ of: the weight √2/4 over the lowest frequency 1/8, over √48 pixels, times Lucid's colour over its longest column.
    const longest = Math.hypot(0.26, 0.27, 0.27);
    [0.26, 0.27, 0.27].forEach((colour, c) => {
      const t = ((Math.SQRT2 / 4) * 8 * colour) / Math.sqrt(48) / longest;
      expect(bright[c]).toBeCloseTo(1 / (1 + Math.exp(-t)), 5);
    });
    waves.dispose();
  });

  it("its adjoint is the derivative, its inverse the inverse", async () => {
    using model: LoadedModel = loaded(await loadModel());
    const size = { height: 96, width: 96, channels: 3 };
    const waves = fourier(model, size);
    const random = new Random(8);
    const parameters = noise(random, 96 * 96 * 3).map((value) => 0.05 * value);
    const { input, adjoint } = waves.at(parameters);
    const [direction, arrived] = [noise(random, input.length), noise(random, input.length)];
    const measured = slope((x) => dot(waves.at(x).input, arrived), parameters, direction);
    const derived = dot(adjoint(Float64Array.from(arrived)), direction);
    expect(Math.abs(measured / derived - 1)).toBeLessThan(1e-3);
    waves.at(waves.fromInput(input)).input.forEach((value, i) => {
      if (Math.abs(value - input[i]) > 1e-3) throw new Error(`${value} is not ${input[i]}`);
    });
    waves.dispose();
  });
});

describe("Adam", () => {
  it("follows the published recurrence", () => {
    const parameters = Float32Array.of(1, -2, 0.5);
    const adam = makeOptimizer("adam", 0.05, 3);
    const [m, v, x] = [[0, 0, 0], [0, 0, 0], Array.from(parameters)];
    for (let t = 1; t <= 20; t++) {
      const gradient = x.map((value, i) => Math.sin(3 * value + i + t));
      adam.step(parameters, gradient);
      gradient.forEach((g, i) => {
        m[i] = 0.9 * m[i] + 0.1 * g;
        v[i] = 0.999 * v[i] + 0.001 * g * g;
        x[i] += (0.05 * (m[i] / (1 - 0.9 ** t))) / (Math.sqrt(v[i] / (1 - 0.999 ** t)) + 1e-8);
      });
      parameters.forEach((value, i) => {
        expect(value).toBeCloseTo(x[i], 5);
        x[i] = value;
      });
    }
  });
});

describe("penalties", () => {
  const size = { width: 3, channels: 2 };
  const x = Float32Array.of(1, 9, 4, 9, 4, 9, 1, 8, 0, 9, 7, 9);

  it("are what their formulas say", () => {
    const gradient = new Float64Array(12);
    // Channel 0 is [1 4 4; 1 0 7]: 11 along rows, 7 along columns; channel 1 is [9 9 9; 8 9 9]: 1 and 1.
    expect(penalties(x, size, { l2: 0, totalVariation: 0.5 }, gradient)).toBe(0.5 * 20);
    expect(Array.from(gradient.filter((_, i) => i % 2 === 0))).toEqual([0.5, -1, 0.5, -0.5, 1.5, -1]);
    const size2 = x.reduce((sum, value) => sum + value * value, 0);
    expect(penalties(x, size, { l2: 0.25, totalVariation: 0 }, gradient)).toBe(0.25 * size2);
  });

  it("subtract their derivative", () => {
    const random = new Random(4);
    const [point, direction] = [noise(random, 24), noise(random, 24).map((value) => 0.01 * value)];
    const weights = { l2: 0.3, totalVariation: 0.7 };
    const gradient = new Float64Array(24);
    const grid = { width: 4, channels: 1 };
    penalties(point, grid, weights, gradient);
    const measured = slope((at) => penalties(at, grid, weights, new Float64Array(24)), point, direction, 0.1);
    expect(-dot(gradient, direction)).toBeCloseTo(measured, 4);
  });
});

describe("the likeness of images", () => {
  it("is n(n − 1) for equal ones, 0 for those with nothing in common, whatever their scale", () => {
    const one = Float32Array.of(1, 0, 2, 0);
    expect(similarity(Float32Array.of(...one, ...one.map((v) => 3 * v), ...one), 3, 2)).toBeCloseTo(6, 6);
    expect(similarity(Float32Array.of(1, 0, 2, 0, 0, 5, 0, 1), 2, 2)).toBe(0);
    expect(similarity(new Float32Array(8), 2, 2)).toBe(0);
  });

  it("has the derivative it says", () => {
    const random = new Random(6);
    const [images, channels, places] = [3, 4, 5];
    const activations = noise(random, images * channels * places);
    const direction = noise(random, activations.length);
    const gradient = new Float32Array(activations.length);
    similarity(activations, images, channels, gradient);
    const measured = slope((at) => similarity(at, images, channels), activations, direction, 1e-3);
    expect(dot(gradient, direction)).toBeCloseTo(measured, 3);
  });
});

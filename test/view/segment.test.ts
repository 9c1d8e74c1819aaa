/** Masks from heatmaps. */
import { readFileSync } from "node:fs";
import { Matrix, solve } from "ml-matrix";
import { describe, expect, it } from "vitest";
import {
  decodeImage,
  type Heatmap,
  heatmap,
  InputError,
  loadModel,
  type Mask,
  OptionError,
  placement,
  saliency,
  segment,
} from "../../src/index";
import { randomWalk } from "../../src/view/random-walker";
import { randomIntegers } from "../graph/build";
import { describeShared, readShared, sharedPath } from "../shared-folder";

const overlap = (mask: Mask, truth: (x: number, y: number) => boolean): number => {
  let [both, either] = [0, 0];
  mask.data.forEach((inside, pixel) => {
    const right = truth(pixel % mask.width, Math.floor(pixel / mask.width));
    if (inside && right) both += 1;
    if (inside || right) either += 1;
  });
  return both / either;
};

describe("segment", () => {
  const size = 60;
  const isDisc = (x: number, y: number): boolean => (x - 25) ** 2 + (y - 30) ** 2 < 15 ** 2;
  const random = randomIntegers(2);
  const image = {
    width: size,
    height: size,
    data: Uint8Array.from({ length: size * size * 3 }, (_, i) => {
      const pixel = Math.floor(i / 3);
      const colours = isDisc(pixel % size, Math.floor(pixel / size)) ? [200, 120, 60] : [70, 130, 90];
      return colours[i % 3] + random(-20, 20);
    }),
  };
  /** Warm around one edge of the disc, as a saliency map is that found only a part. */
  const hot = (width: number, height: number): Heatmap => ({
    width,
    height,
    signed: false,
    data: Float32Array.from({ length: width * height }, (_, i) => {
      const [x, y] = [((i % width) + 0.5) * (size / width), (Math.floor(i / width) + 0.5) * (size / height)];
      return Math.max(0, 1 - Math.hypot(x - 20, y - 30) / 14);
    }),
  });

  it("finds all of an object of which the heatmap marks a part", () => {
    const mask = segment(image, hot(size, size));
    expect([mask.width, mask.height]).toEqual([size, size]);
    expect(overlap(mask, isDisc)).toBeGreaterThan(0.97);
    expect(
      overlap({ ...mask, data: Uint8Array.from(hot(size, size).data, (v) => Number(v > 0.2)) }, isDisc),
    ).toBeLessThan(0.8);
  });

  it("takes a heatmap of another size, and one that shows a part of the picture", () => {
    expect(overlap(segment(image, hot(30, 30)), isDisc)).toBeGreaterThan(0.85);
    const region = { x: 0, y: 10, width: 50, height: 45 };
    const part = hot(size, size);
    const cut = { ...part, width: 50, height: 45, data: new Float32Array(50 * 45) };
    cut.data.forEach((_, i) => {
      cut.data[i] = part.data[(10 + Math.floor(i / 50)) * size + (i % 50)];
    });
    const mask = segment(image, cut, { region });
    expect(overlap(mask, isDisc)).toBeGreaterThan(0.97);
  });

  it("keeps one piece of two objects of one colour: the one that is hot", () => {
    const twin = { ...image, data: image.data.slice() };
    for (let y = 5; y < 15; y++) {
      for (let x = 48; x < 58; x++) twin.data.set([200, 120, 60], (y * size + x) * 3);
    }
    expect(overlap(segment(twin, hot(size, size)), isDisc)).toBeGreaterThan(0.95);
  });

  it("takes a heatmap that is cold nearly everywhere, and one that is hot nearly everywhere", () => {
    const sparse = hot(size, size);
    sparse.data.forEach((value, pixel) => {
      sparse.data[pixel] = pixel % 7 === 0 && value > 0.2 ? value : 0;
    });
    expect(sparse.data.filter((value) => value > 0).length).toBeLessThan(0.03 * size * size);
    expect(overlap(segment(image, sparse), isDisc)).toBeGreaterThan(0.95);
    const raised = { ...sparse, data: sparse.data.map((value) => value + 0.1) };
    expect(segment(image, raised)).toEqual(segment(image, sparse));
    const plateau = hot(size, size);
    plateau.data.forEach((_, pixel) => {
      plateau.data[pixel] = pixel % size < 50 ? 1 : 0;
    });
    const { data } = segment(image, plateau);
    expect(data.filter((inside) => inside).length / data.length).toBeGreaterThan(0.5);
  });

  it("keeps at least what is hot, however smooth", () => {
    const dot = { ...hot(size, size), data: new Float32Array(size * size) };
    dot.data[30 * size + 25] = 1;
    for (const smoothness of [3, 30, 1e3, 1e5]) {
      expect(segment(image, dot, { smoothness }).data[30 * size + 25], `smoothness ${smoothness}`).toBe(1);
    }
    const small = { width: size / 2, height: size / 2, signed: false, data: new Float32Array((size / 2) ** 2) };
    small.data[15 * (size / 2) + 12] = 1;
    expect(segment(image, small, { smoothness: 1e3 }).data[30 * size + 25]).toBe(1);
  });

  it("says what is wrong", () => {
    const map = hot(size, size);
    expect(() => segment(image, map, { foreground: 0 })).toThrow("foreground must be above 0 and at most 0.5, got 0.");
    expect(() => segment(image, map, { background: 0.7 })).toThrow(OptionError);
    expect(() => segment(image, map, { smoothness: -1 })).toThrow("smoothness must be above 0, got -1.");
    expect(() => segment(image, { ...map, data: new Float32Array(size * size) })).toThrow(InputError);
    expect(() => segment(image, { ...map, data: new Float32Array(size * size) })).toThrow("nothing to show");
    expect(() => segment(image, undefined as never)).toThrow("segment(image, attribution)");
  });
});

it("randomWalk solves its linear system", () => {
  const [width, height] = [5, 4];
  const random = randomIntegers(7);
  const draw = (): Float64Array => Float64Array.from({ length: width * height }, () => random(0, 100) / 100);
  const [first, second, strength] = [draw(), draw(), draw()];
  const likeness = (a: number, b: number): number => 0.1 + strength[a] * strength[b];
  const u = randomWalk({ width, height, first, second, likeness });
  const laplacian = Matrix.diag(Array.from(first, (value, i) => value + second[i]));
  const join = (a: number, b: number): void => {
    for (const [i, j] of [
      [a, b],
      [b, a],
    ]) {
      laplacian.set(i, i, laplacian.get(i, i) + likeness(a, b));
      laplacian.set(i, j, -likeness(a, b));
    }
  };
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (x < width - 1) join(y * width + x, y * width + x + 1);
      if (y < height - 1) join(y * width + x, (y + 1) * width + x);
    }
  }
  const expected = solve(laplacian, Matrix.columnVector(Array.from(first))).getColumn(0);
  u.forEach((value, i) => {
    expect(value).toBeCloseTo(expected[i], 6);
  });
});

describe("the embedded network's saliency", () => {
  for (const scene of ["scene-snake-01", "scene-turtle-02", "scene-cat-00"]) {
    it(`cuts out ${scene}`, async () => {
      const read = (name: string) => decodeImage(new Uint8Array(readFileSync(`examples/images/${name}.png`)));
      const [image, truth] = [await read(scene), await read(`${scene}.mask`)];
      const mask = segment(image, heatmap(await saliency(await loadModel(), image), { smooth: 2 }));
      const channels = truth.data.length / (truth.width * truth.height);
      expect(overlap(mask, (x, y) => truth.data[(y * truth.width + x) * channels] > 127)).toBeGreaterThan(0.6);
    });
  }
});

describeShared("the saliency of MobileNetV2", () => {
  for (const [photo, least] of [
    ["crow", 0.75],
    ["samoyed", 0.55],
  ] as const) {
    it(`cuts out the ${photo}`, async () => {
      const preprocess = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };
      const model = await loadModel(sharedPath("models/mobilenet-v2-1.0-224-imagenet.onnx"), { preprocess });
      const image = await decodeImage(readShared(`images/${photo}.png`));
      const truth = await decodeImage(readShared(`images/${photo}.mask.png`));
      const region = placement(image, { width: 224, height: 224 });
      const mask = segment(image, heatmap(await saliency(model, image), { smooth: 4 }), { region });
      const channels = truth.data.length / (truth.width * truth.height);
      const scale = truth.width / image.width;
      const right = (x: number, y: number): boolean => {
        const at = Math.floor((y + 0.5) * scale) * truth.width + Math.floor((x + 0.5) * scale);
        return truth.data[at * channels] > 127;
      };
      expect(overlap(mask, right)).toBeGreaterThan(least);
    });
  }
});

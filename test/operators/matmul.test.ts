import { describe, expect, it } from "vitest";
import { Constant, type Graph, type Node } from "../../src/graph/ir";
import { unravel } from "../../src/graph/regions";
import { sizeOf } from "../../src/tensor";
import fc from "../seeded";
import { Runner, reference, values, worst } from "./harness";

const tolerance = 2e-6;

type Shape = readonly number[];
type Kind = "computed" | "constant";

interface Matrices {
  readonly a: Shape;
  readonly b: Shape;
  readonly kinds: readonly [Kind, Kind];
  readonly seed: number;
}

const ints = (numbers: readonly number[]): Constant => Constant.fromNumbers("int", numbers, [numbers.length]);
const node = (op: string, inputs: string[], output: string): Node => ({
  ...{ name: output, op, inputs, outputs: [output], attributes: new Map() },
});

/** MatMul of two pieces of one input, or of a piece and a constant. */
function graphOf({ a, b, kinds, seed }: Matrices): {
  graph: Graph;
  x: Float32Array;
  parts: [Float32Array, Float32Array];
} {
  const shapes = [a, b];
  const data = shapes.map((shape, i) => values(shape, seed + i));
  const computed = [0, 1].filter((i) => kinds[i] === "computed");
  const length = computed.reduce((sum, i) => sum + data[i].length, 0);
  const x = new Float32Array(length);
  const constants = new Map<string, Constant>();
  const nodes: Node[] = [];
  let at = 0;
  for (const i of [0, 1]) {
    if (kinds[i] === "constant") {
      constants.set(`m${i}`, Constant.fromFloats(data[i], shapes[i]));
      continue;
    }
    x.set(data[i], at);
    constants
      .set(`begin${i}`, ints([at]))
      .set(`end${i}`, ints([at + data[i].length]))
      .set(`shape${i}`, ints(shapes[i]));
    nodes.push(node("Slice", ["x", `begin${i}`, `end${i}`], `piece${i}`));
    nodes.push(node("Reshape", [`piece${i}`, `shape${i}`], `m${i}`));
    at += data[i].length;
  }
  nodes.push(node("MatMul", ["m0", "m1"], "y"));
  const graph: Graph = {
    ...{ name: "products", opset: 17, inputs: [{ name: "x", shape: [length] }], outputs: ["y"], nodes, constants },
    metadata: new Map(),
  };
  return { graph, x, parts: [data[0], data[1]] };
}

/** Every product of two elements: the places in a, b and y, from the definition alone. */
function eachProduct({ a, b }: Pick<Matrices, "a" | "b">, visit: (a: number, b: number, y: number) => void): Shape {
  const left = a.length === 1 ? [1, ...a] : a;
  const right = b.length === 1 ? [...b, 1] : b;
  const rank = Math.max(left.length, right.length);
  const wide = (shape: Shape): Shape => [...new Array<number>(rank - shape.length).fill(1), ...shape];
  const [l, r] = [wide(left), wide(right)];
  const batch = l.slice(0, -2).map((extent, axis) => Math.max(extent, r[axis]));
  const [rows, inner, columns] = [l[rank - 2], l[rank - 1], r[rank - 1]];
  for (let n = 0; n < sizeOf(batch); n++) {
    const place = unravel(n, batch);
    const [atL, atR] = [l, r].map((shape) =>
      place.reduce((sum, index, axis) => sum * shape[axis] + (shape[axis] === 1 ? 0 : index), 0),
    );
    for (let i = 0; i < rows; i++)
      for (let k = 0; k < inner; k++)
        for (let j = 0; j < columns; j++)
          visit((atL * rows + i) * inner + k, (atR * inner + k) * columns + j, (n * rows + i) * columns + j);
  }
  return [...batch, ...(a.length === 1 ? [] : [rows]), ...(b.length === 1 ? [] : [columns])];
}

/** Sums of products, and of their magnitudes: where products cancel, float32 cannot be near to the little that is left. */
class Sums {
  readonly #sums: Float64Array;
  readonly #magnitudes: Float64Array;
  constructor(length: number) {
    this.#sums = new Float64Array(length);
    this.#magnitudes = new Float64Array(length);
  }
  add(at: number, product: number): void {
    this.#sums[at] += product;
    this.#magnitudes[at] += Math.abs(product);
  }
  /** The largest difference, as a share of the largest sum of magnitudes. */
  missedBy(actual: ArrayLike<number>): number {
    if (actual.length !== this.#sums.length) return Number.POSITIVE_INFINITY;
    let difference = 0;
    this.#sums.forEach((sum, i) => {
      const d = Math.abs(actual[i] - sum);
      if (!(d <= difference)) difference = d;
    });
    return difference / this.#magnitudes.reduce((most, magnitude) => Math.max(most, magnitude), 1e-6);
  }
}

const int = (min: number, max: number) => fc.integer({ min, max });
const extent = fc.constantFrom(1, 2, 3, 4, 5, 8, 9, 13);

/** Ranks 1 to 6 on both sides; some of the axes in front are missing or 1 on one of them. */
const matrices: fc.Arbitrary<Matrices> = fc
  .record({
    ranks: fc.tuple(int(1, 6), int(1, 6)),
    sizes: fc.tuple(extent, extent, extent),
    batch: fc.array(fc.constantFrom(1, 2, 3), { minLength: 4, maxLength: 4 }),
    repeats: fc.array(fc.constantFrom("no", "no", "left", "right"), { minLength: 4, maxLength: 4 }),
    kinds: fc.constantFrom<readonly [Kind, Kind]>(
      ["computed", "computed"],
      ["computed", "computed"],
      ["constant", "computed"],
      ["computed", "constant"],
    ),
    seed: int(0, 1e6),
  })
  .map(({ ranks, sizes: [m, k, n], batch, repeats, kinds, seed }) => {
    const front = (rank: number, side: string): number[] =>
      batch.map((size, axis) => (repeats[axis] === side ? 1 : size)).slice(4 - Math.max(0, rank - 2));
    return {
      a: ranks[0] === 1 ? [k] : [...front(ranks[0], "left"), m, k],
      b: ranks[1] === 1 ? [k] : [...front(ranks[1], "right"), k, n],
      ...{ kinds, seed },
    };
  });

describe("products of matrices", () => {
  it("gives the values of onnxruntime and of the definition, and its exact adjoint", { timeout: 120_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(matrices, async (given) => {
        const { graph, x, parts } = graphOf(given);
        const runner = new Runner(graph);
        const y = runner.forward(x);
        const [a, b] = parts;
        const sums = new Sums(y.length);
        const shape = eachProduct(given, (i, j, at) => sums.add(at, a[i] * b[j]));
        expect(runner.shapeOf("y")).toEqual(shape);
        expect(sums.missedBy(y)).toBeLessThan(tolerance);
        const expected = (await reference(graph, x)).get("y");
        expect(sums.missedBy(expected?.data ?? [])).toBeLessThan(tolerance);

        const dy = values(shape, given.seed + 7);
        const [da, db] = [new Sums(a.length), new Sums(b.length)];
        eachProduct(given, (i, j, at) => {
          da.add(i, dy[at] * b[j]);
          db.add(j, dy[at] * a[i]);
        });
        const dx = runner.backward(x, dy);
        const end = given.kinds[0] === "computed" ? a.length : 0;
        if (given.kinds[0] === "computed") expect(da.missedBy(dx.subarray(0, end))).toBeLessThan(tolerance);
        if (given.kinds[1] === "computed") expect(db.missedBy(dx.subarray(end))).toBeLessThan(tolerance);
      }),
      { numRuns: 300 },
    );
  });

  it("keeps the bits of a sample in a batch of three", () => {
    fc.assert(
      fc.property(matrices, (given) => {
        const { graph, x } = graphOf(given);
        const runner = new Runner(graph);
        const others = [values([x.length], 1), x, values([x.length], 2)];
        const three = Float32Array.from(others.flatMap((sample) => [...sample]));
        const y = runner.forward(x);
        const dy = values(runner.shapeOf("y"), 3);
        const dys = Float32Array.from([...values([dy.length], 4), ...dy, ...values([dy.length], 5)]);
        const middle = (all: Float32Array): Float32Array => all.slice(all.length / 3, (2 * all.length) / 3);
        expect(middle(runner.forward(three, "y", 3))).toEqual(y);
        expect(middle(runner.backward(three, dys, undefined, "y", 3))).toEqual(runner.backward(x, dy));
      }),
      { numRuns: 100 },
    );
  });

  it("passes rows in several blocks", () => {
    const given: Matrices = { a: [2, 700, 300], b: [2, 300, 19], kinds: ["computed", "computed"], seed: 5 };
    const { graph, x, parts } = graphOf(given);
    const y = new Runner(graph).forward(x);
    const sums = new Float64Array(y.length);
    eachProduct(given, (i, j, at) => {
      sums[at] += parts[0][i] * parts[1][j];
    });
    expect(worst(y, Float32Array.from(sums))).toBeLessThan(tolerance);
  });

  it("multiplies a value by itself", () => {
    const graph: Graph = {
      ...{ name: "square", opset: 17, inputs: [{ name: "x", shape: [3, 3] }], outputs: ["y"] },
      ...{ nodes: [node("MatMul", ["x", "x"], "y")], constants: new Map(), metadata: new Map() },
    };
    const runner = new Runner(graph);
    const x = values([3, 3], 1);
    const dy = values([3, 3], 2);
    const at = (m: Float32Array, i: number, j: number): number => m[3 * i + j];
    const sum = (f: (k: number) => number): number => f(0) + f(1) + f(2);
    const each = (f: (i: number, j: number) => number): Float32Array =>
      Float32Array.from({ length: 9 }, (_, i) => f(Math.floor(i / 3), i % 3));
    expect(
      worst(
        runner.forward(x),
        each((i, j) => sum((k) => at(x, i, k) * at(x, k, j))),
      ),
    ).toBeLessThan(tolerance);
    // dy·xᵀ + xᵀ·dy
    const gradient = each((i, j) => sum((k) => at(dy, i, k) * at(x, j, k) + at(x, k, i) * at(dy, k, j)));
    expect(worst(runner.backward(x, dy), gradient)).toBeLessThan(tolerance);
  });
});

/** Small transformers as files write them: the ways in which tokens lie differ, what they mean does not. */
import { type Attribute, Constant } from "../../src/graph/ir";
import { floats, graphOf, ints, randomFloats, randomIntegers } from "./build";

type NodeParts = [op: string, inputs: string[], outputs: string[], attributes?: Record<string, Attribute>];

export interface TransformerParts {
  /** Rows and columns of patches of 2×2 pixels. */
  readonly grid: readonly [rows: number, columns: number];
  readonly channels?: number;
  /** Tokens in front of the patches, and behind them. */
  readonly inFront?: number;
  readonly behind?: number;
  /** Patches by a convolution, or cut out by a reshape and multiplied with a matrix. */
  readonly embed?: "convolution" | "reshape";
  /** Of a block: all tokens attend to all, in windows of 2×2, the same half a window further, or a matrix mixes places. */
  readonly blocks: readonly ("all" | "windows" | "shifted" | "mixer")[];
  readonly norm?: "operator" | "pieces";
  /** What the class scores are made of: the first token, the mean of all, or the mean of the patches. */
  readonly head: "first" | "mean" | "patches" | "pooled maps";
  readonly seed?: number;
}

const heads = 2;

/** `x` [1, 3, 2·rows, 2·columns] → `y` [1, 3]. Block i begins with the normalisation `normI`; the last one is `norm`. */
export function transformer(parts: TransformerParts): ReturnType<typeof graphOf> {
  const { grid, channels: c = 6, inFront = 0, behind = 0, embed = "convolution", blocks, head, seed = 3 } = parts;
  const [rows, columns] = grid;
  const [places, tokens] = [rows * columns, rows * columns + inFront + behind];
  const random = randomIntegers(seed);
  const nodes: NodeParts[] = [];
  const constants: Record<string, Constant> = {};
  const constant = (name: string, value: Constant): string => {
    constants[name] = value;
    return name;
  };
  const weight = (name: string, ...shape: number[]): string => {
    const given = randomFloats(random, shape);
    return constant(
      name,
      floats(
        shape,
        given.floats().map((value) => value * (shape.length > 1 ? 0.8 : 0.2)),
      ),
    );
  };
  let count = 0;
  const node = (op: string, inputs: string[], attributes: Record<string, Attribute> = {}, name = `n${count++}`) => {
    nodes.push([op, inputs, [name], attributes]);
    return name;
  };
  const reshape = (value: string, ...shape: number[]): string =>
    node("Reshape", [value, constant(`shape${count}`, ints(...shape))]);
  const transpose = (value: string, ...perm: number[]): string => node("Transpose", [value], { perm });
  const slice = (value: string, from: number, to: number, axis: number): string => {
    const [a, b, along] = [`from${count}`, `to${count}`, `axis${count}`];
    return node("Slice", [value, constant(a, ints(from)), constant(b, ints(to)), constant(along, ints(axis))]);
  };
  const roll = (value: string, by: number, axis: number, extent: number): string => {
    const [after, before] = [slice(value, by, extent, axis), slice(value, 0, by, axis)];
    return node("Concat", [after, before], { axis });
  };
  const dense = (value: string, name: string, from: number, to: number): string =>
    node("Add", [node("MatMul", [value, weight(`w_${name}`, from, to)]), weight(`b_${name}`, to)]);
  const normalised = (value: string, name: string): string => {
    const scale = constant(
      `g_${name}`,
      floats(
        [c],
        randomFloats(random, [c])
          .floats()
          .map((v) => 1 + v / 3),
      ),
    );
    const shift = weight(`s_${name}`, c);
    if (parts.norm !== "pieces") return node("LayerNormalization", [value, scale, shift], { axis: -1 }, name);
    const mean = node("ReduceMean", [value], { axes: [-1], keepdims: 1 });
    const centred = node("Sub", [value, mean]);
    const squares = node("Pow", [centred, constant("two", floats([], [2]))]);
    const variance = node("ReduceMean", [squares], { axes: [-1], keepdims: 1 });
    const spread = node("Sqrt", [node("Add", [variance, constant("little", floats([], [1e-5]))])]);
    return node("Add", [node("Mul", [node("Div", [centred, spread]), scale]), shift], {}, name);
  };
  /** [n, t, c] → [n, t, c] */
  const attention = (value: string, name: string, n: number, t: number): string => {
    const d = c / heads;
    const qkv = transpose(reshape(dense(value, `${name}_qkv`, c, 3 * c), n, t, 3, heads, d), 2, 0, 3, 1, 4);
    const one = (i: number): string => node("Gather", [qkv, constant(`pick${i}`, scalar(i))], { axis: 0 });
    const [q, k, v] = [one(0), one(1), one(2)];
    const alike = node("MatMul", [q, transpose(k, 0, 1, 3, 2)]);
    const scaled = node("Mul", [alike, constant("scale", floats([], [1 / Math.sqrt(d)]))]);
    const mixed = node("MatMul", [node("Softmax", [scaled], { axis: -1 }, `${name}_attention`), v]);
    return dense(reshape(transpose(mixed, 0, 2, 1, 3), n, t, c), `${name}_out`, c, c);
  };
  const inWindows = (value: string, name: string, shift: number): string => {
    let map = reshape(value, 1, rows, columns, c);
    if (shift > 0) map = roll(roll(map, shift, 1, rows), shift, 2, columns);
    const cut = transpose(reshape(map, 1, rows / 2, 2, columns / 2, 2, c), 0, 1, 3, 2, 4, 5);
    const mixed = attention(reshape(cut, places / 4, 4, c), name, places / 4, 4);
    const joined = transpose(reshape(mixed, 1, rows / 2, columns / 2, 2, 2, c), 0, 1, 3, 2, 4, 5);
    let back = reshape(joined, 1, rows, columns, c);
    if (shift > 0) back = roll(roll(back, rows - shift, 1, rows), columns - shift, 2, columns);
    return reshape(back, 1, places, c);
  };
  let value: string;
  if (embed === "convolution") {
    const maps = node(
      "Conv",
      ["x", weight("patches", c, 3, 2, 2)],
      { kernel_shape: [2, 2], strides: [2, 2] },
      "embedding",
    );
    value = transpose(reshape(maps, 1, c, places), 0, 2, 1);
  } else {
    const cut = transpose(reshape("x", 1, 3, rows, 2, columns, 2), 0, 2, 4, 3, 5, 1);
    value = dense(reshape(cut, 1, places, 12), "patches", 12, c);
  }
  const extra = [
    ...(inFront > 0 ? [weight("front", 1, inFront, c)] : []),
    value,
    ...(behind > 0 ? [weight("back", 1, behind, c)] : []),
  ];
  if (extra.length > 1) value = node("Concat", extra, { axis: 1 });
  value = node("Add", [value, weight("position", 1, tokens, c)]);
  blocks.forEach((kind, i) => {
    const read = normalised(value, `norm${i}`);
    const name = `block${i}`;
    const mixed =
      kind === "all"
        ? attention(read, name, 1, tokens)
        : kind === "mixer"
          ? transpose(dense(transpose(read, 0, 2, 1), name, tokens, tokens), 0, 2, 1)
          : inWindows(read, name, kind === "shifted" ? 1 : 0);
    value = node("Add", [value, mixed]);
    const hidden = node("Tanh", [dense(normalised(value, `second${i}`), `${name}_in`, c, 2 * c)]);
    value = node("Add", [value, dense(hidden, `${name}_mlp`, 2 * c, c)], {}, `after${i}`);
  });
  const last = normalised(value, "norm");
  let pooled: string;
  if (head === "first") pooled = node("Gather", [last, constant("none", scalar(0))], { axis: 1 });
  else if (head === "pooled maps") {
    const maps = transpose(reshape(last, 1, rows, columns, c), 0, 3, 1, 2);
    pooled = node("Flatten", [node("GlobalAveragePool", [maps])]);
  } else {
    const of = head === "patches" ? slice(last, inFront, inFront + places, 1) : last;
    pooled = node("ReduceMean", [of], { axes: [1], keepdims: 0 });
  }
  node("Gemm", [pooled, weight("head", c, 3), weight("bias", 3)], {}, "y");
  return graphOf({ inputs: { x: [1, 3, 2 * rows, 2 * columns] }, constants, nodes });
}

/** An index as a scalar, which takes the axis away. */
const scalar = (index: number): Constant => Constant.fromNumbers("int", [index], []);

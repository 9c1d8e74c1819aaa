import { Constant, type Graph } from "../../src/graph/ir";
import { floats, graphOf } from "../graph/build";

/**
 * A generator that can be read: ten numbers, one per digit, become a picture of a seven-segment display. Layer "strokes" has
 * a unit per segment and one for the dot, at the segment's place; the last layer paints every active place with a soft brush.
 */

/** Coarse grid, and the picture twice as large. */
export const grid = { rows: 14, columns: 10 } as const;

/** Unit order is no order, as in a trained network: [name, row from–to, column from–to] on the coarse grid. */
export const strokes = [
  ["bottom", 11, 12, 2, 6],
  ["upper right", 2, 6, 7, 8],
  ["dot", 12, 13, 9, 9],
  ["middle", 6, 7, 2, 6],
  ["top", 1, 2, 2, 6],
  ["lower left", 7, 11, 0, 1],
  ["upper left", 2, 6, 0, 1],
  ["lower right", 7, 11, 7, 8],
] as const;

type StrokeName = (typeof strokes)[number][0];

const lit: readonly (readonly StrokeName[])[] = [
  ["top", "upper left", "upper right", "lower left", "lower right", "bottom"],
  ["upper right", "lower right"],
  ["top", "upper right", "middle", "lower left", "bottom"],
  ["top", "upper right", "middle", "lower right", "bottom"],
  ["upper left", "upper right", "middle", "lower right"],
  ["top", "upper left", "middle", "lower right", "bottom"],
  ["top", "upper left", "middle", "lower left", "lower right", "bottom"],
  ["top", "upper right", "lower right"],
  ["top", "upper left", "upper right", "middle", "lower left", "lower right", "bottom"],
  ["top", "upper left", "upper right", "middle", "lower right", "bottom"],
];

export const unitOf = (name: StrokeName): number => strokes.findIndex(([stroke]) => stroke === name);

/** True where a digit uses a stroke; every other digit has the dot. */
export const uses = (digit: number, name: StrokeName): boolean =>
  name === "dot" ? digit % 2 === 1 : lit[digit].includes(name);

/** 1 at the places of a stroke on the coarse grid. */
export function strokePlaces(name: StrokeName): Uint8Array {
  const [, top, bottom, left, right] = strokes[unitOf(name)];
  return Uint8Array.from({ length: grid.rows * grid.columns }, (_, place) => {
    const [y, x] = [Math.floor(place / grid.columns), place % grid.columns];
    return Number(y >= top && y <= bottom && x >= left && x <= right);
  });
}

/** 1 at the pixels of the picture that a stroke covers. */
export function strokePixels(name: StrokeName): Uint8Array {
  const places = strokePlaces(name);
  const { rows, columns } = grid;
  return Uint8Array.from({ length: 4 * rows * columns }, (_, pixel) => {
    const [y, x] = [Math.floor(pixel / (2 * columns)), pixel % (2 * columns)];
    return places[(y >> 1) * columns + (x >> 1)];
  });
}

/** How bright a fully active place is before the squashing, and the paper. */
export const [ink, paper] = [3, -1.5];

/** A code below this leaves its digit dark. */
export const silence = 0.2;

export function sevenSegments(): Graph {
  const { rows, columns } = grid;
  const digits = lit.flatMap((_, digit) =>
    strokes.flatMap(([name]) => Array.from(strokePlaces(name), (place) => (uses(digit, name) ? place : 0))),
  );
  // Bilinear interpolation to twice the size, as a transposed convolution.
  const brush = [0.25, 0.75, 0.75, 0.25];
  const kernel = strokes.flatMap(() => brush.flatMap((y) => brush.map((x) => ink * y * x)));
  return {
    ...graphOf({
      opset: 13,
      inputs: { code: ["batch", 10, 1, 1] },
      constants: {
        digits: floats([10, strokes.length, rows, columns], digits),
        threshold: floats([strokes.length], new Array(strokes.length).fill(-silence)),
        brush: floats([strokes.length, 1, 4, 4], kernel),
        paper: floats([1], [paper]),
      },
      nodes: [
        ["ConvTranspose", ["code", "digits", "threshold"], ["places"], { kernel_shape: [rows, columns] }],
        ["Relu", ["places"], ["strokes"]],
        [
          "ConvTranspose",
          ["strokes", "brush", "paper"],
          ["painted"],
          { kernel_shape: [4, 4], strides: [2, 2], pads: [1, 1, 1, 1] },
        ],
        ["Tanh", ["painted"], ["image"]],
      ],
    }),
    name: "seven-segments",
  };
}

/** The graph with every element of a value multiplied by a factor and shifted: an intervention as nodes. */
export function withFactors(
  graph: Graph,
  value: string,
  shape: readonly number[],
  factor: number[],
  shift: number[],
): Graph {
  const [scaled, moved] = [`${value} scaled`, `${value} moved`];
  const made = graph.nodes.findIndex(({ outputs }) => outputs.includes(value));
  const rename = (name: string): string => (name === value ? moved : name);
  const node = (op: string, inputs: string[], output: string) => {
    return { name: output, op, inputs, outputs: [output], attributes: new Map() };
  };
  return {
    ...graph,
    outputs: graph.outputs.map(rename),
    constants: new Map([
      ...graph.constants,
      ["the factor", Constant.fromFloats(Float32Array.from(factor), shape)],
      ["the shift", Constant.fromFloats(Float32Array.from(shift), shape)],
    ]),
    nodes: [
      ...graph.nodes.slice(0, made + 1),
      node("Mul", [value, "the factor"], scaled),
      node("Add", [scaled, "the shift"], moved),
      ...graph.nodes.slice(made + 1).map((later) => ({ ...later, inputs: later.inputs.map(rename) })),
    ],
  };
}

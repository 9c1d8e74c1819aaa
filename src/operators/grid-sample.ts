/** GridSample: an image looked up at the places that a grid names, which may be computed from the image too. */
import { type Node, numberAttribute, stringAttribute } from "../graph/ir";
import { inputShape, type ShapeRule, shapeError } from "../graph/shape-rule";
import { imageShape, memoryStrides } from "../operation/layout";
import { type Builder, operation, type Run } from "../operation/operation";
import { placeConstant } from "../operation/weights";
import { showShape, sizeOf } from "../tensor";
import type { Pointer } from "../wasm/kernels";
import type { Operator } from "./operator";

const shape: ShapeRule = (node, inputs) => {
  const [x, grid] = [inputShape(node, inputs), inputShape(node, inputs, 1)];
  if (grid.length !== x.length || grid[grid.length - 1] !== x.length - 2 || grid[0] !== x[0]) {
    shapeError(
      node,
      `the grid ${showShape(grid)} must name ${x.length - 2} numbers for every place, for an input ${showShape(x)}.`,
    );
  }
  return [[x[0], x[1], ...grid.slice(1, -1)]];
};

const paddings: readonly string[] = ["zeros", "border", "reflection"];
/** Set 20 gave the modes other names. */
const modes: ReadonlyMap<string, "blended" | "nearest"> = /* @__PURE__ */ new Map([
  ["bilinear", "blended" as const],
  ["linear", "blended" as const],
  ["nearest", "nearest" as const],
]);

function methodOf(node: Node, refuse: (reason: string) => never) {
  const mode = stringAttribute(node, "mode", "linear");
  const padding = stringAttribute(node, "padding_mode", "zeros");
  const found = modes.get(mode) ?? refuse(`its mode "${mode}" is not supported; bilinear and nearest are`);
  if (!paddings.includes(padding)) refuse(`its padding_mode "${padding}" is not one of ${paddings.join(", ")}`);
  return {
    nearest: Number(found === "nearest"),
    padding: paddings.indexOf(padding),
    alignCorners: Number(numberAttribute(node, "align_corners", 0) !== 0),
  };
}

const build: Builder = (context) => {
  const { node, memory } = context;
  const [x, grid] = node.inputs;
  const [output] = node.outputs;
  if (context.shape(x).length !== 4) context.refuse("only images of height and width are supported");
  const method = methodOf(node, context.refuse);
  const [from, to] = [imageShape(context.shape(x)), imageShape(context.shape(output))];
  const sideOf = (name: string) => {
    const own = context.shape(name);
    const constant = context.constant(name);
    const place = constant && placeConstant(memory, constant, own, "Constant operand");
    // Of several samples in the file each is looked at alone.
    const size = sizeOf(own) / own[0];
    return { name, size: sizeOf(own), sample: place && own[0] === 1 ? 0 : size, place };
  };
  const [image, places] = [sideOf(x), sideOf(grid)];
  const dynamic = [image, places].filter(({ place }) => !place);
  if (dynamic.length < 2 && from.n > 1)
    context.refuse("a constant beside several samples in one input is not supported");
  const [, gridRow, gridColumn, gridPart] = memoryStrides(context.shape(grid));
  const record = (run: Run): Pointer =>
    run.record("GridGeometry", {
      ...{ samples: from.n * run.batch, inH: from.h, inW: from.w, channels: from.c, outH: to.h, outW: to.w },
      ...{ xSample: image.sample, gridSample: places.sample, gridRow, gridColumn, gridPart, ...method },
    });
  const at = (run: Run, { name, place }: typeof image): Pointer => (place ? place() : run.value(name));
  return operation({
    node,
    inputs: [...new Set(dynamic.map(({ name }) => name))],
    outputs: [output],
    saved: [...new Set(dynamic.map(({ name }) => name))],
    linear: places.place !== undefined,
    macs: 4 * to.h * to.w * to.c,
    forward: (run) => run.kernels.gridSample(at(run, image), at(run, places), run.value(output), record(run)),
    backward: (run) => {
      const through = (dx: Pointer, dGrid: Pointer): void =>
        run.kernels.gridSampleBackward(at(run, image), at(run, places), run.gradient(output), dx, dGrid, record(run));
      if (!image.place) run.contribute(x, (dx) => through(dx, 0));
      if (!places.place) run.contribute(grid, (dGrid) => through(0, dGrid));
    },
  });
};

export const gridSample: Operator = {
  since: 16,
  nature: "moves",
  shape,
  reach: {
    operands: ({ shapes: [x = [], grid = []] }) => [
      x.map((_, axis) => (axis < 2 ? { of: axis } : "whole")),
      grid.map((_, axis) => (axis === grid.length - 1 ? "whole" : { of: axis === 0 ? 0 : axis + 1 })),
    ],
  },
  build,
};

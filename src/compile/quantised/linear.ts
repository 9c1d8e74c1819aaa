/** QuantizeLinear and DequantizeLinear of values that are computed. */
import { axisOf } from "../../graph/shape-rule";
import { quantizedType } from "../../operators/quantize";
import type { Lowered } from "../lowering/emitter";
import { type Grid, isPlain, isSameGrid, linearGrid } from "./grid";
import { type Knowledge, movedOnGrid, onGrid, roundedToGrid, setGrid } from "./known";

/** Numbers for each place of an axis, as they repeat over a value. */
function along(from: Lowered, numbers: readonly number[], axis: number, rank: number): string {
  return from.floats(Float32Array.from(numbers), [numbers.length, ...new Array<number>(rank - 1 - axis).fill(1)]);
}

/** On a grid that has a scale for each place of an axis. */
function onEach(known: Knowledge, from: Lowered, x: string, grid: Grid, axis: number): string {
  const rank = from.shape(0).length;
  const list = (of: (scale: number, zero: number) => number): string =>
    along(
      from,
      grid.scale.map((scale, i) => of(scale, grid.zero[i])),
      axis,
      rank,
    );
  const isDeployed = known.reading === "deployed";
  const places = isDeployed
    ? roundedToGrid(from, from.emit("Div", [x, list((scale) => scale)]), { factor: 1, step: 1 })
    : x;
  const unit = (scale: number): number => (isDeployed ? 1 : scale);
  const above = from.emit("Max", [places, list((scale, zero) => (grid.low - zero) * unit(scale))]);
  const between = from.emit("Min", [above, list((scale, zero) => (grid.high - zero) * unit(scale))]);
  return isDeployed ? from.emit("Mul", [between, list((scale) => scale)]) : between;
}

export function quantizeLinear(known: Knowledge, from: Lowered): string | undefined {
  const given = known.values.get(from.input(0));
  if (given && (!("grid" in given) || given.whole)) return "it quantises integers";
  const grid = linearGrid(from, from.shape(0), quantizedType(from.node) ?? "");
  if (typeof grid === "string") return grid;
  const lies = given && "grid" in given && isSameGrid(given.grid, grid) && !given.between;
  if (lies) from.result(from.emit("Identity", [from.input(0)]));
  else if (isPlain(grid)) from.result(onGrid(known, from, from.input(0), grid));
  else from.result(onEach(known, from, from.input(0), grid, grid.axis as number));
  setGrid(known, from, grid);
  return undefined;
}

export function dequantizeLinear(known: Knowledge, from: Lowered): string | undefined {
  const [constant, scale, zero] = from.known;
  if (constant) {
    if (!scale || (from.has(2) && !zero)) return "its scale or its zero point is computed from the image";
    // It folds to floats; a layer that computes with the integers finds them here.
    const { shape } = constant;
    const axis =
      shape.length === 0 ? 0 : axisOf(from.node, scale.size === 1 ? 0 : from.number("axis", 1), shape.length);
    if (scale.shape.length <= 1 && from.number("block_size", 0) === 0)
      known.weights.set(from.node.outputs[0], { integers: constant, scale, zero, axis });
    return undefined;
  }
  const given = known.values.get(from.input(0));
  if (!given) return "its input holds no quantised integers";
  if ("computedZero" in given) {
    if (given.computedZero !== (from.node.inputs[2] ?? "")) return "its zero point is another one than its input's";
    from.result(from.emit("Mul", [from.input(0), from.input(1)]));
    return undefined;
  }
  if (!given.whole) return "its input holds no integers";
  const own = given.grid;
  const grid = linearGrid(from, from.shape(0), own.type);
  if (typeof grid === "string") return grid;
  if (grid.type !== own.type) return `its input holds ${own.type}, and its zero point says ${grid.type}`;
  if (isSameGrid(own, grid) && !given.between) from.result(from.emit("Identity", [from.input(0)]));
  else if (isPlain(own) && isPlain(grid)) {
    from.result(movedOnGrid(known, from, from.input(0), own, grid, given.between === true));
  } else if (isPlain(own)) {
    // Integers that get a scale for each place of an axis only here.
    const rank = from.shape(0).length;
    const axis = grid.axis as number;
    const places =
      known.reading === "float" || given.between
        ? from.emit("Div", [from.input(0), from.scalar(own.scale[0])])
        : roundedToGrid(from, from.input(0), { factor: own.scale[0], step: 1, divide: true });
    const shift = grid.zero.map((each) => own.zero[0] - each);
    const shifted = shift.every((by) => by === 0) ? places : from.emit("Add", [places, along(from, shift, axis, rank)]);
    from.result(from.emit("Mul", [shifted, along(from, grid.scale, axis, rank)]));
  } else return "its scales are others than those that its input was quantised by";
  const name = from.node.outputs[0];
  known.values.set(name, { grid, whole: false, ...(given.between && { between: true }) });
  return undefined;
}

/** The integers of a value as numbers, where the file makes floats of them. */
export function cast(known: Knowledge, from: Lowered): string | undefined {
  const given = known.values.get(from.input(0));
  if (!given || ("grid" in given && !given.whole)) return undefined;
  if ("computedZero" in given) {
    from.result(from.emit("Add", [from.input(0), given.computedZero]));
    return undefined;
  }
  const { grid } = given;
  if (!isPlain(grid)) return "it casts integers that have a scale for each of several parts";
  const unit = { ...grid, scale: [1], zero: [0] };
  from.result(
    isSameGrid(grid, unit)
      ? from.emit("Identity", [from.input(0)])
      : from.emit("Identity", [movedOnGrid(known, from, from.input(0), grid, unit, given.between === true)]),
  );
  return undefined;
}

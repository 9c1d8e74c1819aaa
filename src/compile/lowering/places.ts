/** Operators that look elements up where no kernel does: along any axis, or several times at one place. */
import { type Attribute, type Constant, stringAttribute } from "../../graph/ir";
import { unravel } from "../../graph/regions";
import { axesOf } from "../../graph/shape-rule";
import { mostListed } from "../../limits";
import { paddedFrom, paddings } from "../../operators/pad";
import { resizedAxes, resizeGeometry } from "../../operators/resizing";
import { outsideOf } from "../../operators/sampling";
import { reductionOf, writtenPlaces } from "../../operators/scattering";
import { sizeOf } from "../../tensor";
import type { Lowered, Lowering } from "./emitter";

/** True where what stands around is taken from the input, along an axis that is none of an image's, or of a value that is no image. */
export function isPadAnywhere(from: Lowered): boolean {
  if (stringAttribute(from.node, "mode", "constant") === "constant") return false;
  const rank = from.shape(0).length;
  const { begin, end } = paddings(from.node, rank, from.known);
  return rank < 3 || rank > 5 || [0, 1].some((axis) => begin[axis] !== 0 || end[axis] !== 0);
}

/** Along each axis the elements that are seen there, one after the other. */
export const padAnywhere: Lowering = (from) => {
  const mode = stringAttribute(from.node, "mode", "constant");
  const source = paddedFrom.get(mode);
  if (!source) return `its mode "${mode}" is not supported`;
  const shape = from.shape(0);
  const { begin, end } = paddings(from.node, shape.length, from.known);
  return from.result(
    shape.reduce((x, extent, axis) => {
      if (begin[axis] === 0 && end[axis] === 0) return x;
      const length = extent + begin[axis] + end[axis];
      const seen = from.listed(length, (position) => source(position - begin[axis], extent));
      return from.emit("Gather", [x, seen], { axis });
    }, from.input(0)),
  );
};

/** Updates that may meet at one place: each is a scatter over the whole value. */
const mostRounds = 1024;

/** What is put where something is already, and what changes nothing there. */
const combining: Readonly<Record<string, readonly [op: string, neutral: number]>> = {
  add: ["Add", 0],
  mul: ["Mul", 1],
  max: ["Max", Number.NEGATIVE_INFINITY],
  min: ["Min", Number.POSITIVE_INFINITY],
};

export const isCombining = ({ node }: Lowered): boolean => reductionOf(node) !== "none";

/** The updates among what changes nothing, then both put together; those that meet at one place, one after the other. */
export const scatterCombining: Lowering = (from) => {
  const indices: Constant | undefined = from.known[1];
  if (!indices) return `its indices "${from.input(1)}" are not constant`;
  const [op, neutral] = combining[reductionOf(from.node)];
  const shape = from.shape(0);
  const size = sizeOf(shape);
  const rounds: { readonly to: number[]; readonly from: number[] }[] = [];
  from.spend(size * 4);
  const times = new Int32Array(size);
  writtenPlaces(from.node)(from.node, shape, indices.shape, indices.values()).forEach((at, i) => {
    const round = times[at]++;
    rounds[round] ??= { to: [], from: [] };
    rounds[round].to.push(at);
    rounds[round].from.push(i);
  });
  if (rounds.length * size > mostListed * 4 || rounds.length > mostRounds) {
    return `it combines up to ${rounds.length} updates at one of ${size} places, more than can be laid out`;
  }
  const updates = from.reshape(from.input(2), [-1]);
  const around = from.filled([size], (values) => values.fill(neutral));
  const all = rounds.reduce(
    (x, round) => {
      const own = from.emit("Gather", [updates, from.ints(round.from)], { axis: 0 });
      return from.emit(op, [x, from.emit("ScatterElements", [around, from.ints(round.to), own], { axis: 0 })]);
    },
    from.reshape(from.input(0), [size]),
  );
  return from.result(from.reshape(all, shape));
};

/** What the lists of a Resize say of every axis. */
const geometryOf = (from: Lowered) => resizeGeometry(from.node, from.shape(0), from.known, from.opset);

const isFilled = (from: Lowered): boolean =>
  stringAttribute(from.node, "coordinate_transformation_mode", "") === "tf_crop_and_resize" &&
  from.number("extrapolation_value", 0) !== 0;

/** True where other axes than an image's are resized, or those of what is no image, or where a number stands around the image. */
export function isResizedAnywhere(from: Lowered): boolean {
  const { length } = from.shape(0);
  const axes = resizedAxes(geometryOf(from));
  return axes.length > 0 && (isFilled(from) || length < 3 || length > 5 || axes.some((axis) => axis < 2));
}

/** The resized axes become those of an image, behind all others. */
export const resizeAnywhere: Lowering = (from) => {
  const shape = from.shape(0);
  const geometry = geometryOf(from);
  const axes = resizedAxes(geometry);
  if (axes.length > 3) return `it resizes ${axes.length} axes, at most three are supported`;
  const every = shape.map((_, axis) => axis);
  const named = from.node.attributes.get("axes");
  const given = Array.isArray(named) ? axesOf(from.node, named as readonly number[], shape.length) : every;
  const others = every.filter((axis) => !axes.includes(axis));
  const order = [...others, ...axes];
  const x = from.transpose(from.input(0), order);
  const image = from.reshape(x, [1, sizeOf(others.map((axis) => shape[axis])), ...axes.map((axis) => shape[axis])]);
  const attributes: Record<string, Attribute> = Object.fromEntries(from.node.attributes);
  attributes.axes = axes.map((_, i) => i + 2);
  attributes.extrapolation_value = 0;
  // Of lists with an entry for every axis that is named, those of the axes that are resized.
  const positions = axes.map((axis) => given.indexOf(axis));
  const picked = (index: number, kept: readonly number[]): string => {
    const values = from.known[index];
    if (!values || values.size === 0) return "";
    const numbers = kept.map((i) => values.numbers()[i]);
    return values.kind === "int" ? from.ints(numbers) : from.floats(Float32Array.from(numbers), [numbers.length]);
  };
  const roi = picked(1, [...positions, ...positions.map((i) => i + given.length)]);
  const resized = from.emit("Resize", [image, roi, picked(2, positions), picked(3, positions)], attributes);
  const out = order.map((axis) => geometry[axis].out);
  const back = from.transpose(
    from.reshape(resized, out),
    every.map((axis) => order.indexOf(axis)),
  );
  if (!isFilled(from)) return from.result(back);
  // Outside of the input stands a number.
  const outside = geometry.map((axis) => outsideOf(from.node, axis));
  const extents = geometry.map((axis) => axis.out);
  const value = from.number("extrapolation_value");
  const around = from.filled(extents, (values) => {
    for (let i = 0; i < values.length; i++)
      if (unravel(i, extents).some((position, axis) => outside[axis][position] === 1)) values[i] = value;
  });
  return from.result(from.emit("Add", [back, around]));
};

export const isComputedLookup = ({ known }: Lowered): boolean => known[1] === undefined;

/** Where one looks is computed too. */
export const computedLookup: Lowering = (from) => {
  const { node } = from;
  const own = Object.fromEntries(node.attributes);
  return from.result(from.emit("Lookup", node.inputs, { ...own, of: node.op }));
};

/** Which inputs operators read that move elements: by name of the axis, by place, by block. */
import { ModelError } from "../../errors";
import { numberAttribute, stringAttribute } from "../../graph/ir";
import {
  paddings,
  permutation,
  reduceGeometry,
  resizeGeometry,
  sliceGeometry,
  splitGeometry,
} from "../../graph/shapes";
import type { Shape } from "../../ops/layout";
import { paddedFrom } from "../../ops/regions";
import { resizeTables } from "../../ops/resize";
import { sizeOf } from "../../tensor";
import {
  type AxisMask,
  type Dependence,
  type DependenceRule,
  everything,
  isEmpty,
  isWhole,
  mapMask,
  marked,
  type Region,
  unbroadcast,
} from "./region";

const axisAttribute = ({ node, shapes: [x] }: Dependence, fallback?: number): number => {
  const axis = numberAttribute(node, "axis", fallback);
  return axis < 0 ? axis + x.length : axis;
};

const replaceAxis = (region: Region, axis: number, mask: AxisMask): Region =>
  region.map((old, i) => (i === axis ? mask : old));

export const concat: DependenceRule = (dependence) => {
  const { out, shapes } = dependence;
  const axis = axisAttribute(dependence);
  let next = 0;
  return shapes.map((shape) => {
    const part = replaceAxis(out, axis, out[axis].slice(next, next + shape[axis]));
    next += shape[axis];
    return isEmpty(part) ? undefined : part;
  });
};

export const split: DependenceRule = ({ node, out, output, shapes: [x], constants }) => {
  const { axis, parts } = splitGeometry(node, x, constants);
  const start = parts.slice(0, output).reduce((total, part) => total + part, 0);
  return [
    replaceAxis(
      out,
      axis,
      mapMask(out[axis], x[axis], (index) => [start + index]),
    ),
  ];
};

export const slice: DependenceRule = ({ node, out, shapes: [x], constants }) => {
  const { start, step } = sliceGeometry(node, x, constants);
  return [x.map((extent, axis) => mapMask(out[axis], extent, (index) => [start[axis] + index * step[axis]]))];
};

export const pad: DependenceRule = ({ node, out, shapes: [x], constants }) => {
  const { begin } = paddings(node, x.length, constants);
  const mode = stringAttribute(node, "mode", "constant");
  const source = paddedFrom[mode] ?? ((position: number) => position);
  return [x.map((extent, axis) => mapMask(out[axis], extent, (index) => [source(index - begin[axis], extent)]))];
};

export const gather: DependenceRule = (dependence) => {
  const { node, out, shapes, constants } = dependence;
  const axis = axisAttribute(dependence, 0);
  const [x, indexShape] = shapes;
  const indices = constants[1];
  if (!indices) throw new ModelError(`Gather "${node.name}": its indices are not constant.`);
  const positions = indexShape.length === 0 ? [0] : marked(out[axis]);
  const mask = new Uint8Array(x[axis]);
  for (const position of positions) mask.set([1], (indices.numbers()[position] + x[axis]) % x[axis]);
  return [[...out.slice(0, axis), mask, ...out.slice(axis + indexShape.length)]];
};

export const expand: DependenceRule = ({ out, shapes: [x] }) => [unbroadcast(out, x)];

export const transpose: DependenceRule = ({ node, out, shapes: [x] }) => {
  const order = permutation(node, x);
  return [x.map((_, axis) => out[order.indexOf(axis)])];
};

export const reduce: DependenceRule = ({ node, out, shapes: [x], constants }) => {
  const { axes, keep } = reduceGeometry(node, x, constants);
  let next = 0;
  return [
    x.map((extent, axis) => {
      if (!axes.includes(axis)) return out[next++];
      if (keep) next++;
      return everything(extent);
    }),
  ];
};

/**
 * The same row-major sequence under another shape. Axes that keep their extent keep their marks; where several axes are
 * joined or split, the elements of that block are walked.
 */
export const reshape: DependenceRule = ({ out, shapes: [x] }) => {
  const to = out.map(({ length }) => length);
  return [
    blocks(x, to).flatMap(([inAxes, outAxes]) =>
      throughBlock(
        inAxes.map((i) => x[i]),
        outAxes.map((i) => out[i]),
      ),
    ),
  ];
};

/** Splits two shapes of one size into the shortest runs of axes with equal products. */
function blocks(from: Shape, to: Shape): (readonly [number[], number[]])[] {
  const found: [number[], number[]][] = [];
  let [i, j] = [0, 0];
  while (i < from.length || j < to.length) {
    const block: [number[], number[]] = [[], []];
    let [inSize, outSize] = [1, 1];
    do {
      if (i < from.length && (inSize <= outSize || j >= to.length)) {
        inSize *= from[i];
        block[0].push(i++);
      } else {
        outSize *= to[j];
        block[1].push(j++);
      }
    } while (inSize !== outSize);
    found.push(block);
  }
  return found;
}

function throughBlock(shape: Shape, out: Region): Region {
  if (shape.length === 1 && out.length === 1) return out;
  if (isWhole(out)) return shape.map(everything);
  const extents = out.map(({ length }) => length);
  const region = shape.map((extent) => new Uint8Array(extent));
  for (let element = 0; element < sizeOf(shape); element++) {
    const place = unravel(element, extents);
    if (!place.every((index, axis) => out[axis][index])) continue;
    unravel(element, shape).forEach((index, axis) => {
      region[axis][index] = 1;
    });
  }
  return region;
}

/** The index along every axis of an element of a row-major sequence. */
export function unravel(element: number, shape: Shape): number[] {
  const place = new Array<number>(shape.length).fill(0);
  let rest = element;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    place[axis] = rest % shape[axis];
    rest = Math.floor(rest / shape[axis]);
  }
  return place;
}

export const depthToSpace: DependenceRule = ({ node, out, shapes: [x] }) => {
  const block = numberAttribute(node, "blocksize");
  const narrow = (axis: number): AxisMask => mapMask(out[axis], x[axis], (index) => [Math.floor(index / block)]);
  const inner = [2, 3].map((axis) => [...new Set(marked(out[axis]).map((index) => index % block))]);
  const places = inner[0].flatMap((row) => inner[1].map((column) => row * block + column));
  const crd = stringAttribute(node, "mode", "DCR") === "CRD";
  const deep = (channel: number, place: number): number =>
    crd ? channel * block * block + place : place * out[1].length + channel;
  return [[out[0], mapMask(out[1], x[1], (c) => places.map((place) => deep(c, place))), narrow(2), narrow(3)]];
};

export const spaceToDepth: DependenceRule = ({ node, out, shapes: [x] }) => {
  const block = numberAttribute(node, "blocksize");
  const places = [...new Set(marked(out[1]).map((channel) => Math.floor(channel / x[1])))];
  const inner = [places.map((place) => Math.floor(place / block)), places.map((place) => place % block)];
  const widen = (axis: number): AxisMask =>
    mapMask(out[axis], x[axis], (index) => inner[axis - 2].map((offset) => index * block + offset));
  return [[out[0], mapMask(out[1], x[1], (channel) => [channel % x[1]]), widen(2), widen(3)]];
};

export const resize: DependenceRule = ({ node, opset, out, shapes: [x], constants }) => {
  const tables = resizeTables(node, resizeGeometry(node, x, constants, opset), opset);
  const read = x.slice(2).map((extent, i) => {
    const { taps, index, weight } = tables[i];
    const sources = (position: number): number[] =>
      Array.from({ length: taps }, (_, tap) => position * taps + tap)
        .filter((at) => weight[at] !== 0)
        .map((at) => index[at]);
    return mapMask(out[i + 2], extent, sources);
  });
  return [[out[0], out[1], ...read]];
};

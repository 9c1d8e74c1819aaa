/**
 * Which operations compute a place of their output from a window around the same place of their inputs: those a change of a few
 * pixels reaches step by step. All others see the whole map.
 */

import { numberAttribute } from "../graph/ir";
import type { Shape } from "../graph/shape-rule";
import { imageShape } from "../operation/layout";
import type { Operation } from "../operation/operation";
import type { AxesReach, AxisReach } from "../operators/operator";
import { operators } from "../operators/table";
import { sizeOf } from "../tensor";
import { type Network, valueShape } from "./network";

/** Along one axis: output o reads the inputs from `o·stride − pad` on, `extent` of them. */
export interface AxisWindow {
  readonly extent: number;
  readonly stride: number;
  readonly pad: number;
}

export interface Locality {
  readonly rows: AxisWindow;
  readonly columns: AxisWindow;
  /** What lies around the input. */
  readonly border: number;
}

const here: AxisWindow = { extent: 1, stride: 1, pad: 0 };
const samePlace: Locality = { rows: here, columns: here, border: 0 };

/** How far an operation sees; undefined where parts of its map cannot be computed alone. */
export function localityOf(network: Network, operation: Operation): Locality | undefined {
  const { node, inputs, outputs } = operation;
  const shapes = [...inputs, ...outputs].map((name) => valueShape(network, name));
  const out = valueShape(network, outputs[0]);
  if (!shapes.every((shape) => (shape.length === 3 || shape.length === 4) && shape[0] === 1)) return undefined;
  const { reach, nature } = operators.get(node.op) ?? {};
  if (reach === undefined || reach === "row-major" || (typeof reach === "object" && "operands" in reach))
    return undefined;
  if (reach === "regions") {
    // What is joined or chosen along the channels stays at its place.
    const axis = numberAttribute(node, "axis", 0);
    return shapes.every((shape) => sameMap(shape, out)) && (axis === 1 || axis === 1 - out.length)
      ? samePlace
      : undefined;
  }
  if (reach === "same") {
    const fits = shapes.every((shape) => sameMap(shape, out));
    return fits && (nature === "affine" || constantsAreFlat(network, operation)) ? samePlace : undefined;
  }
  return windowed(network, operation, reach);
}

const sameMap = (a: Shape, b: Shape): boolean =>
  a.length === b.length && a.slice(2).every((extent, axis) => extent === b[axis + 2]);

/** True where no constant differs from place to place: it would have to be cut too. */
function constantsAreFlat(network: Network, { node, outputs }: Operation): boolean {
  const spatial = valueShape(network, outputs[0]).length - 2;
  return node.inputs.every((name) => sizeOf(network.graph.constants.get(name)?.shape.slice(-spatial) ?? []) === 1);
}

/** A window around the same place, of an operator that says what each axis reads. */
function windowed(network: Network, { node, outputs, part }: Operation, reach: AxesReach): Locality | undefined {
  const { graph } = network;
  const shapes = node.inputs.map((name) => graph.shapes.get(name));
  const constants = node.inputs.map((name) => graph.constants.get(name));
  const [, channels, ...spatial] = reach.axes({ node, opset: graph.opset, shapes, constants });
  if (channels === "whole" || outputs.length > 1) return undefined;
  // Constants that are weights are shared by the operation that can be cut.
  if (constants.some((constant) => constant !== undefined) && !part) return undefined;
  const [from, to] = [node.inputs[0], outputs[0]].map((name) => valueShape(network, name).slice(2));
  const windows = spatial.flatMap((axis, i) => axisWindow(axis, reach, from[i], to[i]) ?? []);
  if (windows.length !== spatial.length) return undefined;
  // A signal has one row.
  const [rows, columns] = windows.length === 1 ? [here, windows[0]] : windows;
  return { rows, columns, border: reach.border ?? 0 };
}

/** Undefined where a part of the axis cannot be computed alone. */
function axisWindow(axis: AxisReach, { border }: AxesReach, from: number, to: number): AxisWindow | undefined {
  if (axis === "same") return here;
  if (axis === "whole" || !("under" in axis)) return undefined;
  const { stride, dilation, pad } = axis.under;
  const extent = (axis.under.extent - 1) * dilation + 1;
  const inside = pad === 0 && (to - 1) * stride + extent <= from;
  return border === undefined && !inside ? undefined : { extent, stride, pad };
}

/** Height and width of a value's map. */
export function mapOf(network: Network, name: string): { readonly height: number; readonly width: number } {
  const { h, w } = imageShape(valueShape(network, name));
  return { height: h, width: w };
}

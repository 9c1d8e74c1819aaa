/** Functions of single elements that are others put together. */

import { kindOfDataType } from "../../graph/data-type";
import { numberAttribute } from "../../graph/ir";
import { axisOf } from "../../graph/shape-rule";
import { sizeOf } from "../../tensor";
import type { Lowered, Lowering } from "./emitter";

/** α·elu(x / α) */
export const celu: Lowering = (from) => {
  const alpha = from.number("alpha", 1);
  const scaled = from.emit("Div", [from.input(0), from.scalar(alpha)]);
  return from.result(from.emit("Mul", [from.emit("Elu", [scaled]), from.scalar(alpha)]));
};

/** x / (1 + |x|) */
export const softsign: Lowering = (from) => {
  const x = from.input(0);
  return from.result(from.emit("Div", [x, from.emit("Add", [from.emit("Abs", [x]), from.scalar(1)])]));
};

export const mean: Lowering = (from) => {
  const { inputs } = from.node;
  return from.result(from.emit("Mul", [from.emit("Sum", inputs), from.scalar(1 / inputs.length)]));
};

/** Of more than two: of the first two, then of that and the next. */
export const extremum: Lowering = (from) => {
  const [first, ...rest] = from.node.inputs;
  return from.result(rest.reduce((most, next) => from.emit(from.node.op, [most, next]), first));
};

/** Between bounds that are computed. */
export const clip: Lowering = (from) => {
  const above = from.has(1) ? from.emit("Max", [from.input(0), from.input(1)]) : from.input(0);
  return from.result(from.has(2) ? from.emit("Min", [above, from.input(2)]) : above);
};

/** To integers, or to booleans. */
export const cast: Lowering = (from) => {
  const x = from.input(0);
  const isBoolean = kindOfDataType(numberAttribute(from.node, "to")) === "bool";
  return from.result(isBoolean ? from.emit("Not", [from.emit("Not", [x])]) : from.emit("Truncate", [x]));
};

export const isCastToWhole = ({ node }: Lowered): boolean => kindOfDataType(numberAttribute(node, "to")) !== "float";

/** 1 at the first maximum along an axis, before set 13 along all axes from one on, and 0 elsewhere. */
export const hardmax: Lowering = (from) => {
  const shape = from.shape(0);
  const axis = axisOf(from.node, from.number("axis", from.opset < 13 ? 1 : -1), shape.length);
  const isFlat = from.opset < 13;
  const rows = sizeOf(shape.slice(0, axis));
  const x = isFlat ? from.reshape(from.input(0), [rows, -1]) : from.input(0);
  const along = isFlat ? 1 : axis;
  const most = from.reduce("ReduceMax", x, [along]);
  const all = from.emit("Equal", [x, most]);
  const counted = from.emit("CumSum", [all, from.integer(along)]);
  const first = from.emit("Mul", [all, from.emit("Equal", [counted, from.scalar(1)])]);
  return from.result(isFlat ? from.reshape(first, shape) : first);
};

export const isWholeQuotient = ({ isWhole }: Lowered): boolean => isWhole;

/** Of integers what stands before the point. */
export const wholeQuotient: Lowering = (from) =>
  from.result(from.emit("Truncate", [from.emit("Div", from.node.inputs)]));

/** Operators that run as they are in most places, and are written by others in some. */
import type { Lowered, Lowering } from "./emitter";
import {
  computedLookup,
  isCombining,
  isComputedLookup,
  isPadAnywhere,
  isResizedAnywhere,
  padAnywhere,
  resizeAnywhere,
  scatterCombining,
} from "./places";
import { cast, clip, extremum, isCastToWhole, isWholeQuotient, wholeQuotient } from "./pointwise";
import { scaled, turned } from "./products";

/** Where it is no layer with a matrix of weights behind the value and a bias for each output. */
const gemm: Lowering = (from) => {
  const product = from.emit("MatMul", [turned(from, 0, "transA"), turned(from, 1, "transB")]);
  const sum = scaled(from, product, from.number("alpha", 1));
  if (!from.has(2)) return from.result(sum);
  return from.result(from.emit("Add", [sum, scaled(from, from.input(2), from.number("beta", 1))]));
};

const isLayer = ({ node, shapes: [a, b, c], known }: Lowered): boolean => {
  const outputs = a && b ? b[node.attributes.get("transB") ? 0 : 1] : 0;
  const hasRow =
    c === undefined ||
    c.length === 0 ||
    c.reduce((n, extent) => n * extent, 1) === 1 ||
    (c[c.length - 1] === outputs && c.slice(0, -1).every((extent) => extent === 1));
  const isBehind = known[0] === undefined && known[1] !== undefined && (c === undefined || known[2] !== undefined);
  return isBehind && hasRow && !node.attributes.get("transA");
};

/** Where all inputs are known, the operator is computed as it is. */
const unlessKnown =
  (applies: (from: Lowered) => boolean) =>
  (from: Lowered): boolean =>
    !from.node.inputs.every((input, i) => input === "" || from.known[i] !== undefined) && applies(from);

/** Where it is written by others, and how. */
interface Partly {
  readonly where: (from: Lowered) => boolean;
  readonly by: Lowering;
}

const table: ReadonlyMap<string, Partly> = /* @__PURE__ */ new Map<string, Partly>([
  ["Cast", { where: unlessKnown(isCastToWhole), by: cast }],
  [
    "Clip",
    { where: ({ node, known }) => node.inputs.some((input, i) => i > 0 && input !== "" && !known[i]), by: clip },
  ],
  ["Div", { where: unlessKnown(isWholeQuotient), by: wholeQuotient }],
  ["Gather", { where: isComputedLookup, by: computedLookup }],
  ["GatherElements", { where: isComputedLookup, by: computedLookup }],
  ["GatherND", { where: isComputedLookup, by: computedLookup }],
  ["Gemm", { where: (from) => !isLayer(from), by: gemm }],
  ["Max", { where: unlessKnown(({ node }) => node.inputs.length > 2), by: extremum }],
  ["Min", { where: unlessKnown(({ node }) => node.inputs.length > 2), by: extremum }],
  ["Pad", { where: isPadAnywhere, by: padAnywhere }],
  ["Resize", { where: isResizedAnywhere, by: resizeAnywhere }],
  ["ScatterElements", { where: unlessKnown(isCombining), by: scatterCombining }],
  ["ScatterND", { where: unlessKnown(isCombining), by: scatterCombining }],
]);

/** True for an operator that runs, and is written by others in some places. */
export const isPartlyWritten = (op: string): boolean => table.has(op);

/** How a node whose operator runs is written by others; undefined where it runs, or is computed, as it is. */
export function partlyWritten(from: Lowered): Lowering | undefined {
  const partly = table.get(from.node.op);
  return partly?.where(from) ? partly.by : undefined;
}

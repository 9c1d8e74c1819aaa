/** Operators that give back the values they get. */
import { kindOfDataType } from "../graph/data-type";
import { numberAttribute } from "../graph/ir";
import { inputShape, type ShapeRule, sameShape } from "../graph/shape-rule";
import { always } from "./arrangement";
import { computed, sameElements, valuesOf, withShape } from "./folding";
import type { Fold, Operator } from "./operator";
import { buildReshape } from "./reshaping";

/** The second output, the mask of Dropout, exists only in training. */
const dropoutShape: ShapeRule = (node, inputs) => {
  const x = inputShape(node, inputs);
  return [x, x];
};

const casted: Fold = (call) => {
  const {
    node,
    known: [x],
    out,
  } = call;
  const kind = kindOfDataType(numberAttribute(node, "to"));
  if (kind === x.kind) return withShape(x, out);
  const values = valuesOf(x);
  const map = kind === "bool" ? (a: number) => Number(a !== 0) : kind === "int" ? Math.trunc : (a: number) => a;
  return computed(kind, out, (i) => map(values[i]));
};

export const identity: Operator = {
  nature: "identity",
  shape: sameShape,
  reach: "same",
  build: buildReshape,
  fold: sameElements,
  noOp: always,
};

/** Before set 7 it could be in training unless an attribute said otherwise. */
export const dropout: Operator = {
  since: 7,
  nature: "identity",
  shape: dropoutShape,
  reach: "same",
  build: buildReshape,
  fold: sameElements,
  kind: (_, output) => (output === 1 ? "bool" : undefined),
  noOp: always,
  settings: 1,
};

/** Before set 6 the type was a word. To floats it does nothing; to integers and booleans it is written by other operators. */
export const cast: Operator = {
  since: 6,
  nature: "identity",
  shape: sameShape,
  reach: "same",
  build: buildReshape,
  fold: casted,
  kind: (node) => kindOfDataType(numberAttribute(node, "to")),
  noOp: (node) => kindOfDataType(numberAttribute(node, "to")) === "float",
};

import { ModelError } from "../errors";

/** The newest ONNX operator set whose changes this table knows. */
const newest = 25;

/**
 * What the same node means in different ONNX operator sets: from which version on the operator is read here, and where it
 * has changed since in a way that the reader of the node must know. What newer versions only added (attributes, inputs,
 * element types) is no change: the old node means the same. Operators that are not listed mean the same in every version.
 *
 * From the change logs of the operators, https://github.com/onnx/onnx/blob/main/docs/Changelog.md. Sets 23, 24 and 25 added
 * operators (Attention, RMSNormalization, RotaryEmbedding, Swish, TensorScatter) and element types, and changed nothing.
 */
const meanings: ReadonlyMap<string, { readonly since?: number; readonly changed?: readonly number[] }> =
  /* @__PURE__ */ (() =>
    new Map([
      // Broadcasting along a named axis.
      ...["Add", "And", "Div", "Equal", "Gemm", "Greater", "Less", "Mul", "Or", "PRelu", "Pow", "Sub"].map(
        (op) => [op, { since: 7 }] as const,
      ),
      // Training, unless is_test says otherwise.
      ["BatchNormalization", { since: 7 }],
      ["Dropout", { since: 7 }],
      // The type is a word.
      ["Cast", { since: 6 }],
      // Other defaults.
      ["Concat", { since: 4 }],
      ["Selu", { since: 6 }],
      // Other attributes and inputs.
      ["Pad", { since: 2 }],
      ["Reshape", { since: 5 }],
      ["Split", { since: 2 }],
      ["Tile", { since: 6 }],
      ["Upsample", { since: 7, changed: [9] }],
      // Over all axes from the named one on, then over that axis alone.
      ["LogSoftmax", { changed: [13] }],
      ["Softmax", { changed: [13] }],
      // Pixels at their corners, then as an attribute says.
      ["Resize", { changed: [11] }],
    ]))();

/** @throws {ModelError} if the file names no operator set, or one that came after the table */
export function checkOpset(opset: number | undefined): number {
  if (opset === undefined) {
    throw new ModelError("The file names no ONNX operator set. It is cut off, or it is not an ONNX model.");
  }
  if (opset >= 1 && opset <= newest) return opset;
  throw new ModelError(
    `The file uses ONNX operator set ${opset}; what operators mean is known up to ${newest}. ` +
      `Export it with an opset_version of at most ${newest}, or convert it with onnx.version_converter.`,
  );
}

/** Why a node of an old file cannot be read; undefined where it can. */
export function tooOld(op: string, opset: number): string | undefined {
  const since = meanings.get(op)?.since ?? 1;
  if (opset >= since) return undefined;
  return (
    `operator set ${opset} means something else by it than sets from ${since} on; convert the file to a newer set ` +
    "with onnx.version_converter"
  );
}

/** Whether a node means the same in two operator sets. */
export function meansTheSame(op: string, a: number, b: number): boolean {
  const { since = 1, changed = [] } = meanings.get(op) ?? {};
  return [since, ...changed].every((version) => a >= version === b >= version);
}

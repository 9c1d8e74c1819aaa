import { ModelError } from "../errors";
import { operators } from "../operators/table";

/**
 * The newest ONNX operator set whose changes the records of the operators know: from which set on an operator is read (`since`), and
 * where it has changed since in a way that its rules must know (`changed`). What newer sets only added (attributes, inputs, element
 * types) is no change: the old node means the same.
 *
 * From the change logs of the operators, https://github.com/onnx/onnx/blob/main/docs/Changelog.md. Sets 23, 24 and 25 added
 * operators (Attention, RMSNormalization, RotaryEmbedding, Swish, TensorScatter) and element types, and changed nothing.
 */
const newest = 25;

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
  if (operators.get(op)?.internal) return "the operator is not known";
  const since = operators.get(op)?.since ?? 1;
  if (opset >= since) return undefined;
  return (
    `operator set ${opset} means something else by it than sets from ${since} on; convert the file to a newer set ` +
    "with onnx.version_converter"
  );
}

/** Whether a node means the same in two operator sets. */
export function meansTheSame(op: string, a: number, b: number): boolean {
  const { since = 1, changed = [] } = operators.get(op) ?? {};
  return [since, ...changed].every((version) => a >= version === b >= version);
}

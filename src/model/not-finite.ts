/** NaN and infinity: in the weights of a file, and the layer of a run at which they begin. */
import { InputError, ModelError } from "../errors";
import type { Constant, StaticGraph } from "../graph/ir";
import type { Operation, ValueName } from "../operation/operation";
import { showShape } from "../tensor";
import { firstNotFinite, type LoadedModel } from "./model";

/** Operators in which an infinite constant leaves no number whole; a mask or a bound may well be infinite. */
const weighing: ReadonlySet<string> = new Set(
  "Conv ConvTranspose Gemm MatMul BatchNormalization InstanceNormalization PRelu".split(" "),
);

/** @throws {ModelError} naming the first node with a weight that is NaN or infinite */
export function checkWeights({ nodes, constants }: StaticGraph): void {
  const seen = new Map<Constant, number>();
  for (const node of nodes) {
    for (const name of node.inputs) {
      const constant = constants.get(name);
      if (constant?.kind !== "float") continue;
      const at = seen.get(constant) ?? firstSpecial(constant);
      seen.set(constant, at);
      if (at < 0) continue;
      const value = constant.floats()[at];
      if (!Number.isNaN(value) && !weighing.has(node.op)) continue;
      throw new ModelError(
        `${node.op} "${node.name}": the weight "${name}" (${showShape(constant.shape)}) is ${value} at element ${at}, so every score would be ` +
          "meaningless. The file is damaged, its training diverged, or its numbers do not fit their format; export an earlier state of it.",
      );
    }
  }
}

/** Index of the first element whose exponent says NaN or infinity, or −1. The bytes are looked at where they lie: a file may have millions. */
function firstSpecial({ format, bytes }: Constant): number {
  const width = format === "float16" ? 2 : 4;
  for (let high = width - 1; high < bytes.length; high += width) {
    const special =
      width === 2 ? (bytes[high] & 0x7c) === 0x7c : (bytes[high] & 0x7f) === 0x7f && bytes[high - 1] > 127;
    if (special) return (high + 1) / width - 1;
  }
  return -1;
}

/** The first operation whose values are not finite, in the order they are computed. */
export function whereNotFinite(model: LoadedModel, data: Float32Array, target: ValueName): string | undefined {
  const below = model.dependencies(target);
  const operations = model.full.operations.filter(({ outputs }) => below.has(outputs[0]));
  for (const group of groupsOf(model, operations)) {
    const { values } = model.session.run(model.full, { batch: 1, data, keep: group.map(({ outputs }) => outputs[0]) });
    for (const { node, outputs } of group) {
      const value = values.get(outputs[0]) as Float32Array;
      const wrong = firstNotFinite(value);
      if (wrong < 0) continue;
      const shape = showShape(model.shape(outputs[0]));
      return `${node.op} "${node.name}" (${shape}), where values that are not finite begin (${value[wrong]})`;
    }
  }
  return undefined;
}

/** Floats that are handed back at a time. */
const mostFloats = 2 ** 23;

/** Neighbours whose first outputs together are not too many numbers. */
export function groupsOf(model: LoadedModel, operations: readonly Operation[]): Operation[][] {
  const groups: Operation[][] = [];
  let room = 0;
  for (const operation of operations) {
    const size = model.sampleSize(operation.outputs[0]);
    if (size > room) {
      groups.push([]);
      room = mostFloats;
    }
    groups[groups.length - 1].push(operation);
    room -= size;
  }
  return groups;
}

/** @throws {InputError} if a score is NaN or infinite, naming the layer where that begins */
export function checkScore(
  model: LoadedModel,
  what: string,
  score: number,
  data: Float32Array,
  value: ValueName,
): void {
  if (Number.isFinite(score)) return;
  const where = whereNotFinite(model, data, value);
  throw new InputError(
    `${what} is ${score}, which is no evidence for anything${where ? `: look at ${where}` : ""}. ` +
      "The input is too large for this network, is not normalised as it was trained, or a layer divides by zero.",
  );
}

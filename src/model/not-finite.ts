/** NaN and infinity: in the weights of a file, and the layer of a run at which they begin. */

import { InputError, ModelError } from "../errors";
import type { Constant, StaticGraph } from "../graph/ir";
import { entryOf } from "../guard";
import type { Operation, ValueName } from "../operation/operation";
import { showShape } from "../tensor";
import { firstNotFinite } from "./model";
import type { ModelValues } from "./model-values";

/** Operators in which an infinite constant leaves no number whole; a mask or a bound may well be infinite. */
const weighing: ReadonlySet<string> = new Set(
  "Conv ConvTranspose Gemm MatMul BatchNormalization InstanceNormalization PRelu".split(" "),
);

/**
 * @param hear  lets whoever waits for the model give it up
 * @throws {ModelError} naming the first node with a weight that is NaN or infinite, or an attribute that is NaN
 */
export async function checkWeights({ nodes, constants }: StaticGraph, hear: () => Promise<void>): Promise<void> {
  const seen = new Map<Constant, number>();
  for (const node of nodes) {
    for (const [key, value] of node.attributes) {
      // Infinite ones may well be bounds.
      if (!(typeof value === "number" ? Number.isNaN(value) : Array.isArray(value) && value.some(Number.isNaN)))
        continue;
      throw new ModelError(
        `${node.op} "${node.name}": the attribute "${key}" is NaN, so every score would be meaningless. The file is damaged; export it again.`,
      );
    }
    for (const name of node.inputs) {
      const constant = constants.get(name);
      if (constant?.kind !== "float") continue;
      const at = seen.get(constant) ?? (await firstSpecial(constant, hear));
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

/** Bytes that are looked at together: they stay in the processor's first cache. */
const blockBytes = 2 ** 14;
/** Bytes between which a signal is heard. */
const bandBytes = 2 ** 22;

/**
 * False where surely every float32 is finite: the upper seven bits of no exponent are all ones. Weights lie at any byte of a file, so
 * the words looked at are the file's, wherever in them the last byte of each float is.
 */
function isSuspicious({ buffer, byteOffset, byteLength }: Uint8Array): boolean {
  // The last float's last byte may lie in a word that the buffer has only a part of.
  const count = Math.floor(byteLength / 4) - 1;
  // Neither of shifts nor of masks, which end at 2³¹ bytes: files and weights may be larger.
  const last = byteOffset + 3;
  const words = new Int32Array(buffer, last - (last % 4), Math.max(count, 0));
  const shift = 8 * (last % 4);
  // Added to seven ones, one carries into the bit above them.
  const [ones, one] = [0x7f << shift, 1 << shift];
  let carried = 0;
  let i = 0;
  for (; i + 4 <= count; i += 4) {
    carried |= (words[i] & ones) + one;
    carried |= (words[i + 1] & ones) + one;
    carried |= (words[i + 2] & ones) + one;
    carried |= (words[i + 3] & ones) + one;
  }
  for (; i < count; i++) carried |= (words[i] & ones) + one;
  const end = new DataView(buffer, byteOffset, byteLength);
  return (carried & (0x80 << shift)) !== 0 || (count >= 0 && !Number.isFinite(end.getFloat32(4 * count, true)));
}

/** Index of the first element whose exponent says NaN or infinity, or −1. A file may have millions: they are looked at as whole words. */
async function firstSpecial({ format, bytes }: Constant, hear: () => Promise<void>): Promise<number> {
  for (let start = 0; start < bytes.length; start += bandBytes) {
    if (bytes.length > blockBytes) await hear();
    const at = firstSpecialOf(format, bytes.subarray(start, start + bandBytes));
    if (at >= 0) return start / (format === "float16" ? 2 : 4) + at;
  }
  return -1;
}

function firstSpecialOf(format: Constant["format"], bytes: Uint8Array): number {
  if (format === "float32" && !isSuspicious(bytes)) return -1;
  const isHalf = format === "float16";
  const exponent = isHalf ? 0x7c00 : 0x7f800000;
  // Of its own, because weights lie at any byte of a file.
  const block = new Uint8Array(blockBytes);
  const words = isHalf ? new Uint16Array(block.buffer) : new Int32Array(block.buffer);
  const width = words.BYTES_PER_ELEMENT;
  for (let start = 0; start < bytes.length; start += blockBytes) {
    const part = bytes.subarray(start, start + blockBytes);
    block.set(part);
    const count = Math.floor(part.length / width);
    for (let i = 0; i < count; i++) if ((words[i] & exponent) === exponent) return start / width + i;
  }
  return -1;
}

/** The first operation whose values are not finite, in the order they are computed. */
export function whereNotFinite(model: ModelValues, data: Float32Array, target: ValueName): string | undefined {
  const below = model.dependencies(target);
  const operations = model.full.operations.filter(({ outputs }) => below.has(outputs[0]));
  for (const group of groupsOf(model, operations)) {
    const { values } = model.session.run(model.full, { batch: 1, data, keep: group.map(({ outputs }) => outputs[0]) });
    for (const { node, outputs } of group) {
      const value = entryOf(values, outputs[0]);
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
export function groupsOf(model: ModelValues, operations: readonly Operation[]): Operation[][] {
  const groups: Operation[][] = [];
  let room = 0;
  for (const operation of operations) {
    const size = model.sampleSize(operation.outputs[0]);
    if (size > room || groups.length === 0) {
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
  model: ModelValues,
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

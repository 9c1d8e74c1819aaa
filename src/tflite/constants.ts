/** Constants of a TensorFlow Lite file: elements as they are stored, and as the real numbers that they stand for. */
import { cut } from "../addresses";
import { ModelError } from "../errors";
import { Constant } from "../graph/ir";
import { type Limits, withinLimit } from "../limits";
import { sizeOf } from "../tensor";
import type { LiteTensor, Quantisation } from "./schema";
import type { Table } from "./table";

/** Bits of an element. */
const bits: Readonly<Record<string, number>> = {
  ...{ float32: 32, float16: 16, bfloat16: 16, float64: 64, bool: 8 },
  ...{ int4: 4, int8: 8, uint8: 8, int16: 16, uint16: 16, int32: 32, uint32: 32, int64: 64, uint64: 64 },
};

const what = ({ name }: LiteTensor): string => `Constant "${cut(name)}"`;

/**
 * The elements of a constant: floats, or the integers that are stored.
 *
 * @throws {ModelError} if it has another number of bytes than its shape needs, or a type that nothing is computed with
 */
export function storedConstant(tensor: LiteTensor, limits: Limits): Constant {
  const { type, shape, data, sparsity } = tensor;
  if (sparsity) return densified(tensor, sparsity, limits);
  return elements(tensor, type, shape, data);
}

function elements(tensor: LiteTensor, type: string, shape: readonly number[], data: Uint8Array): Constant {
  const width = Object.hasOwn(bits, type) ? bits[type] : undefined;
  if (width === undefined) throw new ModelError(`${what(tensor)} holds ${type}, with which nothing is computed here.`);
  const count = sizeOf(shape);
  const size = Math.ceil((count * width) / 8);
  if (data.byteLength !== size)
    throw new ModelError(
      `${what(tensor)} of shape [${shape.join(", ")}] needs ${size} bytes of ${type}, the file has ${data.byteLength}.`,
    );
  if (type === "float32" || type === "float16") return Constant.fromBytes(data, type, shape);
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const floats = (read: (i: number) => number): Constant => {
    const values = new Float32Array(count);
    for (let i = 0; i < count; i++) values[i] = read(i);
    return Constant.fromFloats(values, shape);
  };
  const list = <A extends { [i: number]: number; length: number }>(
    values: A,
    read: (i: number) => number,
  ): Constant => {
    for (let i = 0; i < count; i++) values[i] = read(i);
    return Constant.fromNumbers(type === "bool" ? "bool" : "int", values, shape);
  };
  if (type === "float64") return floats((i) => view.getFloat64(i * 8, true));
  if (type === "bfloat16") {
    const one = new DataView(new ArrayBuffer(4));
    return floats((i) => {
      one.setUint32(0, view.getUint16(i * 2, true) << 16);
      return one.getFloat32(0);
    });
  }
  if (type === "int4") return list(new Int8Array(count), (i) => ((data[i >> 1] << (i % 2 === 0 ? 28 : 24)) | 0) >> 28);
  if (type === "int8") return list(new Int8Array(count), (i) => view.getInt8(i));
  if (type === "uint8") return list(new Uint8Array(count), (i) => data[i]);
  if (type === "bool") return list(new Uint8Array(count), (i) => (data[i] === 0 ? 0 : 1));
  if (type === "int16") return list(new Int16Array(count), (i) => view.getInt16(i * 2, true));
  if (type === "uint16") return list(new Uint16Array(count), (i) => view.getUint16(i * 2, true));
  if (type === "int32") return list(new Int32Array(count), (i) => view.getInt32(i * 4, true));
  if (type === "uint32") return list(new Uint32Array(count), (i) => view.getUint32(i * 4, true));
  const signed = type === "int64";
  const long = (i: number): number => Number(signed ? view.getBigInt64(i * 8, true) : view.getBigUint64(i * 8, true));
  return list(new Array<number>(count), long);
}

/** Which of the scales belongs to an element. */
function channelOf(shape: readonly number[], { scale, axis }: Quantisation): (element: number) => number {
  if (scale.length === 1) return () => 0;
  const inner = sizeOf(shape.slice(axis + 1));
  return (element) => Math.floor(element / inner) % scale.length;
}

/** Integers less their zero point: what is added up where integers are multiplied. */
export function centredConstant(stored: Constant, quantisation: Quantisation): Constant {
  const channel = channelOf(stored.shape, quantisation);
  const values = stored.values();
  const floats = new Float32Array(stored.size);
  for (let i = 0; i < floats.length; i++) floats[i] = values[i] - quantisation.zeroPoint[channel(i)];
  return Constant.fromFloats(floats, stored.shape);
}

/** The real numbers that integers stand for: (stored − zero point) · scale. */
export function dequantised(stored: Constant, quantisation: Quantisation): Constant {
  const channel = channelOf(stored.shape, quantisation);
  const values = stored.values();
  const { scale, zeroPoint } = quantisation;
  const floats = new Float32Array(stored.size);
  for (let i = 0; i < floats.length; i++) floats[i] = (values[i] - zeroPoint[channel(i)]) * scale[channel(i)];
  return Constant.fromFloats(floats, stored.shape);
}

/** One level of a sparse constant: all places, or for each place before it those that are listed. */
type Level =
  | { readonly size: number }
  | { readonly segments: readonly number[]; readonly indices: readonly number[]; readonly size: number };

/**
 * Writes out a sparse constant. Its levels walk the axes in an order of their own; axes may be cut into blocks, whose inner places are
 * levels of their own behind the axes.
 */
function densified(tensor: LiteTensor, sparsity: Table, limits: Limits): Constant {
  const { shape, type, data } = tensor;
  const rank = shape.length;
  const order = sparsity.ints(0);
  const blocks = sparsity.ints(1);
  const damaged = (why: string): never => {
    throw new ModelError(`${what(tensor)} is sparse, and ${why}; the file is damaged.`);
  };
  const levels = sparsity.tables(2, `A level of ${what(tensor)}`).map((table): Level => {
    const size = table.int(1);
    if (table.int8(0) === 0) return size > 0 ? { size } : damaged("a level has no places");
    return { segments: listOf(table, 2), indices: listOf(table, 4), size };
  });
  if (levels.length !== rank + blocks.length || order.length !== levels.length)
    damaged(`has ${levels.length} levels for ${rank} axes and ${blocks.length} blocks`);
  if (
    [...order].sort((a, b) => a - b).some((axis, i) => axis !== i) ||
    blocks.some((axis) => !(axis >= 0 && axis < rank))
  )
    damaged("its levels do not name every axis once");
  const size = sizeOf(shape);
  withinLimit(limits, "foldedBytes", size * 4, `${what(tensor)} is sparse and takes too many bytes`);
  // Extents of the levels by axis: an axis in blocks has as many outer places as there are blocks.
  const inner = new Map<number, number>();
  order.forEach((axis, level) => {
    if (axis >= rank) inner.set(blocks[axis - rank], levels[level].size);
  });
  for (const [axis, block] of inner)
    if (!(block > 0 && shape[axis] % block === 0)) damaged(`its blocks of ${block} do not fill axis ${axis}`);
  const stored = elements(tensor, type, [storedCount(levels, damaged)], data);
  const values = stored.values();
  const isFloat = stored.kind === "float";
  const dense = isFloat ? new Float32Array(size) : new Int32Array(size);
  const place = new Array<number>(levels.length).fill(0);
  let next = 0;
  const write = (): void => {
    const at = shape.map((_, axis) => place[order.indexOf(axis)] * (inner.get(axis) ?? 1));
    order.forEach((axis, level) => {
      if (axis >= rank) at[blocks[axis - rank]] += place[level];
    });
    if (at.some((index, axis) => !(index >= 0 && index < shape[axis]))) damaged("an element lies outside of its shape");
    dense[at.reduce((sum, index, axis) => sum * shape[axis] + index, 0)] = values[next++];
  };
  const enter = (level: number, parent: number): void => {
    if (level === levels.length) {
      write();
      return;
    }
    const own = levels[level];
    if (!("segments" in own)) {
      for (let i = 0; i < own.size; i++) {
        place[level] = i;
        enter(level + 1, parent * own.size + i);
      }
      return;
    }
    for (let i = own.segments[parent]; i < own.segments[parent + 1]; i++) {
      place[level] = own.indices[i];
      enter(level + 1, i);
    }
  };
  enter(0, 0);
  return dense instanceof Float32Array ? Constant.fromFloats(dense, shape) : Constant.fromNumbers("int", dense, shape);
}

/** How many elements the levels lead to; every list is as long as the level before it says. */
function storedCount(levels: readonly Level[], damaged: (why: string) => never): number {
  return levels.reduce((count, level) => {
    if (!("segments" in level)) return count * level.size;
    const { segments, indices } = level;
    const rises = segments.every((end, i) => i === 0 || end >= segments[i - 1]);
    if (segments.length !== count + 1 || segments[0] !== 0 || !rises || segments[count] !== indices.length)
      damaged("a level's segments do not fit the level before it");
    return indices.length;
  }, 1);
}

/** A list of a level: three kinds of tables hold integers of 32, 16 and 8 bits. */
function listOf(level: Table, field: number): readonly number[] {
  const kind = level.uint8(field);
  const vector = level.table(field + 1, level.what);
  if (!vector) return [];
  if (kind === 1) return vector.ints(0);
  return kind === 2 ? vector.shorts(0) : [...(vector.bytes(0) ?? [])];
}

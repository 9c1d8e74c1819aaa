import { readFileSync } from "node:fs";
import { instantiateSync } from "@assemblyscript/loader";
import { expect } from "vitest";
import { encodeGeometry, type GeometryRecord, type RecordName } from "../../src/wasm/geometry.js";
import type { Kernels, Pointer } from "../../src/wasm/kernels.js";

/**
 * Largest accepted error, relative to the largest expected value unless a test says otherwise, with what was measured over the
 * random geometries of this folder.
 */
export const tolerance = {
  /** Copies, selections and single operations: float32 rounds the float64 reference once, 6e-8 at most. */
  once: 1.2e-7,
  /** A few operations per element (activations, their derivatives, normalisation); measured up to 5.6e-7. */
  few: 1e-6,
  /** Sums of up to a few hundred products in float32; measured up to 9e-7. */
  sum: 2e-6,
  /** Winograd F(4×4, 3×3) over up to 32 channels: the transforms add rounding of their own; measured up to 1.6e-6. */
  winograd: 5e-6,
  /** Relative error of every single value of the transcendental functions; measured up to 2.5e-7, of gelu far below 0 up to 3.8e-7. */
  transcendental: 4e-7,
  /** ⟨Ax, y⟩ = ⟨x, A*y⟩ relative to Σ|·|: both sides are sums of rounded terms; measured up to 2.5e-7. */
  adjoint: 2e-6,
};

/** Vitest's mode "fused" tests the other module. */
export const isFused = process.env.MODE === "fused";
const file = isFused ? "kernels-fused.wasm" : "kernels.wasm";
export const module = new WebAssembly.Module(readFileSync(new URL(`../../build/${file}`, import.meta.url)));
export const kernels = instantiateSync(module).exports as unknown as Kernels;

const heapBase = typeof kernels.__heap_base === "number" ? kernels.__heap_base : (kernels.__heap_base.value as number);
const guardBytes = 64;
/** Every float of a guard is NaN, so that a read outside a block shows in the result as well. */
const guardValue = 0xff;

type Element = "f64" | "f32" | "i32" | "i16" | "u16" | "u8";
const views = {
  f64: Float64Array,
  f32: Float32Array,
  i32: Int32Array,
  i16: Int16Array,
  u16: Uint16Array,
  u8: Uint8Array,
};

let blocks: { start: number; end: number }[] = [];
let top = heapBase;

/** Forgets all blocks. */
export function reset(): void {
  blocks = [];
  top = heapBase;
}

/** A block of bytes between two guards, four bytes off a multiple of sixteen: kernels must not need alignment. */
function allocate(byteLength: number): Pointer {
  const start = ((top + guardBytes + 15) & ~15) + 4;
  const end = start + byteLength;
  top = end + guardBytes;
  const missing = top - kernels.memory.buffer.byteLength;
  if (missing > 0) kernels.memory.grow(Math.ceil(missing / 65536));
  new Uint8Array(kernels.memory.buffer).fill(guardValue, start - guardBytes, top);
  blocks.push({ start, end });
  return start;
}

/** A block holding `values`. */
export function put(values: ArrayLike<number>, element: Element = "f32"): Pointer {
  const pointer = allocate(values.length * views[element].BYTES_PER_ELEMENT);
  // By bytes, because a block of float64 is not aligned as a view of them must be.
  new Uint8Array(kernels.memory.buffer).set(new Uint8Array(views[element].from(Array.from(values)).buffer), pointer);
  return pointer;
}

/** A block of unwritten output: NaN, so that an element a kernel leaves out shows. */
export function room(count: number, element: Element = "f32"): Pointer {
  return allocate(count * views[element].BYTES_PER_ELEMENT);
}

/** The contents of a block. */
export function get(pointer: Pointer, count: number, element: Element = "f32"): number[] {
  return Array.from(new views[element](kernels.memory.buffer, pointer, count));
}

/** A geometry record. */
export function record<R extends RecordName>(name: R, values: GeometryRecord<R>): Pointer {
  return put(encodeGeometry(name, values), "u8");
}

/** Throws if a kernel wrote outside the blocks. */
export function checkGuards(): void {
  const bytes = new Uint8Array(kernels.memory.buffer);
  for (const { start, end } of blocks) {
    for (let i = 1; i <= guardBytes; i++) {
      if (bytes[start - i] !== guardValue) throw new Error(`written ${i} bytes before a block`);
      if (bytes[end + i - 1] !== guardValue) throw new Error(`written ${i} bytes after a block`);
    }
  }
}

/** Runs a kernel into a fresh output of `count` elements, checks the guards, returns the output. */
export function output(count: number, run: (y: Pointer) => void, element: Element = "f32"): number[] {
  const y = room(count, element);
  run(y);
  checkGuards();
  return get(y, count, element);
}

/** `count` reproducible floats in [−1, 1), already rounded to float32. */
export function noise(seed: number, count: number, scale = 1): number[] {
  let state = (seed * 2654435761 + 12345) >>> 0;
  return Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.fround((state / 2 ** 31 - 1) * scale);
  });
}

/** Every element within `limit` of the reference, relative to the largest reference value. */
export function expectClose(actual: ArrayLike<number>, reference: ArrayLike<number>, limit: number): void {
  expect(actual.length).toBe(reference.length);
  let largest = 1e-30;
  for (let i = 0; i < reference.length; i++) largest = Math.max(largest, Math.abs(reference[i]));
  for (let i = 0; i < reference.length; i++) {
    const error = Math.abs(actual[i] - reference[i]) / largest;
    if (!(error <= limit)) expect.fail(`element ${i}: ${actual[i]} instead of ${reference[i]}, error ${error}`);
  }
}

/** ⟨Ax, y⟩ = ⟨x, A*y⟩. */
export function expectAdjoint(ax: number[], y: number[], x: number[], aty: number[]): void {
  const sum = (a: number[], b: number[]) => a.reduce((s, v, i) => s + v * b[i], 0);
  const size = (a: number[], b: number[]) => a.reduce((s, v, i) => s + Math.abs(v * b[i]), 1e-30);
  const error = Math.abs(sum(ax, y) - sum(x, aty)) / Math.max(size(ax, y), size(x, aty));
  expect(error).toBeLessThanOrEqual(tolerance.adjoint);
}

export const settings = { numRuns: 60, seed: 1 };

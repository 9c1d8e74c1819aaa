/** Sliding windows: how many positions a kernel has along each spatial axis, and how much padding is around the input. */
import { mostListed } from "../limits";
import { showShape } from "../tensor";
import { type Node, numberAttribute, numbersAttribute, stringAttribute } from "./ir";
import { filled, type Shape, shapeError } from "./shape-rule";

/** One entry per spatial axis. */
export interface WindowGeometry {
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
  readonly padBegin: readonly number[];
  readonly padEnd: readonly number[];
  readonly out: readonly number[];
}

/** `out = stride·(in − 1) + outputPadding + (kernel − 1)·dilation + 1 − padBegin − padEnd` on every axis. */
export interface TransposeGeometry extends WindowGeometry {
  readonly outputPadding: readonly number[];
}

/**
 * Geometry of Conv, MaxPool and AveragePool from the attributes `strides`, `dilations`, `pads`, `auto_pad`, `ceil_mode`.
 *
 * @param spatialIn  extents of the input without N and C
 * @param kernel     extents of the window
 */
export function windowGeometry(node: Node, spatialIn: Shape, kernel: Shape): WindowGeometry {
  const { stride, dilation } = steps(node, spatialIn, kernel);
  const extent = kernel.map((k, axis) => (k - 1) * dilation[axis] + 1);
  const autoPad = autoPadOf(node);
  const { padBegin, padEnd } =
    autoPad === "NOTSET"
      ? explicitPads(node, kernel.length)
      : split(
          autoPad,
          spatialIn.map((n, axis) => {
            if (autoPad === "VALID") return 0;
            return Math.max(0, (Math.ceil(n / stride[axis]) - 1) * stride[axis] + extent[axis] - n);
          }),
        );
  const ceil = numberAttribute(node, "ceil_mode", 0) !== 0;
  const out = spatialIn.map((n, axis) => {
    const travel = n + padBegin[axis] + padEnd[axis] - extent[axis];
    const positions = (ceil ? Math.ceil(travel / stride[axis]) : Math.floor(travel / stride[axis])) + 1;
    // The last window must start inside the input or its left padding, as PyTorch and ONNX require.
    return ceil && (positions - 1) * stride[axis] >= n + padBegin[axis] ? positions - 1 : positions;
  });
  if (out.some((positions) => positions < 1)) {
    shapeError(
      node,
      `the window ${showShape(extent)} (kernel ${showShape(kernel)}, dilation ${showShape(dilation)}) is larger than the ` +
        `padded input ${showShape(spatialIn.map((size, i) => size + padBegin[i] + padEnd[i]))}. Use a larger inputShape.`,
    );
  }
  return { kernel, stride, dilation, padBegin, padEnd, out };
}

/**
 * Geometry of ConvTranspose, which also has `output_padding` and `output_shape`.
 *
 * Where `output_shape` asks for more than the kernel reaches, the rest is output padding (it receives only the bias).
 */
export function transposeGeometry(node: Node, spatialIn: Shape, kernel: Shape): TransposeGeometry {
  const rank = kernel.length;
  const { stride, dilation } = steps(node, spatialIn, kernel);
  const asked = listOf(node, "output_padding", rank, 0);
  const full = spatialIn.map((n, i) => (n - 1) * stride[i] + asked[i] + (kernel[i] - 1) * dilation[i] + 1);
  const autoPad = autoPadOf(node);
  // SAME asks for in·stride; where the kernel does not reach that far onnxruntime keeps what it reaches, and so do we.
  const same = spatialIn.map((n, i) => Math.min(n * stride[i], full[i]));
  const target = wantedShape(node, rank) ?? (isSame(autoPad) ? same : undefined);
  if (!target) {
    const { padBegin, padEnd } = autoPad === "VALID" ? split(autoPad, filled(rank, 0)) : explicitPads(node, rank);
    const out = full.map((n, i) => n - padBegin[i] - padEnd[i]);
    checkOutput(node, out);
    return { kernel, stride, dilation, padBegin, padEnd, out, outputPadding: asked };
  }
  checkOutput(node, target);
  const { padBegin, padEnd } = split(
    autoPad,
    target.map((n, i) => Math.max(0, full[i] - n)),
  );
  const outputPadding = asked.map((n, i) => n + Math.max(0, target[i] - full[i]));
  return { kernel, stride, dilation, padBegin, padEnd, out: target, outputPadding };
}

/** The kernel of a pooling node. */
export function poolKernel(node: Node, spatialIn: Shape): readonly number[] {
  const kernel = numbersAttribute(node, "kernel_shape");
  checkKernel(node, spatialIn, kernel);
  return kernel;
}

type AutoPad = "NOTSET" | "VALID" | "SAME_UPPER" | "SAME_LOWER";

const isSame = (autoPad: AutoPad): boolean => autoPad === "SAME_UPPER" || autoPad === "SAME_LOWER";

function autoPadOf(node: Node): AutoPad {
  const value = stringAttribute(node, "auto_pad", "NOTSET");
  if (value === "" || value === "NOTSET") return "NOTSET";
  if (value === "VALID" || value === "SAME_UPPER" || value === "SAME_LOWER") return value;
  return shapeError(node, `auto_pad is "${value}"; ONNX knows NOTSET, VALID, SAME_UPPER and SAME_LOWER.`);
}

/** Halves the padding of each axis; the odd one goes to the end for SAME_UPPER, else to the beginning. */
function split(autoPad: AutoPad, total: readonly number[]) {
  const less = total.map((n) => Math.floor(n / 2));
  const more = total.map((n, i) => n - less[i]);
  return autoPad === "SAME_UPPER" ? { padBegin: less, padEnd: more } : { padBegin: more, padEnd: less };
}

function explicitPads(node: Node, rank: number) {
  const pads = listOf(node, "pads", 2 * rank, 0);
  return { padBegin: pads.slice(0, rank), padEnd: pads.slice(rank) };
}

function steps(node: Node, spatialIn: Shape, kernel: Shape) {
  checkKernel(node, spatialIn, kernel);
  return {
    stride: listOf(node, "strides", kernel.length, 1, 1),
    dilation: listOf(node, "dilations", kernel.length, 1, 1),
  };
}

function checkKernel(node: Node, spatialIn: Shape, kernel: Shape): void {
  if (spatialIn.length !== kernel.length || kernel.length === 0) {
    shapeError(
      node,
      `a kernel ${showShape(kernel)} needs an input of rank ${kernel.length + 2}, it has ${spatialIn.length} spatial axes.`,
    );
  }
  if (!kernel.every((k) => Number.isInteger(k) && k >= 1 && k <= mostListed)) {
    shapeError(node, `the kernel [${kernel.join(", ")}] must have whole extents from 1 to ${mostListed}.`);
  }
}

/** A list attribute of fixed length, filled with `fallback` where it is absent. */
function listOf(node: Node, key: string, length: number, fallback: number, least = 0): readonly number[] {
  const list = numbersAttribute(node, key, []);
  if (list.length === 0) return filled(length, fallback);
  if (list.length !== length || !list.every((n) => Number.isSafeInteger(n) && n >= least && n <= mostListed)) {
    const shown = list.length > 8 ? `${list.length} numbers` : `[${list.join(", ")}]`;
    shapeError(node, `${key} must be ${length} whole numbers from ${least} to ${mostListed}, the file has ${shown}.`);
  }
  return list;
}

/** `output_shape`, with or without N and C, as both are found in files. */
function wantedShape(node: Node, rank: number): readonly number[] | undefined {
  const list = numbersAttribute(node, "output_shape", []);
  if (list.length === 0) return undefined;
  if (list.length === rank) return list;
  if (list.length === rank + 2) return list.slice(2);
  return shapeError(node, `output_shape must have ${rank} entries, the file has [${list.join(", ")}].`);
}

function checkOutput(node: Node, out: readonly number[]): void {
  if (!out.every((n) => Number.isSafeInteger(n) && n >= 1)) {
    shapeError(node, `the output would be ${out.join("×")}: the padding removes everything.`);
  }
}

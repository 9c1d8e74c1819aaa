/** Puts the changed part of a map over the map as it was: what the next operation reads of it. */

import type { Node } from "../graph/ir";
import type { Shape } from "../graph/shape-rule";
import { imageShape } from "../operation/layout";
import { type Operation, operation, type Run } from "../operation/operation";
import type { Pointer } from "../wasm/kernels";
import type { Span } from "./span";

/** A rectangle of a map for every position of a change. */
export interface SpanRegion {
  readonly rows: Span;
  readonly columns: Span;
}

/** The position of each sample of a pass: indices into the starts of rows and of columns. */
export interface PixelPlace {
  readonly row: number;
  readonly column: number;
}

export interface Overlay {
  readonly node: Node;
  /** ONNX shape of the whole map. */
  readonly shape: Shape;
  readonly part: SpanRegion;
  readonly cut: SpanRegion;
  /** What lies around the map. */
  readonly border: number;
  /** The map before the change; undefined where the part covers all that is cut. */
  readonly before: (() => Pointer) | undefined;
  /** The places of the current pass. */
  readonly places: () => readonly PixelPlace[];
}

/** True where the changed part is all that is cut of a map, at every position. */
export const covers = (part: SpanRegion, cut: SpanRegion, height: number, width: number): boolean => {
  const axis = (over: Span, under: Span, extent: number): boolean =>
    under.starts.every(
      (start, i) =>
        over.starts[i] <= Math.max(start, 0) && over.starts[i] + over.size >= Math.min(start + under.size, extent),
    );
  return axis(part.rows, cut.rows, height) && axis(part.columns, cut.columns, width);
};

/** Copies a cut-out of the map: the border where it juts out, the map as it was, and over it the part that changed. */
export function overlayOperation({ node, shape, part, cut, border, before, places }: Overlay): Operation {
  const [input] = node.inputs;
  const [output] = node.outputs;
  const { h: height, w: width, c: channels } = imageShape(shape);
  const size = cut.rows.size * cut.columns.size * channels;
  const partSize = part.rows.size * part.columns.size * channels;

  const forward = (run: Run): void => {
    const bytes = run.memory.bytes(0, run.memory.resident);
    places().forEach((place, sample) => {
      const to = { pointer: run.value(output) + sample * size * 4, ...rectangle(cut, place) };
      const juts = to.top < 0 || to.left < 0 || to.bottom > height || to.right > width;
      if (juts) run.memory.floats(to.pointer, size).fill(border);
      const clip = { top: 0, left: 0, bottom: height, right: width };
      if (before) copy(bytes, channels * 4, { pointer: before(), ...clip }, to, clip);
      copy(
        bytes,
        channels * 4,
        { pointer: run.value(input) + sample * partSize * 4, ...rectangle(part, place) },
        to,
        clip,
      );
    });
  };
  return operation({
    copies: true,
    node,
    inputs: [input],
    outputs: [output],
    forward,
    backward: () => {
      throw new Error("Internal error: a pass over parts has no backward step.");
    },
  });
}

interface Rectangle {
  readonly top: number;
  readonly left: number;
  readonly bottom: number;
  readonly right: number;
}

function rectangle({ rows, columns }: SpanRegion, { row, column }: PixelPlace): Rectangle {
  const [top, left] = [rows.starts[row], columns.starts[column]];
  return { top, left, bottom: top + rows.size, right: left + columns.size };
}

/** Copies what two rectangles of a map share, within bounds. */
function copy(
  bytes: Uint8Array,
  pixel: number,
  from: Rectangle & { readonly pointer: Pointer },
  to: Rectangle & { readonly pointer: Pointer },
  clip: Rectangle,
): void {
  const top = Math.max(from.top, to.top, clip.top);
  const bottom = Math.min(from.bottom, to.bottom, clip.bottom);
  const left = Math.max(from.left, to.left, clip.left);
  const right = Math.min(from.right, to.right, clip.right);
  if (left >= right) return;
  const [fromRow, toRow] = [(from.right - from.left) * pixel, (to.right - to.left) * pixel];
  for (let row = top; row < bottom; row++) {
    const start = from.pointer + (row - from.top) * fromRow + (left - from.left) * pixel;
    bytes.copyWithin(
      to.pointer + (row - to.top) * toRow + (left - to.left) * pixel,
      start,
      start + (right - left) * pixel,
    );
  }
}

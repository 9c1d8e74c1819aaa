/** How much of the evidence of a box lies inside it, beside a box of the same size elsewhere. */
import type { Rectangle } from "../image/resize";
import { factsOf } from "../methods/table";
import type { Detection } from "../model/detection";
import { edgesOf, pictureToInput } from "../model/heads/in-picture";
import type { Tensor } from "../tensor";

/** A map with the places of its rows and columns in the network's input. */
interface PlacedValues {
  readonly method: string;
  readonly values: Tensor;
  readonly inputSize: { readonly width: number; readonly height: number };
}

/** Shares of the positive evidence, 0 to 1. */
export interface BoxEvidence {
  readonly inside: number;
  readonly control?: number;
}

/**
 * What the standing note of a detection's evidence says. The control is the place, among boxes of the same size that do not meet it, with the
 * most evidence: what a box gets that the target is not about. Where none fits beside it there is no control.
 */
export function boxEvidence(
  detection: Pick<Detection, "box" | "placement">,
  { method, values, inputSize }: PlacedValues,
): BoxEvidence | undefined {
  const { shape, data } = values;
  if (shape.length !== 4 || shape[0] !== 1) return undefined;
  const [, rows, columns, channels] = shape;
  const isMagnitude = factsOf(method)?.reading === "magnitude";
  const [left, top, right, bottom] = pictureToInput(edgesOf(detection.box), detection.placement);
  const cells = { x: columns / inputSize.width, y: rows / inputSize.height };
  const at: Rectangle = {
    x: left * cells.x,
    y: top * cells.y,
    width: (right - left) * cells.x,
    height: (bottom - top) * cells.y,
  };
  const positive = new Float64Array(rows * columns);
  let total = 0;
  for (let i = 0; i < positive.length; i++) {
    let sum = 0;
    for (let c = 0; c < channels; c++) {
      const value = data[i * channels + c];
      sum += isMagnitude ? Math.abs(value) : value;
    }
    positive[i] = Math.max(0, sum);
    total += positive[i];
  }
  if (!(total > 0 && Number.isFinite(total))) return undefined;
  const energy = summed(positive, rows, columns);
  const inside = energy(at) / total;
  const control = controlShare(energy, at, { rows, columns });
  return { inside, ...(control !== undefined && { control: control / total }) };
}

type Energy = (box: Rectangle) => number;

/** Sums over boxes of fractions of cells, from sums over everything above and left. */
function summed(values: Float64Array, rows: number, columns: number): Energy {
  const wide = columns + 1;
  const table = new Float64Array((rows + 1) * wide);
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++) {
      table[(y + 1) * wide + x + 1] =
        values[y * columns + x] + table[y * wide + x + 1] + table[(y + 1) * wide + x] - table[y * wide + x];
    }
  }
  const upTo = (x: number, y: number): number => {
    const [column, row] = [Math.min(Math.max(x, 0), columns), Math.min(Math.max(y, 0), rows)];
    const [left, top] = [Math.min(Math.floor(column), columns - 1), Math.min(Math.floor(row), rows - 1)];
    const [across, down] = [column - left, row - top];
    const corner = (dx: number, dy: number): number => table[(top + dy) * wide + left + dx];
    return (
      (1 - across) * (1 - down) * corner(0, 0) +
      across * (1 - down) * corner(1, 0) +
      (1 - across) * down * corner(0, 1) +
      across * down * corner(1, 1)
    );
  };
  return ({ x, y, width, height }) =>
    upTo(x + width, y + height) - upTo(x, y + height) - upTo(x + width, y) + upTo(x, y);
}

/** Positions that are tried along each axis. */
const steps = 12;

/** The most evidence in any box of the same size that does not meet it. */
function controlShare(
  energy: Energy,
  box: Rectangle,
  { rows, columns }: { readonly rows: number; readonly columns: number },
): number | undefined {
  let most: number | undefined;
  for (let i = 0; i <= steps; i++) {
    for (let k = 0; k <= steps; k++) {
      const x = ((columns - box.width) * i) / steps;
      const y = ((rows - box.height) * k) / steps;
      const isApart =
        x + box.width <= box.x || x >= box.x + box.width || y + box.height <= box.y || y >= box.y + box.height;
      if (x < 0 || y < 0 || !isApart) continue;
      most = Math.max(most ?? 0, energy({ ...box, x, y }));
    }
  }
  return most;
}

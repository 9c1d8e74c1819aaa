/** How much of the evidence of a box lies inside it, beside a box of the same size elsewhere. */
import type { Rectangle } from "../image/resize";
import { factsOf } from "../methods/table";
import type { Detection } from "../model/detection";
import { edgesOf, inputToPicture, pictureToInput } from "../model/heads/in-picture";
import type { Tensor } from "../tensor";

/** A map with the places of its rows and columns in the network's input. */
interface PlacedValues {
  readonly method: string;
  readonly values: Tensor;
  readonly inputSize: { readonly width: number; readonly height: number };
}

/** Shares of the positive evidence, 0 to 1. */
export interface SharesOfBox {
  /** All of the positive evidence, in units of the map; 0: there is none. */
  readonly total: number;
  readonly inside: number;
  /** In twice the box: of the same middle, twice as wide and high. */
  readonly near: number;
  /** Share of the map that the box covers. */
  readonly area: number;
  /** Absent where nothing can stand beside the box. */
  readonly control?: {
    readonly share: number;
    /** In pixels of the picture. */
    readonly box: Rectangle;
    /** Which of the other boxes it is; undefined of a place where nothing was found. */
    readonly other?: number;
  };
}

/**
 * What the standing note of a detection's evidence says. The control is the other box with the most evidence, without what it shares with the
 * box; where there is none apart from it, the place, among boxes of the same size that do not meet it, with the most evidence: what a box
 * gets that the target is not about. Where none fits beside it there is no control.
 *
 * @param others  boxes of the same picture
 * @returns undefined of what is no map
 */
export function sharesOfBox(
  detection: Pick<Detection, "box" | "placement">,
  { method, values, inputSize }: PlacedValues,
  others: readonly Pick<Detection, "box">[] = [],
): SharesOfBox | undefined {
  const { shape, data } = values;
  if (shape.length !== 4 || shape[0] !== 1) return undefined;
  const [, rows, columns, channels] = shape;
  const isMagnitude = factsOf(method)?.reading === "magnitude";
  const cells = { x: columns / inputSize.width, y: rows / inputSize.height };
  const inMap = (box: Rectangle): Rectangle => {
    const [left, top, right, bottom] = pictureToInput(edgesOf(box), detection.placement);
    return rectangle([left * cells.x, top * cells.y, right * cells.x, bottom * cells.y]);
  };
  const inPicture = ({ x, y, width, height }: Rectangle): Rectangle =>
    rectangle(
      inputToPicture([x / cells.x, y / cells.y, (x + width) / cells.x, (y + height) / cells.y], detection.placement),
    );
  const at = inMap(detection.box);
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
  const map: Rectangle = { x: 0, y: 0, width: columns, height: rows };
  const area = areaOf(common(at, map)) / (columns * rows);
  if (!(total > 0 && Number.isFinite(total))) return { total: 0, inside: 0, near: 0, area };
  const energy = summed(positive, rows, columns);
  const found = { total, inside: energy(at) / total, near: energy(twice(at)) / total, area };
  const beside = others
    .map(({ box }, other) => ({ box, other, at: inMap(box) }))
    .filter((each) => isApart(each.at, at))
    .map(({ at: place, ...each }) => ({ ...each, share: (energy(place) - energy(common(place, at))) / total }))
    .sort((a, b) => b.share - a.share);
  if (beside.length > 0) return { ...found, control: beside[0] };
  const place = fullestElsewhere(energy, at, { rows, columns });
  return { ...found, ...(place && { control: { share: energy(place) / total, box: inPicture(place) } }) };
}

const rectangle = ([left, top, right, bottom]: readonly [number, number, number, number]): Rectangle => ({
  x: left,
  y: top,
  width: right - left,
  height: bottom - top,
});

/** A box of the same middle, twice as wide and high. */
const twice = ({ x, y, width, height }: Rectangle): Rectangle => ({
  x: x - width / 2,
  y: y - height / 2,
  width: 2 * width,
  height: 2 * height,
});

/** What lies in both. */
function common(a: Rectangle, b: Rectangle): Rectangle {
  const [x, y] = [Math.max(a.x, b.x), Math.max(a.y, b.y)];
  const width = Math.max(0, Math.min(a.x + a.width, b.x + b.width) - x);
  const height = Math.max(0, Math.min(a.y + a.height, b.y + b.height) - y);
  return { x, y, width, height };
}

const areaOf = ({ width, height }: Rectangle): number => width * height;

/** Boxes that share most of either are of one object. */
const isApart = (a: Rectangle, b: Rectangle): boolean =>
  areaOf(a) > 0 && areaOf(common(a, b)) <= Math.min(areaOf(a), areaOf(b)) / 2;

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

/** The box of the same size that does not meet it with the most evidence. */
function fullestElsewhere(
  energy: Energy,
  box: Rectangle,
  { rows, columns }: { readonly rows: number; readonly columns: number },
): Rectangle | undefined {
  let [most, place]: [number, Rectangle | undefined] = [-1, undefined];
  for (let i = 0; i <= steps; i++) {
    for (let k = 0; k <= steps; k++) {
      const x = ((columns - box.width) * i) / steps;
      const y = ((rows - box.height) * k) / steps;
      const meets = x + box.width > box.x && x < box.x + box.width && y + box.height > box.y && y < box.y + box.height;
      if (x < 0 || y < 0 || meets) continue;
      const own = energy({ ...box, x, y });
      if (own > most) [most, place] = [own, { ...box, x, y }];
    }
  }
  return place;
}

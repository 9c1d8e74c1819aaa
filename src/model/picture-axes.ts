/**
 * Which axes of a value still are the rows and the columns of the network's input: followed from the input through every operator,
 * through reshapes too, so that a map is laid over the picture only where its places are places of the picture.
 */

import { numberAttribute } from "../graph/ir";
import { type StridedRegion, type StridedWalk, walkStrides } from "../graph/regions";
import type { Shape } from "../graph/shape-rule";
import { memoryStrides } from "../operation/layout";
import type { ValueName } from "../operation/operation";
import { operators } from "../operators/table";
import { sizeOf } from "../tensor";
import type { LoadedModel } from "./loaded-model";

type Role = "slice" | "row" | "column" | "tokens" | "other";

/**
 * A factor of an axis. An axis of 256 places that was 16×16 has two; rows cut into windows are two factors of one family, the
 * outer of which has the larger unit, and are rows again when both meet in that order.
 */
interface Factor {
  readonly role: Role;
  readonly extent: number;
  /** How many steps of the family's finest factor one step is. */
  readonly unit: number;
  readonly family: Family | undefined;
  /** Of tokens: the places that lie among them, and how many others are in front. */
  readonly among?: { readonly places: Axis; readonly inFront: number };
  /** Of places that go round (shifted windows): the step that comes first. */
  readonly rolled?: number;
  /** What was cut out of an axis, so that it is known again beside the rest. */
  readonly cut?: { readonly from: Axis; readonly start: number };
}

/** All places along rows or columns at one resolution. */
interface Family {
  readonly extent: number;
}

/** The factors of one axis, outermost first; none where it has one place. */
type Axis = readonly Factor[];

const other = (extent: number): Axis => (extent === 1 ? [] : [{ role: "other", extent, unit: 1, family: undefined }]);

const whole = (role: Role, extent: number): Axis =>
  role === "other" || extent === 1 ? other(extent) : [{ role, extent, unit: 1, family: { extent } }];

/** Rows or columns, where an axis is all of them in order, be it in steps of several. */
function roleOf(axis: Axis | undefined): Role {
  const [factor] = axis ?? [];
  if (axis?.length !== 1 || !factor.family || factor.rolled) return "other";
  return factor.unit * factor.extent === factor.family.extent ? factor.role : "other";
}

/** A sequence of places that has others in front of or behind it: class tokens, registers. */
const tokens = (places: Axis, inFront: number, extent: number): Axis =>
  inFront === 0 && extent === extentOf(places)
    ? places
    : [{ role: "tokens", extent, unit: 1, family: { extent }, among: { places, inFront } }];

/** The sequence of places in an axis; undefined where it is rows alone or columns alone, or no places in order. */
function sequenceOf(axis: Axis): { readonly places: Axis; readonly inFront: number } | undefined {
  const [first] = axis;
  if (axis.length === 1 && first.among) return extentOf(axis) === first.family?.extent ? first.among : undefined;
  const several = axis.length > 1 && axis.every((factor) => roleOf([factor]) !== "other");
  return several ? { places: axis, inFront: 0 } : undefined;
}

/** The places of the picture in a value, whichever of its axes hold them. */
export interface PicturePlaces {
  /** Extents of slices, rows and columns, as far as the picture has them. */
  readonly extents: readonly number[];
  /** Where each place, row by row, begins in memory. */
  readonly offsets: Int32Array;
  /** How far from there each channel lies: everything at a place. */
  readonly channels: Int32Array;
  /** What stands at no place, in front of those and behind them. */
  readonly inFront: number;
  readonly behind: number;
  /** The axes that hold places. */
  readonly axes: readonly number[];
}

const found = new WeakMap<LoadedModel, PictureAxes>();

/** The axes of a model's values, followed once. */
export function pictureAxes(model: LoadedModel): PictureAxes {
  const axes = found.get(model) ?? new PictureAxes(model);
  found.set(model, axes);
  return axes;
}

/** Follows the rows and columns of the network's input to every value. */
class PictureAxes {
  readonly #axes = new Map<ValueName, readonly Axis[]>();
  readonly #model: LoadedModel;
  /** What of rows and columns the inputs have. */
  readonly #has: { readonly slices: boolean; readonly rows: boolean; readonly columns: boolean };

  constructor(model: LoadedModel) {
    this.#model = model;
    let has = { slices: false, rows: false, columns: false };
    for (const { name, shape } of model.parts.inputs) {
      const [rank, last] = [shape.length, shape.length - 1];
      const slices = rank === 5 && shape[2] > 1;
      const rows = (rank === 4 || rank === 5) && shape[last - 1] > 1;
      const columns = rank >= 3 && rank <= 5 && shape[last] > 1;
      has = { slices: has.slices || slices, rows: has.rows || rows, columns: has.columns || columns };
      const spatial: readonly Role[] = ["slice", "row", "column"];
      const roles: readonly Role[] = ["other", "other", ...spatial.slice(Math.max(0, 5 - rank))];
      this.#axes.set(
        name,
        shape.map((extent, axis) => whole(slices || rows || columns ? (roles[axis] ?? "other") : "other", extent)),
      );
    }
    this.#has = has;
    for (const node of model.parts.graph.nodes) if (node.op !== "InputPart") this.#follow(node);
  }

  /**
   * True where the last two axes of a value N×C×H×W are rows and columns of the picture (of a signal the last axis its places, of a
   * volume the last three its slices, rows and columns).
   * Of a network whose input has no places nothing is known, and every map will do.
   */
  isMap(value: ValueName): boolean {
    const shape = this.#model.shape(value);
    if (shape.length < 3 || shape.length > 5 || sizeOf(shape.slice(2)) <= 1) return false;
    const { slices, rows, columns } = this.#has;
    if (!slices && !rows && !columns) return true;
    const axes = this.#axes.get(value);
    const last = shape.length - 1;
    if (shape.length === 5 ? !slices : slices) return false;
    if (slices && roleOf(axes?.[2]) !== "slice") return false;
    if (rows && (shape.length < 4 || roleOf(axes?.[last - 1]) !== "row")) return false;
    return !columns || roleOf(axes?.[last]) === "column";
  }

  /**
   * The places of a value; undefined where they are not all there, each once, in the order of the picture: some were left out, or every row
   * meets every row as in attention.
   */
  places(value: ValueName): PicturePlaces | undefined {
    const { slices, rows, columns } = this.#has;
    const roles: Role[] = [];
    if (slices) roles.push("slice");
    if (rows) roles.push("row");
    if (columns) roles.push("column");
    const shape = this.#model.shape(value);
    const axes = this.#axes.get(value);
    if (roles.length === 0 || !axes) return undefined;
    return placesOf(roles, shape, axes);
  }

  /** True where some value has places of the picture as tokens. */
  get hasSequences(): boolean {
    return [...this.#axes.values()].some((axes) => axes.some((axis) => sequenceOf(axis) !== undefined));
  }

  /** True where an axis of a value is a sequence of places, and of nothing else. */
  isSequence(value: ValueName, axis: number): boolean {
    return sequenceOf(this.#axes.get(value)?.at(axis) ?? []) !== undefined;
  }

  /** The grids whose rows and columns, in that order, some value has as one axis: sequences of places. The latest come first. */
  grids(): { readonly rows: number; readonly columns: number }[] {
    const found = new Map<string, { rows: number; columns: number }>();
    for (const axis of [...this.#axes.values()].flat()) {
      const [rows, columns] = axis;
      if (axis.length !== 2 || roleOf([rows]) !== "row" || roleOf([columns]) !== "column") continue;
      found.set(`${rows.extent} ${columns.extent}`, { rows: rows.extent, columns: columns.extent });
    }
    return [...found.values()].reverse();
  }

  #follow(node: LoadedModel["parts"]["graph"]["nodes"][number]): void {
    const { shapes, constants } = this.#model.parts.graph;
    const inputs = node.inputs.map((name) => shapes.get(name) ?? []);
    const known = node.inputs.map((name) => this.#axes.get(name));
    const lines = this.#has.rows;
    node.outputs.forEach((name, output) => {
      const shape = shapes.get(name);
      if (!name || !shape) return;
      this.#axes.set(name, follow());
      function follow(): readonly Axis[] {
        const { arrange, reach, nature } = operators.get(node.op) ?? {};
        if (arrange) {
          const values = node.inputs.map((input) => constants.get(input));
          const parts = arrange(node, inputs, values).regions();
          const out = moved(
            parts.filter((part) => (part.output ?? 0) === output),
            { inputs, known, shape: shape as Shape, joins: node.op === "Concat" && !lines },
          );
          const along = node.op === "Concat" ? numberAttribute(node, "axis", 0) : 0;
          const round = node.op === "Concat" && goingRound(known.map((axes) => axes?.at(along)));
          return round ? out.map((axis, i) => (i === (along < 0 ? along + out.length : along) ? round : axis)) : out;
        }
        if (reach === "row-major") return reshaped(known[0] ?? [], shape as Shape);
        if (reach === "same") return broadcast(known, shape as Shape);
        if (nature === "dense") {
          const turned = (side: number, attribute: string): readonly Axis[] | undefined =>
            numberAttribute(node, attribute, 0) ? known[side]?.slice().reverse() : known[side];
          return product(turned(0, "transA"), turned(1, "transB"), shape as Shape);
        }
        return windowed(known[0] ?? [], shape as Shape);
      }
    });
  }
}

/** Convolutions, pools and normalisations keep the order of places along every axis; the channels are new unless as many. */
const windowed = (from: readonly Axis[], shape: Shape): Axis[] =>
  shape.map((extent, axis) => {
    const known = from[axis] ?? [];
    return extentOf(known) === extent ? known : whole(axis < 2 ? "other" : roleOf(known), extent);
  });

const extentOf = (axis: Axis): number => axis.reduce((product, { extent }) => product * extent, 1);

/** Operands meet aligned at the right; what the picture has of an axis in one of them it has in the result. */
function broadcast(known: readonly (readonly Axis[] | undefined)[], shape: Shape): Axis[] {
  return shape.map((extent, axis) => {
    const found = known.flatMap((axes) => {
      const own = axes?.[axis - (shape.length - axes.length)];
      return own && extentOf(own) === extent && own.some(({ role }) => role !== "other") ? [own] : [];
    });
    return agreed(found, extent);
  });
}

/** The one meaning that several operands give an axis; none where they differ. */
function agreed(found: readonly Axis[], extent: number): Axis {
  const [first, ...rest] = found;
  const roles = (axis: Axis): string =>
    axis
      .map(
        ({ role, extent: own, among }) => `${role} ${own}${among ? ` ${among.inFront} (${roles(among.places)})` : ""}`,
      )
      .join();
  return first && rest.every((axis) => roles(axis) === roles(first)) ? first : other(extent);
}

/** Rows of the left side, columns of the right one, and what repeats both. */
function product(left: readonly Axis[] | undefined, right: readonly Axis[] | undefined, shape: Shape): Axis[] {
  const rank = shape.length;
  const repeats = broadcast([left?.slice(0, -2), right?.slice(0, -2)], shape.slice(0, -2));
  return shape.map((extent, axis) => {
    if (axis < rank - 2) return repeats[axis];
    const own = axis === rank - 2 ? left?.at(-2) : right?.at(-1);
    return own && extentOf(own) === extent ? own : other(extent);
  });
}

interface Move {
  readonly inputs: readonly Shape[];
  readonly known: readonly (readonly Axis[] | undefined)[];
  /** Of the output. */
  readonly shape: Shape;
  /** True where parts of signals are laid beside each other: before the last axis those are tokens, along it a padding. */
  readonly joins: boolean;
}

/** At most this share of an axis may be cut off or added at each end: beyond it, the places are not those of the picture any more. */
const margin = 1 / 6;

/** Along every axis of the output what the regions bring there. */
function moved(regions: readonly StridedRegion[], move: Move): Axis[] {
  return move.shape.map((extent, axis) => {
    const found = regions.map((region) => through(region, axis, move)).filter((part) => part !== undefined);
    return agreed(
      found.filter((part) => part.some(({ role, cut }) => role !== "other" || cut)),
      extent,
    );
  });
}

function through(region: StridedRegion, axis: number, move: Move): Axis | undefined {
  const { input = 0, extents, from = {}, to = {} } = region;
  const { inputs, known, shape } = move;
  const steps = (walk: StridedWalk, rank: number, along: number): number[] => {
    const unit = Array.from({ length: rank }, (_, i) => Number(i === along));
    return walkStrides(walk, extents.length, unit);
  };
  const onto = steps(to, shape.length, axis);
  // The outermost loop along the output's axis, and the axis of the input that it walks.
  const loops = extents.flatMap((extent, loop) => (extent > 1 && onto[loop] !== 0 ? [loop] : []));
  const [loop] = loops.sort((a, b) => Math.abs(onto[b]) - Math.abs(onto[a]));
  if (loop === undefined) return cutOne(region, axis, move);
  const source = inputs[input].findIndex((_, i) => steps(from, inputs[input].length, i)[loop] !== 0);
  const own = known[input]?.[source];
  if (source < 0 || !own) return undefined;
  const along = steps(from, inputs[input].length, source);
  const step = along[loop];
  const start = from.start?.[source] ?? 0;
  const extent = inputs[input][source];
  if (loops.length === 1 && step === 1 && onto[loop] === 1 && extents[loop] === extent && shape[axis] === extent)
    return own;
  if (loops.length === 1 && step === 1 && onto[loop] === 1) {
    const alone = move.joins && axis === shape.length - 2 && own.length === 1 && roleOf(own) === "column";
    const sequence = alone ? { places: own, inFront: 0 } : sequenceOf(own);
    if (sequence) {
      // What is copied has to have all of the places; what lies in front of them may be more, or fewer.
      const count = extentOf(sequence.places);
      const first = sequence.inFront - start;
      if (first < 0 || first + count > extents[loop]) return undefined;
      return tokens(sequence.places, (to.start?.[axis] ?? 0) + first, shape[axis]);
    }
  }
  // An inner loop of the same axis walks inside of blocks; backwards, the picture would be mirrored.
  const outermost = along.every((other, i) => extents[i] === 1 || Math.abs(other) <= Math.abs(step));
  if (!outermost || step < 0 || onto[loop] < 0) return undefined;
  const cutOff = [start, extent - (start + extents[loop] * step)];
  const added = [to.start?.[axis] ?? 0, shape[axis] - ((to.start?.[axis] ?? 0) + extents[loop] * onto[loop])];
  const within = cutOff.every((n) => n <= margin * extent) && added.every((n) => n <= margin * shape[axis]);
  const role = roleOf(own);
  const kept = within ? whole(role, shape[axis]) : undefined;
  const isCut = step === 1 && extents[loop] === shape[axis] && own.length === 1 && own[0].role !== "other";
  return isCut ? cutOut(kept, own, start, shape[axis]) : kept;
}

/** Part of an axis, which remembers that it is one. */
const cutOut = (kept: Axis | undefined, from: Axis, start: number, extent: number): Axis => [
  { ...(kept?.[0] ?? { role: "other", unit: 1, family: undefined }), extent, cut: { from, start } },
];

/** A single step cut out of an axis, of which no loop tells. */
function cutOne(
  { input = 0, extents, from = {} }: StridedRegion,
  axis: number,
  { inputs, known, shape }: Move,
): Axis | undefined {
  const [own, rank] = [known[input]?.[axis], inputs[input].length];
  if (shape[axis] !== 1 || rank !== shape.length || own?.length !== 1 || own[0].role === "other") return undefined;
  const unit = Array.from({ length: rank }, (_, i) => Number(i === axis));
  const walked = walkStrides(from, extents.length, unit).some((step, loop) => step !== 0 && extents[loop] > 1);
  return walked ? undefined : cutOut(undefined, own, from.start?.[axis] ?? 0, 1);
}

/** Two parts of an axis, the latter first: what a roll leaves. */
function goingRound(parts: readonly (Axis | undefined)[]): Axis | undefined {
  if (parts.length !== 2) return undefined;
  const cuts = parts.map((axis) => (axis?.length === 1 ? axis[0].cut : undefined));
  const [first, second] = cuts;
  if (!first || !second || first.from !== second.from) return undefined;
  const [factor] = first.from;
  const [size, rest] = parts.map((axis) => extentOf(axis as Axis));
  const goesOn = second.start === (first.start + size) % factor.extent && size + rest === factor.extent;
  if (!goesOn || factor.family?.extent !== factor.extent * factor.unit) return undefined;
  const rolled = ((factor.rolled ?? 0) + first.start) % factor.extent;
  return [{ ...factor, rolled, family: { extent: factor.family.extent } }];
}

/** The same sequence under another shape: factors are divided and joined as far as they go into its extents. */
function reshaped(from: readonly Axis[], shape: Shape): Axis[] {
  const left = [...joined(from.flat())];
  let lost = false;
  return shape.map((extent) => {
    const taken: Factor[] = [];
    let open = extent;
    while (open > 1 && !lost) {
      const factor = left.shift();
      if (factor && open % factor.extent === 0) {
        taken.push(factor);
        open /= factor.extent;
      } else if (factor && factor.extent % open === 0) {
        const inner = factor.extent / open;
        taken.push({ ...factor, extent: open, unit: factor.unit * inner });
        left.unshift({ ...factor, extent: inner });
        open = 1;
      } else lost = true;
    }
    return lost ? other(extent) : joined(taken);
  });
}

/** Neighbours that are outer and inner of one family become one; so do those that mean nothing. */
function joined(factors: readonly Factor[]): Factor[] {
  const out: Factor[] = [];
  for (const factor of factors) {
    const before = out.at(-1);
    const cut = before?.cut ?? factor.cut;
    if (
      before &&
      !cut &&
      before.family === factor.family &&
      (!factor.family || before.unit === factor.unit * factor.extent)
    ) {
      out[out.length - 1] = { ...factor, extent: before.extent * factor.extent };
    } else out.push(factor);
  }
  return out;
}

/** A factor of places and how far apart its steps are in memory. */
interface Placed {
  readonly factor: Factor;
  readonly stride: number;
}

function placesOf(roles: readonly Role[], shape: Shape, axes: readonly Axis[]): PicturePlaces | undefined {
  const strides = memoryStrides(shape);
  const placed: Placed[] = [];
  const others: Placed[] = [];
  let [start, inFront, behind] = [0, 0, 0];
  const holding = new Set<number>();
  for (const [axis, factors] of axes.entries()) {
    const sequence = factors.length === 1 && factors[0].among ? sequenceOf(factors) : undefined;
    if (factors.some(({ among }) => among) && !sequence) return undefined;
    let stride = strides[axis] * shape[axis];
    if (sequence) {
      const count = extentOf(sequence.places);
      [inFront, behind] = [sequence.inFront, shape[axis] - sequence.inFront - count];
      start += inFront * strides[axis];
      stride = strides[axis] * count;
    }
    for (const factor of sequence?.places ?? factors) {
      stride /= factor.extent;
      (factor.role === "other" ? others : placed).push({ factor, stride });
      if (factor.role !== "other") holding.add(axis);
    }
  }
  const chains = roles.map((role) => chained(placed.filter(({ factor }) => factor.role === role)));
  if (chains.some((chain) => chain === undefined)) return undefined;
  const offsets = (parts: readonly Placed[], first: number): Int32Array => {
    let all = Int32Array.of(first);
    for (const { factor, stride } of parts) {
      const next = new Int32Array(all.length * factor.extent);
      for (let i = 0; i < next.length; i++) {
        next[i] = all[Math.floor(i / factor.extent)] + (i % factor.extent) * stride;
      }
      all = next;
    }
    return all;
  };
  const known = chains as readonly (readonly Placed[])[];
  return {
    extents: known.map((chain) => chain.reduce((product, { factor }) => product * factor.extent, 1)),
    offsets: unrolled(offsets(known.flat(), start), known),
    channels: offsets(others, 0),
    inFront,
    behind,
    axes: [...holding],
  };
}

/** The factors of rows, or of columns, outermost first; undefined where they are not all of them, or some twice. */
function chained(parts: readonly Placed[]): readonly Placed[] | undefined {
  const sorted = [...parts].sort((a, b) => b.factor.unit - a.factor.unit);
  const [first] = sorted;
  let open = first?.factor.family?.extent;
  for (const { factor } of sorted) {
    if (factor.unit * factor.extent !== open || factor.rolled !== first.factor.rolled) return undefined;
    open = factor.unit;
  }
  return first && sorted;
}

/** Places in the order of the picture, where rows or columns begin elsewhere in memory. */
function unrolled(offsets: Int32Array, chains: readonly (readonly Placed[])[]): Int32Array {
  const extents = chains.map((chain) => chain.reduce((product, { factor }) => product * factor.extent, 1));
  const rolls = chains.map(([{ factor }]) => factor.rolled ?? 0);
  if (rolls.every((rolled) => rolled === 0)) return offsets;
  return offsets.map((_, place) => {
    let [rest, at, stride] = [place, 0, 1];
    for (let axis = extents.length - 1; axis >= 0; axis--) {
      const extent = extents[axis];
      const own = rest % extent;
      rest = (rest - own) / extent;
      at += ((own - rolls[axis] + extent) % extent) * stride;
      stride *= extent;
    }
    return offsets[at];
  });
}

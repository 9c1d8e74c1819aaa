/** Operators that take integers as they are. */
import { Constant } from "../../graph/ir";
import type { Lowered } from "../lowering/emitter";
import { isPlain, isSameGrid, type PlainGrid } from "./grid";
import { type Knowledge, onGrid, setGrid } from "./known";

/** What only moves or picks elements of its first input: on one grid before and behind. */
const moving: ReadonlySet<string> = new Set(
  (
    "DepthToSpace Dropout Expand Flatten Gather GatherElements GatherND GlobalMaxPool Identity MaxPool ReduceMax ReduceMin Reshape Slice " +
    "SpaceToDepth Split Squeeze Tile Transpose Unsqueeze"
  ).split(" "),
);

/** The same of all their inputs. */
const joining: ReadonlySet<string> = new Set(["Concat", "Max", "Min"]);

/** What only asks for sizes. */
const measuring: ReadonlySet<string> = new Set(["Shape", "Size"]);

const isWhole = (known: Knowledge, name: string): boolean => {
  const value = known.values.get(name);
  return value !== undefined && (!("grid" in value) || value.whole);
};

/**
 * Of an operator that is not written by others: its results lie where its inputs do, or it cannot compute with integers.
 *
 * @returns why it cannot
 */
export function passOn(known: Knowledge, from: Lowered): string | undefined {
  const { op, inputs, outputs } = from.node;
  if (measuring.has(op) || !inputs.some((name) => known.values.has(name))) return undefined;
  const [first] = inputs;
  const given = known.values.get(first);
  const computesWith = (name: string): string => `it computes with the integers of the quantised value "${name}"`;
  if (moving.has(op) && given) {
    const other = inputs.slice(1).find((name) => isWhole(known, name));
    if (other !== undefined) return computesWith(other);
    if ("grid" in given && !isPlain(given.grid)) {
      if (op === "Identity") for (const name of outputs) known.values.set(name, given);
      return given.whole && op !== "Identity"
        ? "it moves integers that have a scale for each of several parts"
        : undefined;
    }
    // A pool of the largest real numbers: what stands around an input is never among them.
    for (const name of outputs.slice(0, op === "Split" ? undefined : 1)) if (name !== "") known.values.set(name, given);
    return undefined;
  }
  if (op === "Pad" && isWhole(known, first)) return padded(known, from);
  if (op === "Resize" && isWhole(known, first)) return resized(known, from);
  if (joining.has(op)) {
    const grids = inputs.map((name) => known.values.get(name));
    const [own] = grids;
    const isOne =
      own &&
      "grid" in own &&
      isPlain(own.grid) &&
      grids.every((each) => each && "grid" in each && each.whole === own.whole && isSameGrid(each.grid, own.grid));
    if (isOne) {
      known.values.set(outputs[0], own);
      return undefined;
    }
  }
  const whole = inputs.find((name) => isWhole(known, name));
  return whole === undefined ? undefined : computesWith(whole);
}

function plainAt(known: Knowledge, from: Lowered): PlainGrid | undefined {
  const value = known.values.get(from.input(0));
  return value && "grid" in value && isPlain(value.grid) ? value.grid : undefined;
}

/** What is put around integers is an integer. */
function padded(known: Knowledge, from: Lowered): string | undefined {
  const grid = plainAt(known, from);
  if (!grid) return "it pads integers whose scales are several, or computed";
  const value = from.known[2];
  if (from.has(2) && !value) return "what it pads with is computed from the image";
  const integer = value?.numbers()[0] ?? 0;
  const real = Constant.fromFloats(Float32Array.of((integer - grid.zero[0]) * grid.scale[0]), []);
  const rest = from.node.inputs.slice(3);
  const inputs = [from.input(0), from.input(1), from.floats(real.floats(), []), ...rest];
  from.result(from.emit("Identity", [from.emit("Pad", inputs, Object.fromEntries(from.node.attributes))]));
  setGrid(known, from, grid);
  return undefined;
}

/** Between integers lies what is no integer. */
function resized(known: Knowledge, from: Lowered): string | undefined {
  const grid = plainAt(known, from);
  if (!grid) return "it resizes integers whose scales are several, or computed";
  const attributes = Object.fromEntries(from.node.attributes);
  const real = from.emit("Resize", from.node.inputs, attributes);
  const isNearest = (attributes.mode ?? "nearest") === "nearest";
  from.result(isNearest ? from.emit("Identity", [real]) : onGrid(known, from, real, grid));
  setGrid(known, from, grid);
  return undefined;
}

import { SeethroughError } from "../errors";
import { guardedAsync } from "../guard";
import type { Detection } from "../model/detection";
import type { LoadedModel } from "../model/loaded-model";
import { type Input, isNamed, isTensor } from "../model/model";
import { checkScore } from "../model/not-finite";
import { asksForBox, resolveTarget } from "../model/resolve-target";
import type { Target } from "../model/target";
import { joinNotes, type Note, type NoteCode, note } from "../notes";
import { isWorthless } from "../view/heatmap";
import type { Attribution } from "./attribution";
import { withMethods } from "./attribution-methods";
import { shownShares } from "./by-input";
import { readingsApart } from "./readings-apart";
import { makeRecipe } from "./recipe";
import type { Finding } from "./why-empty";

/** What a method found, and how it was asked. */
export interface Found
  extends Omit<
    Attribution,
    "byInput" | "inputSize" | "inputSizes" | "placement" | "placements" | "notes" | "recipe" | "toDataURL"
  > {
  /** Default: `values`, of several inputs cut apart. */
  readonly byInput?: Attribution["byInput"];
  /** Default: the network's. */
  readonly inputSize?: Attribution["inputSize"];
  /** What this method has to say; what is true of every explanation of the model or the map is added here. */
  readonly notes?: readonly Note[];
  /** The options as they were used, for the recipe. */
  readonly options: Readonly<Record<string, unknown>> & { readonly seed?: number };
  /**
   * What the values come to in units of the score: how much of it they explain, or by how much it changed at most when the input
   * did. Default: the sum of their magnitudes, which is right for shares of the score. "flow": whatever the values come to by the
   * method's own rules, they are as much evidence as gradient × value is there.
   */
  readonly effect?: number | "flow";
  /** True for maps of which only the differences between places count. */
  readonly relative?: boolean;
}

/**
 * The one place where an attribution is made, so that no method can leave out what all of them have to say.
 *
 * @param model  absent for a black box
 * @param input  as the caller handed it over
 * @throws {InputError} if the score is not finite
 */
export const finishAttribution = (model: LoadedModel | undefined, input: Input, found: Found): Promise<Attribution> =>
  guardedAsync(found.method, () => finish(model, input, found));

async function finish(
  model: LoadedModel | undefined,
  input: Input,
  { options, notes = [], inputSize: size, effect, relative = false, ...found }: Found,
): Promise<Attribution> {
  const { score, index } = found.target;
  if (model && !Number.isFinite(score)) {
    const { value } = resolveTarget(model, options.target as Target | undefined);
    checkScore(model, `The score of target ${index}`, score, model.prepare(input), value);
  }
  const signal = options.signal as AbortSignal | undefined;
  const target = options.target as Target | undefined;
  const about = { values: allValues(found), score, effect, relative, layer: found.layer, known: notes, signal };
  const shown = model ? shownShares(model, input, { ...found, inputSize: size }) : { inputSize: size as Size };
  const empty = await emptyNotes(model, input, target, about);
  // Where a map is rounding or stands for nothing, so does what of it lies in a box.
  const boxed = isWorthless([...notes, ...empty])
    ? []
    : await boxNotes(options, { method: found.method, values: found.values, ...shown });
  const isPicture = isNamed(input) ? !Object.values(input).every(isTensor) : !isTensor(input);
  const made = {
    ...found,
    ...shown,
    // A Tensor comes as the network takes it, however pixels would have become numbers.
    notes: joinNotes(
      // How many threads computed it bears on no result.
      (model?.notes ?? []).filter(({ code }) => code !== "fewer-threads" && (isPicture || !ofPixels.has(code))),
      notes,
      // A detection that is no target is sought in pictures, and has no score in one.
      model && options.detection === undefined
        ? await readingsApart(model, { input, target, index, score, signal })
        : [],
      boxed,
      empty,
    ),
    recipe: await makeRecipe(model, found.method, options),
  };
  return withMethods(made, model?.input.name ?? "input");
}

type Size = Attribution["inputSize"];

/** Of a detection: how much of the evidence lies in its box. */
async function boxNotes(
  { target, detection }: Found["options"],
  about: {
    readonly method: string;
    readonly values: Attribution["values"];
    readonly inputSize: Size;
    readonly placement?: Attribution["placement"];
  },
): Promise<Note[]> {
  const asked = target as Target | undefined;
  const own = asksForBox(asked) ? asked.detection : undefined;
  const sought = own ?? (detection as Pick<Detection, "box" | "placement"> | undefined);
  if (!sought) return [];
  // A target's box lies as it was found; one that is looked for in the picture that was handed in, where it was one.
  const placement = own ? own.placement : (about.placement ?? sought.placement);
  const found = (await import("./box-evidence")).sharesOfBox(
    { box: sought.box, ...(placement && { placement }) },
    about,
  );
  const percent = (share: number): string => `${Math.round(100 * share)} %`;
  if (!found || found.total === 0) return [];
  const shares = note("box-evidence", percent(found.inside), found.control ? percent(found.control.share) : "");
  return found.near < 0.5 ? [shares, note("evidence-beside-box", percent(found.near))] : [shares];
}

/** The values of all inputs together: a map is empty where all of them are. */
function allValues({ values, byInput }: Pick<Found, "values" | "byInput">): Float32Array {
  const parts = [...new Set(byInput ? Object.values(byInput) : [values])].map(({ data }) => data);
  if (parts.length === 1) return parts[0];
  const all = new Float32Array(parts.reduce((total, { length }) => total + length, 0));
  let next = 0;
  for (const part of parts) {
    all.set(part, next);
    next += part.length;
  }
  return all;
}

/**
 * How many places have the middle value, unless that is zero, as a share; and how far all of them are apart, as a share of the
 * largest magnitude. What does not come from the picture is the same everywhere, but for what paddings do at the border.
 */
function evenness(values: Float32Array): { readonly share: number; readonly spread: number } {
  const sorted = values.slice().sort();
  const middle = sorted[sorted.length >> 1];
  const size = Math.max(Math.abs(sorted[0]), Math.abs(sorted[sorted.length - 1]));
  if (middle === 0) return { share: 0, spread: Number.POSITIVE_INFINITY };
  const same = sorted.reduce((count, value) => count + Number(Math.abs(value - middle) <= rounding * size), 0);
  return { share: same / sorted.length, spread: (sorted[sorted.length - 1] - sorted[0]) / size };
}

interface About {
  readonly values: Float32Array;
  readonly score: number;
  readonly effect: Found["effect"];
  readonly relative: boolean;
  readonly layer: string | undefined;
  readonly known: readonly Note[];
  readonly signal: AbortSignal | undefined;
}

/** Notes that only matter where pixels became numbers. */
const ofPixels: ReadonlySet<NoteCode> = new Set(["normalisation-assumed", "integer-input"]);

/** Of what flows to the score, a map that comes to less than this is rounding: float32 keeps seven digits. */
const rounding = 1e-6;
/** Below these it is worth another pass to find out. Ordinary maps come to the score or more, ordinary scores are larger. */
const suspicious = { share: 1e-3, score: 1e-4, even: 0.5 };
/** Notes that say already why there is nothing. */
const reasons: ReadonlySet<NoteCode> = new Set([
  "all-negative-map",
  "signal-died",
  "target-equals-baseline",
  "negative-relevance",
]);

/**
 * What there is to say about a map without evidence. Nothing is compared with a fixed size: a network may compute in millionths.
 * A map is rounding where what it comes to, in units of the score, is below a millionth of the largest Σ|gradient × value| of any
 * layer between it and the target, the score's own magnitude among them.
 */
async function emptyNotes(
  model: LoadedModel | undefined,
  input: Input,
  target: Target | undefined,
  { values, score, effect, relative, layer, known, signal }: About,
): Promise<Note[]> {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += Math.abs(values[i]);
  const ask = async () => ({
    ...(await import("./why-empty")),
    about: { model: model as LoadedModel, input, target, layer, signal },
  });
  if (!Number.isFinite(sum)) {
    if (!model) return [note("not-finite", "its values")];
    const { findNotFinite, about } = await ask();
    return [note("not-finite", (await findNotFinite(about)) ?? "the method's own arithmetic")];
  }
  const amount = typeof effect === "number" ? effect : sum;
  const size = Math.abs(score);
  const small = amount < suspicious.share * size || (size < suspicious.score && amount !== Number.POSITIVE_INFINITY);
  const even = relative ? evenness(values) : { share: 0, spread: Number.POSITIVE_INFINITY };
  if (sum > 0 && !small && even.share < suspicious.even) return [];
  let found: Finding = { largest: size, where: "the score", zeroValue: false };
  if (model) {
    const { findFlow, about } = await ask();
    try {
      found = await findFlow(about);
    } catch (error) {
      // A pass that does not fit in memory explains nothing; what is known without it still holds.
      if (!(error instanceof SeethroughError)) throw error;
    }
  }
  const { died, largest, where, zeroValue, flow } = found;
  const comes = effect === "flow" ? (flow ?? amount) : amount;
  // Where the input is changed by more than a little, something may flow although the gradient here is zero.
  if (died && (sum === 0 || relative || comes <= rounding * largest)) return [note("nothing-flows", died)];
  if (sum === 0) {
    const unchanged = effect === 0 || !model;
    if (known.some(({ code }) => code === "nothing-flows")) return [];
    if (!unchanged && known.some(({ code }) => reasons.has(code))) return [];
    return [
      note(
        "all-zero-map",
        zeroValue
          ? "what the values belong to is zero everywhere itself, and this method multiplies by it"
          : unchanged
            ? "nothing that was done to the input changed the score"
            : "by the rules of this method nothing arrives here",
      ),
    ];
  }
  if (comes <= rounding * largest) {
    return [note("rounding-only", comes.toPrecision(2), largest.toPrecision(2), where)];
  }
  return even.spread <= rounding ? [note("flat-map")] : [];
}

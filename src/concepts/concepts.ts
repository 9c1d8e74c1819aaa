import type { Attribution, ExplainOptions, Recipe } from "../attribution/attribution";
import { makeRecipe } from "../attribution/recipe";
import { checkBag, checkOptions, kindOf, wholeNumber } from "../checks";
import { OptionError } from "../errors";
import { lrp } from "../explain/lrp";
import { guardedAsync } from "../guard";
import type { Intervention } from "../model/intervention";
import { type LoadedModel, loadedAlone } from "../model/loaded-model";
import type { Input, Model } from "../model/model";
import { ownInput } from "../model/own-input";
import { resolveTarget } from "../model/resolve-target";
import type { TargetReport } from "../model/score";
import type { Note } from "../notes";
import { createPace } from "../pace/pace";
import { checkPart } from "../search/merge-top-activations";
import type { Hit, TopActivations } from "../search/types";

export interface ConceptOptions extends ExplainOptions {
  /** The layer whose units are asked; `inspect` lists layers. */
  readonly layer: string;
  /** How many units, the most relevant first; default 5. */
  readonly top?: number;
  /** What the units stand for: a result of `topActivations` of the same layer, best by relevance. */
  readonly references?: TopActivations;
}

/** One unit of the layer, and what it did for the answer. */
export interface Concept {
  readonly unit: number;
  /** Its relevance, summed over its places, in score units. */
  readonly relevance: number;
  /** The same as a share of the relevance of all units with relevance above zero. */
  readonly share: number;
  /** Relevance at the input that passed the layer through this unit alone. */
  readonly attribution: Attribution;
  /** Pictures that show what the unit stands for, from `references`, best first. */
  readonly references: readonly Hit[];
  /** The target's score without this unit; absent where the target is no class. */
  readonly scoreWithout?: number;
}

/** Without these units the network names another class. */
export interface ConceptFlip {
  /** The most relevant ones, as few as suffice. */
  readonly units: readonly number[];
  readonly from: { readonly index: number; readonly label?: string };
  readonly to: { readonly index: number; readonly label?: string };
}

type NamedClass = ConceptFlip["from"];

export interface ConceptReport {
  readonly format: typeof conceptFormat;
  readonly layer: string;
  readonly target: TargetReport;
  /** The class that the network names: of another target another one than that. */
  readonly named: ConceptFlip["from"];
  /** By falling relevance. */
  readonly concepts: readonly Concept[];
  /** Absent where silencing all of `concepts` changes no answer, or the target is not the class that the network names. */
  readonly flip?: ConceptFlip;
  readonly notes: readonly Note[];
  readonly recipe: Recipe;
}

export const conceptFormat = "seethrough/concepts/1";

/**
 * What was seen where: the units of a layer that mattered most for an answer, each with the part of the heatmap that went through it,
 * the pictures that show what it stands for, and what the answer is without it.
 *
 *   relevance of unit u:  Σ over its places of LRP's relevance at the layer
 *   its heatmap:          lrp(model, input, { conditions: { [layer]: [u] } })
 *
 * Concept relevance propagation, Achtibat et al. 2023, https://doi.org/10.1038/s42256-023-00711-8. References are found once per data set by
 * `topActivations(model, images, { layer, by: "relevance" })`. Ablation sets a unit to zero everywhere.
 *
 * @throws {LayerError} if the layer is unknown; {OptionError} if it has no units, or `references` are of another layer or network
 * @throws what `lrp` throws
 * @example
 * const { concepts: units, flip } = await concepts(model, image, { layer: "conv5", top: 3 });
 * console.log(units.map(({ unit, share }) => `${unit}: ${share}`), flip?.to.label);
 */
export async function concepts(given: Model, theirs: Input, options: ConceptOptions): Promise<ConceptReport> {
  return guardedAsync("concepts", async () => {
    checkBag("concepts", options, ["layer", "target"]);
    checkOptions("concepts", options, ["layer", "top", "references", "target", "signal", "onProgress", "seed"]);
    const { layer, top = 5, references, target, signal } = options;
    if (typeof layer !== "string") throw new OptionError(`concepts: layer is a layer's name, got ${kindOf(layer)}.`);
    wholeNumber("top", top, 1, 2 ** 16);
    const model = loadedAlone(given, "concepts");
    const input = ownInput(theirs);
    const asked = { target, ...(signal && { signal }) };
    const at = await lrp(model, input, { ...asked, layer });
    const sums = unitSums(model, layer, target, at);
    if (references !== undefined) await checkReferences(model, references, layer);
    const ranked = [...sums.keys()].sort((a, b) => sums[b] - sums[a] || a - b).slice(0, top);
    const positive = sums.reduce((sum, value) => sum + Math.max(0, value), 0);
    const scores = await scoresWithout(model, input, at.target, layer, ranked);
    const pace = createPace(options, ranked.length);
    const found: Concept[] = [];
    for (const [i, unit] of ranked.entries()) {
      const attribution = await lrp(model, input, { ...asked, conditions: { [layer]: [unit] } });
      found.push({
        unit,
        relevance: sums[unit],
        share: positive > 0 ? Math.max(0, sums[unit]) / positive : 0,
        attribution,
        references: references?.units.find((each) => each.unit === unit)?.top ?? [],
        ...(scores && { scoreWithout: scores[i] }),
      });
      await pace.step(i + 1);
    }
    const named = await namedBy(model, input);
    const flip = named.index === at.target.index ? await flipOf(model, input, named, layer, ranked) : undefined;
    return {
      format: conceptFormat,
      layer,
      target: at.target,
      named,
      concepts: found,
      ...(flip && { flip }),
      notes: at.notes,
      recipe: await makeRecipe(model, "concepts", { layer, top, ...(target !== undefined && { target }) }),
    };
  });
}

/** Relevance of each unit of the layer, over all its places. */
function unitSums(
  model: LoadedModel,
  layer: string,
  target: ExplainOptions["target"],
  { values }: Attribution,
): Float64Array {
  const value = model.layerBefore(layer, resolveTarget(model, target).value);
  const { channels } = model.unitAxis(value);
  const { shape, data } = values;
  const isLast = shape[shape.length - 1] === channels;
  if (!isLast && shape[1] !== channels) {
    throw new OptionError(`concepts: the values of layer "${layer}" [${shape.join(", ")}] have no ${channels} units.`);
  }
  const inner = isLast ? 1 : data.length / channels;
  const sums = new Float64Array(channels);
  data.forEach((each, i) => {
    sums[Math.floor(i / inner) % channels] += each;
  });
  return sums;
}

async function checkReferences(model: LoadedModel, references: TopActivations, layer: string): Promise<void> {
  checkPart(references, "references");
  const { search } = references;
  if (search.modelHash !== (await model.parts.hash())) {
    throw new OptionError("references belong to another network: search its images with this one.");
  }
  if (model.valueOf(search.layer) !== model.valueOf(layer)) {
    throw new OptionError(`references are of layer "${search.layer}", concepts are asked of "${layer}".`);
  }
}

/** The target's score without each unit; undefined where the target is no class. */
async function scoresWithout(
  model: LoadedModel,
  input: Input,
  { index }: TargetReport,
  layer: string,
  units: readonly number[],
): Promise<number[] | undefined> {
  const { classes } = model.parts.classAxis;
  if (index >= classes) return undefined;
  const scores: number[] = [];
  for (const unit of units) {
    const all = await model.predict(input, { top: classes, intervene: [{ layer, units: unit }] });
    const found = all.find((each) => each.index === index);
    if (!found) return undefined;
    scores.push(found.score);
  }
  return scores;
}

async function namedBy(model: LoadedModel, input: Input, intervene?: readonly Intervention[]): Promise<NamedClass> {
  const [{ index, label }] = await model.predict(input, { top: 1, ...(intervene && { intervene }) });
  return { index, ...(label !== undefined && { label }) };
}

/** The fewest of the most relevant units without which the network names another class. */
async function flipOf(
  model: LoadedModel,
  input: Input,
  from: NamedClass,
  layer: string,
  ranked: readonly number[],
): Promise<ConceptFlip | undefined> {
  for (let count = 1; count <= ranked.length; count++) {
    const units = ranked.slice(0, count);
    const to = await namedBy(model, input, [{ layer, units }]);
    if (to.index !== from.index) return { units, from, to };
  }
  return undefined;
}

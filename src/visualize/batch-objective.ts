import { OptionError } from "../errors";
import { entryOf } from "../guard";
import { mapCandidates } from "../model/cam-layer";
import type { LoadedModel } from "../model/loaded-model";
import { imageShape } from "../operation/layout";
import type { Rules, ValueName } from "../operation/operation";
import { similarity } from "./diversity";
import type { Objective, VisualizedTarget } from "./objective";
import type { AscentSettings } from "./options";

/** What a batch of images scores. */
export interface BatchScore {
  readonly reports: readonly VisualizedTarget[];
  /** Σ a(xᵢ) − δ·|mean a|·likeness. */
  readonly objective: number;
}

/** The objective of several images at once, and its gradient at the network's input. */
export class BatchObjective {
  readonly #model: LoadedModel;
  readonly #objective: Objective;
  readonly #images: number;
  readonly #signal: AbortSignal | undefined;
  readonly #likeness: Likeness | undefined;

  /** @throws {LayerError} if the layer of `diversity` is unknown or has no places; {OptionError} if none can be suggested */
  constructor(
    model: LoadedModel,
    objective: Objective,
    { diversity }: Pick<AscentSettings, "diversity">,
    signal: AbortSignal | undefined,
  ) {
    this.#signal = signal;
    this.#model = model;
    this.#objective = objective;
    this.#images = diversity?.images ?? 1;
    this.#likeness = diversity && makeLikeness(model, objective.value, diversity);
  }

  async score(data: Float32Array): Promise<BatchScore> {
    const { value } = this.#objective;
    const keep = [...new Set([value, this.#likeness?.value ?? value])];
    const { values } = await this.#model.watchedPass({ batch: this.#images, data, keep }, this.#signal);
    const activations = entryOf(values, value);
    const reports = this.#samples(activations).map((sample) => this.#objective.evaluate(sample));
    const alike = this.#likeness?.measure(entryOf(values, this.#likeness.value)) ?? 0;
    return { reports, objective: sumOf(reports) - this.#price(reports) * alike };
  }

  async climb(
    data: Float32Array,
    rectifier: Rules["rectifier"],
  ): Promise<BatchScore & { readonly gradient: Float32Array }> {
    const reports: VisualizedTarget[] = [];
    const gradient = await this.#backward(data, this.#objective.value, rectifier, (seeded, value) => {
      const seeds = this.#samples(seeded);
      this.#samples(value).forEach((sample, i) => {
        reports.push(this.#objective.evaluate(sample, seeds[i]));
      });
    });
    if (!this.#likeness) return { reports, gradient, objective: sumOf(reports) };
    const { measure, value } = this.#likeness;
    const price = this.#price(reports);
    let alike = 0;
    // Two seeds need two passes: the one at the target need not lie above the one at this layer.
    const apart = await this.#backward(data, value, "gradient", (seeded, activations) => {
      alike = measure(activations, seeded);
    });
    for (let i = 0; i < gradient.length; i++) gradient[i] -= price * apart[i];
    return { reports, gradient, objective: sumOf(reports) - price * alike };
  }

  /** Scores differ by orders of magnitude from network to network and from the first step to the last: likeness costs a share of them. */
  #price(reports: readonly VisualizedTarget[]): number {
    return ((this.#likeness?.weight ?? 0) * Math.abs(sumOf(reports))) / this.#images;
  }

  async #backward(
    data: Float32Array,
    seed: ValueName,
    rectifier: Rules["rectifier"],
    write: (gradient: Float32Array, value: Float32Array) => void,
  ): Promise<Float32Array> {
    const { input } = this.#model.fast;
    const backward = { seed, wanted: [input], rules: { rectifier }, write };
    const { gradients } = await this.#model.watchedPass({ batch: this.#images, data, backward }, this.#signal);
    return entryOf(gradients, input);
  }

  #samples(batch: Float32Array): Float32Array[] {
    const size = batch.length / this.#images;
    return Array.from({ length: this.#images }, (_, i) => batch.subarray(i * size, (i + 1) * size));
  }
}

const sumOf = (reports: readonly VisualizedTarget[]): number => reports.reduce((total, { score }) => total + score, 0);

/** How alike the images of a batch are, and what that costs. */
interface Likeness {
  readonly value: ValueName;
  readonly weight: number;
  /** @param gradient  zeros: the derivative is written there; none: only the likeness is wanted */
  measure(activations: Float32Array, gradient?: Float32Array): number;
}

function makeLikeness(
  model: LoadedModel,
  target: ValueName,
  { images, weight, layer }: NonNullable<AscentSettings["diversity"]>,
): Likeness | undefined {
  if (weight === 0) return undefined;
  const candidates = mapCandidates(model, target);
  const value = layer === undefined ? candidates[candidates.length >> 1]?.value : model.valueOf(layer);
  if (value === undefined) throw new OptionError("diversity.layer must be named: no layer before the target has maps.");
  const { c } = imageShape(model.shape(value));
  return { value, weight, measure: (activations, gradient) => similarity(activations, images, c, gradient) };
}

/** Judges one image, in this thread. */
import { decodeImage, type Model } from "../index";
import { type AttributionText, attributionText } from "./attribution-text";
import type { EvaluateFlags } from "./evaluate-flags";
import { evaluateImage } from "./evaluation";
import type { EvaluationRecord } from "./evaluation-records";
import { targetAt } from "./model-flags";
import { maskOf, maskPathOf } from "./picture-files";

/** What an image is judged from: its path, its bytes, and those of its mask where there is one. */
export interface ImageToJudge {
  readonly path: string;
  readonly bytes: readonly Uint8Array[];
  /** Which of the networks judges, from 0; default: the first. */
  readonly network?: number;
  /** Whether a page shows it. */
  readonly isShown?: boolean;
}

/** Judges an image, and says when each map is done. */
export type Judge = (
  image: ImageToJudge,
  watch: { readonly signal: AbortSignal; readonly onMap: () => void },
) => Promise<EvaluationRecord>;

/** Of one of the networks, in their order. */
export type NetworkAt = (network: number) => Model | Promise<Model>;

export const judgeWith =
  (networkAt: NetworkAt, flags: EvaluateFlags): Judge =>
  async ({ path, bytes: [picture, beside], network = 0, isShown = false }, { signal, onMap }) => {
    const model = await networkAt(network);
    const missing: { method: string; reason: string }[] = [];
    const attributions: AttributionText[] = [];
    const image = await decodeImage(picture, { signal });
    const evaluated = await evaluateImage(model, {
      image,
      mask: beside && (await maskOf(maskPathOf(path), beside)),
      methods: flags.methods,
      target: targetAt(flags.target, flags.position, model),
      seed: flags.seed,
      signal,
      onMap,
      onMissing: (method, reason) => missing.push({ method, reason }),
      ...(isShown && { onAttribution: (attribution) => attributions.push(plain(attributionText(attribution))) }),
    });
    const predictions = isShown ? await model.predict(image, { top: 3, signal }) : [];
    return {
      ...{ image: path, hasMask: beside !== undefined, missing },
      ...evaluated,
      ...(isShown && { shown: { predictions, attributions } }),
    };
  };

/** As it is read again from a file, whoever made it. */
const plain = <T>(data: T): T => JSON.parse(JSON.stringify(data));

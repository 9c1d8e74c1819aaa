/** Judges one image, in this thread. */
import { decodeImage, type Model } from "../index";
import type { EvaluateFlags } from "./evaluate-flags";
import { evaluateImage } from "./evaluation";
import type { EvaluationRecord } from "./evaluation-records";
import { targetAt } from "./model-flags";
import { maskOf, maskPathOf } from "./picture-files";

/** What an image is judged from: its path, its bytes, and those of its mask where there is one. */
export interface ImageToJudge {
  readonly path: string;
  readonly bytes: readonly Uint8Array[];
}

/** Judges an image, and says when each map is done. */
export type Judge = (
  image: ImageToJudge,
  watch: { readonly signal: AbortSignal; readonly onMap: () => void },
) => Promise<EvaluationRecord>;

export const judgeWith =
  (model: Model, flags: EvaluateFlags): Judge =>
  async ({ path, bytes: [picture, beside] }, { signal, onMap }) => {
    const missing: { method: string; reason: string }[] = [];
    const evaluated = await evaluateImage(model, {
      image: await decodeImage(picture, { signal }),
      mask: beside && (await maskOf(maskPathOf(path), beside)),
      methods: flags.methods,
      target: targetAt(flags.target, flags.position, model),
      seed: flags.seed,
      signal,
      onMap,
      onMissing: (method, reason) => missing.push({ method, reason }),
    });
    return { image: path, hasMask: beside !== undefined, missing, ...evaluated };
  };

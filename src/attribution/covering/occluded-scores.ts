import { oneOf } from "../../checks";
import { IncrementalPasses } from "../../engine/incremental";
import { OptionError } from "../../errors";
import type { PassesOptions, ScoredInput } from "../scored-input";
import { occluded, type Patch, type Patches, shown } from "./patches";

/** How the scores of patches come about; see `OcclusionOptions`. */
export type Engine = "incremental" | "full";

interface Scoring extends PassesOptions {
  readonly engine?: Engine;
}

/** Scores of one input with patches over it. */
export interface PatchScorer {
  /** How it scores. */
  readonly engine: Engine;
  /** Patches per call. */
  readonly batchSize: number;
  score(patches: readonly Patch[]): Promise<Float64Array>;
  /** Goes over to whole passes, which need less memory; false where that is refused or has happened. */
  fallBack(): boolean;
  /** Gives memory back; the next score takes it again. */
  close(): void;
}

/** Parts of maps that save less work than this do not pay for the cutting. */
const worthwhile = 0.9;
/** Patches per pass of parts, which are smaller than maps. */
const partsBatch = 8;

/**
 * Scores from parts of a model's maps, or by whole passes.
 *
 * @param fill  what the patches show, as large as the input
 */
export function scorePatches(input: ScoredInput, fill: Float32Array, patches: Patches, options: Scoring): PatchScorer {
  const { x, frame, inner } = input;
  let passes = engineOf(input, options) === "incremental" ? incrementalPasses(input, patches) : undefined;
  const close = (): void => passes?.dispose();
  return {
    get engine() {
      return passes ? "incremental" : "full";
    },
    get batchSize() {
      return passes ? (options.batchSize ?? partsBatch) : input.batchSize;
    },
    score: async (group) => {
      if (!passes || !inner) return input.score(occluded(x, fill, frame, group), group.length);
      const { model, score } = inner;
      await passes.start(model.session, inner.data, options.signal);
      const covered = shown(fill, frame, patches.window, group);
      const values = await passes.run(model.session, covered, group, options.signal);
      const size = model.sampleSize(score.values[0]);
      return Float64Array.from(group, (_, sample) =>
        score.of(() => values.subarray(sample * size, (sample + 1) * size)),
      );
    },
    fallBack: () => {
      const can = passes !== undefined && options.engine === undefined;
      close();
      if (can) passes = undefined;
      return can;
    },
    close,
  };
}

function engineOf({ inner, frame }: ScoredInput, { engine }: Scoring): Engine {
  // The maps take memory, so where that is scarce somebody has to ask for it.
  const isOne = inner?.score.values.length === 1;
  const isVolume = frame.depth > 1;
  const usual = isOne && !isVolume && inner.model.parts.mode === "fast" ? "incremental" : "full";
  const chosen = oneOf("engine", engine ?? usual, ["incremental", "full"]);
  if (chosen === "full" || (isOne && !isVolume)) return chosen;
  if (isVolume) {
    throw new OptionError(
      `engine "${chosen}" follows rectangles of maps; of a volume whole passes are made. Leave the option out.`,
    );
  }
  if (inner) {
    throw new OptionError(
      `engine "${chosen}" follows one value, and the box and the scores of this detector are two: ${inner.score.values.join(", ")}. ` +
        "Leave the option out.",
    );
  }
  throw new OptionError(
    `engine "${chosen}" needs a model of loadModel: of a black box nothing but its scores is known. Leave the option out.`,
  );
}

/** Passes over what a patch changes; undefined where that is most of the network. */
function incrementalPasses({ inner }: ScoredInput, { window, tops, lefts }: Patches): IncrementalPasses | undefined {
  if (!inner) return undefined;
  const {
    model,
    part,
    score: {
      values: [value],
    },
  } = inner;
  if (part.shape.length < 3) return undefined;
  const change = { rows: { size: window[1], starts: tops }, columns: { size: window[2], starts: lefts } };
  const network = model.networkFor([value]);
  const passes = new IncrementalPasses(model.session, network, model.parts.mode, value, part.name, change);
  return passes.share <= worthwhile ? passes : undefined;
}

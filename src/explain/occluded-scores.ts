import { oneOf } from "../checks";
import { IncrementalPasses } from "../engine/incremental";
import type { LoadedModel } from "../model/model";
import { resolveTarget, scoreOf, type TargetReport } from "../model/target";
import type { ValueName } from "../ops/operation";
import { batchOf } from "./batch";
import { report, targetNotes } from "./gradient";
import type { Note } from "./notes";
import type { OcclusionOptions } from "./occlusion";
import { type Frame, occluded, type Patch, type Patches, shown } from "./patches";

/** How the scores of patches come about; see `OcclusionOptions`. */
export type Engine = NonNullable<OcclusionOptions["engine"]>;

/** Scores of one input with patches over it, for one fixed target. */
export interface Scorer {
  readonly target: TargetReport;
  readonly notes: readonly Note[];
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

/** The input, what the patches show, and where they are. */
export interface Occluded {
  readonly x: Float32Array;
  readonly fill: Float32Array;
  readonly frame: Frame;
  readonly patches: Patches;
}

/** Parts of maps that save less work than this do not pay for the cutting. */
const worthwhile = 0.9;

/** Scores by a model, from parts of its maps or by whole passes. */
export function modelScorer(model: LoadedModel, parts: Occluded, options: OcclusionOptions): Scorer {
  // The maps take memory, so where that is scarce somebody has to ask for it.
  const usual = model.parts.mode === "fast" ? "incremental" : "full";
  const engine = oneOf("engine", options.engine ?? usual, ["incremental", "full"]);
  const target = resolveTarget(model, options.target);
  const run = (data: Float32Array, batch: number): Float32Array =>
    model.pass({ batch, data, keep: [target.value] }).values.get(target.value) as Float32Array;
  const plain = run(parts.x, 1);
  const score = target.choose(plain);
  const size = model.sampleSize(target.value);

  let passes = engine === "incremental" ? incrementalPasses(model, target.value, parts) : undefined;
  const close = (): void => passes?.dispose();
  const values = (group: readonly Patch[]): Float32Array => {
    const { x, fill, frame, patches } = parts;
    if (!passes) return run(occluded(x, fill, frame, group), group.length);
    passes.start(model.session, x);
    return passes.run(model.session, shown(fill, frame, patches.window, group), group);
  };
  return {
    target: report(score, plain),
    notes: targetNotes(model, options, score, target.value),
    get engine() {
      return passes ? "incremental" : "full";
    },
    get batchSize() {
      return batchOf(passes ? undefined : model, options.batchSize);
    },
    score: async (group) => {
      const value = values(group);
      return Float64Array.from(group, (_, sample) => scoreOf(score, value, sample * size));
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

/** Passes over what a patch changes; undefined where that is most of the network. */
function incrementalPasses(
  model: LoadedModel,
  target: ValueName,
  { patches }: Occluded,
): IncrementalPasses | undefined {
  if (model.shape(model.fast.input).length < 3) return undefined;
  const { session, parts } = model;
  const change = {
    rows: { size: patches.window[0], starts: patches.tops },
    columns: { size: patches.window[1], starts: patches.lefts },
  };
  const passes = new IncrementalPasses(session, model.networkFor([target]), parts.mode, target, change);
  return passes.share <= worthwhile ? passes : undefined;
}

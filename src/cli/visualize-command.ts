import {
  decodeImage,
  encodePng,
  enlarge,
  InputError,
  type LayerTarget,
  type MaximizeOptions,
  type Model,
  maximizeActivation,
  type Prediction,
  sideBySide,
  type Target,
  toImage,
  type UnitPosition,
  type Visualization,
} from "../index";
import { readInputFile, writeOutputFile } from "./files";
import { loadFlaggedModel, type ModelFlags, type PlaceFlag, targetAt } from "./model-flags";
import { noteWriter } from "./note-writer";
import { progressBar } from "./progress-bar";

export interface VisualizeFlags
  extends ModelFlags,
    Pick<MaximizeOptions, "preset" | "steps" | "stepSize" | "l2" | "totalVariation" | "seed"> {
  readonly target?: string;
  readonly layer?: string;
  readonly unit?: number;
  readonly position?: UnitPosition;
  readonly start?: string;
  readonly images: number;
  readonly out?: string;
  readonly json?: boolean;
}

/** Smaller pictures are enlarged, so that people can see them. */
const smallestPicture = { one: 384, ofSeveral: 192 } as const;

export async function visualizeCommand(flags: VisualizeFlags): Promise<void> {
  const { preset, steps, stepSize, l2, totalVariation, seed } = flags;
  const start = flags.start === undefined ? undefined : await decodeImage(await readInputFile(flags.start));
  using model = await loadFlaggedModel(flags);
  const target = wanted(flags, model);
  const bar = progressBar("visualize");
  let result: Visualization;
  try {
    result = await maximizeActivation(model, {
      ...{ target, preset, steps, stepSize, l2, totalVariation, seed, start },
      ...(flags.images > 1 && { diversity: { images: flags.images } }),
      onProgress: bar.update,
    });
  } finally {
    bar.stop();
  }
  const isClass = flags.layer === undefined;
  const predictions = await Promise.all(result.images.map((image) => model.predict(image, { top: 1 })));
  const seen = isClass ? predictions.map(([best]) => best) : [];
  if (flags.out) await writeOutputFile(flags.out, await encodePng(picture(model, result)));
  if (flags.json) {
    const { objective, targets, recipe } = result;
    const found = { model: model.name, targets, objective, ...(isClass && { predictions: seen }), recipe };
    process.stdout.write(`${JSON.stringify(found, null, 2)}\n`);
  } else {
    process.stdout.write(text(flags, model, result, seen));
    if (!flags.out) process.stderr.write("note: --out FILE.png writes the picture\n");
  }
  noteWriter(model);
}

function wanted({ target, layer, unit, position }: VisualizeFlags, model: Model): Target | LayerTarget {
  // Without a name the class that the start image is seen as.
  if (layer === undefined) return targetAt(target, placeOf(position), model) ?? "top";
  return unit === undefined ? { layer } : { layer, unit, position: position ?? "mean" };
}

/** @throws {InputError} if the position is a word: these are of units */
function placeOf(position: UnitPosition | undefined): PlaceFlag | undefined {
  if (typeof position !== "string") return position as PlaceFlag | undefined;
  throw new InputError(
    `--position ${position} is of a unit: --layer NAME --unit N. Of an output map it is Y,X, of a list N.`,
  );
}

function picture(model: Model, { images }: Visualization) {
  const [first, ...others] = images.map((image) => toImage(model, image));
  if (others.length === 0) return enlarge(first, smallestPicture.one);
  return sideBySide([first, ...others].map((image) => enlarge(image, smallestPicture.ofSeveral)));
}

function text(flags: VisualizeFlags, model: Model, result: Visualization, seen: readonly Prediction[]): string {
  const { targets, objective } = result;
  const lines = targets.map((target, i) => {
    const best = seen[i];
    const answer = best
      ? `, seen as ${best.label ?? `class ${best.index}`} (${(best.probability * 100).toFixed(1)} %)`
      : "";
    return `  score ${target.score.toFixed(3)}${answer}`;
  });
  const steps = objective.length - 1;
  return [
    `${nameOf(flags, result)}, as ${model.name} likes it best, after ${steps} steps:`,
    ...lines,
    ...(flags.out ? [`picture: ${flags.out}`] : []),
    "",
  ].join("\n");
}

function nameOf({ layer, unit, position = "mean" }: VisualizeFlags, { target }: Visualization): string {
  if (layer === undefined) {
    const name = target.label ?? `class ${target.index}`;
    return typeof position === "string" ? name : `${name} at ${[position].flat().join(", ")}`;
  }
  if (unit === undefined) return `layer ${layer}`;
  return `unit ${unit} of ${layer} (${typeof position === "string" ? position : `at ${[position].flat().join(", ")}`})`;
}

/** Explanations as text, and as a JSON document. */
import {
  type Attribution,
  type Box,
  type Heatmap,
  inWords,
  type MethodName,
  type Model,
  type Prediction,
} from "../index";
import type { ExplainFlags } from "./explain-flags";
import { captionOf, className, type Explained, faint, highestOf, type ShownInput } from "./explained";
import type { NamedFile } from "./named-files";

const shownPath = (path: string): string => (path === "-" ? "standard input" : path);

export function explanationText(
  files: readonly NamedFile[],
  model: Model,
  predictions: readonly Prediction[],
  results: readonly Explained[],
  flags: ExplainFlags,
): string {
  const width = Math.max(...predictions.map((prediction) => className(prediction).length));
  const lines = predictions.map((prediction) => {
    const percent = `${(prediction.probability * 100).toFixed(1)} %`.padStart(8);
    return `  ${className(prediction).padEnd(width)} ${percent}   logit ${prediction.score.toFixed(3)}`;
  });
  const several = files.length > 1;
  const evidence = results.flatMap(({ attribution, views }) =>
    views.flatMap((view) => {
      const { method, target } = attribution;
      const layer = attribution.layerByInput?.[view.file.name] ?? attribution.layer;
      const where = layer ? ` at ${layer}` : "";
      const within = several ? ` in ${view.file.name}` : "";
      if ("head" in attribution)
        return [`${captionOf(attribution)}${where}: what is attended to${within}: ${placeText(view)}`];
      const found = `${method}${where}: what speaks for ${className(target)}${within}: ${placeText(view)}`;
      return view.map?.data.some((value) => value !== 0) ? [found, meaning(attribution, view.map, flags)] : [found];
    }),
  );
  const paths = several ? files.map(({ name, path }) => `${name} ${path}`).join(", ") : shownPath(files[0].path);
  return [`${paths}, seen by ${model.name}`, ...lines, "", ...evidence, ""].join("\n");
}

/** What the colours mean, or the values where no colours of the usual kind are drawn. */
function meaning(
  { method, target }: Attribution,
  { signed, height }: Heatmap,
  { out, colormap }: ExplainFlags,
): string {
  const { high, low } = inWords(method as MethodName, className(target));
  const values = signed ? ["above zero", "below zero"] : ["high", "low"];
  // Unsigned values of signals are drawn in one colour.
  const coloured = out !== undefined && colormap === undefined && (signed || height > 1);
  const [one, other] = coloured ? ["red", "blue"] : values;
  return `  ${one}: ${high}; ${other}: ${low}`;
}

export function placeText({ values, map, box, slice }: ShownInput): string {
  if (box && slice !== undefined)
    return `most in slice ${slice}, x ${box.x}–${box.x + box.width}, y ${box.y}–${box.y + box.height}`;
  if (box && map?.height === 1) return `samples ${box.x}–${box.x + box.width}`;
  if (box) return `x ${box.x}–${box.x + box.width}, y ${box.y}–${box.y + box.height}`;
  if (values.shape.length < 3) return `${values.data.length} values without places`;
  const highest = map ? highestOf(map) : 0;
  if (highest > 0 && highest <= faint) {
    return `hardly anything: what speaks against it is ${Math.round(1 / highest)} times as strong`;
  }
  if (highest > 0) return "only on the border around the picture";
  return values.data.some((value) => value > 0) ? "everywhere alike" : "no positive evidence";
}

export function explanationDocument(
  files: readonly NamedFile[],
  model: Model,
  predictions: readonly Prediction[],
  results: readonly Explained[],
): unknown {
  const several = files.length > 1;
  return {
    image: files[0].path,
    ...(several && { inputs: Object.fromEntries(files.map(({ name, path }) => [name, path])) }),
    model: model.name,
    predictions,
    explanations: explanationEntries(results, several),
  };
}

/** Each explanation as data, without its values. */
export const explanationEntries = (results: readonly Explained[], several: boolean): readonly ExplanationEntry[] =>
  results.map(({ attribution, views }) => ({
    method: attribution.method,
    ...("head" in attribution ? { head: attribution.head } : { target: attribution.target }),
    ...(attribution.layer && { layer: attribution.layer }),
    shape: attribution.values.shape,
    ...(attribution.convergenceDelta !== undefined && { convergenceDelta: attribution.convergenceDelta }),
    ...(!several && placeOf(views[0])),
    ...(several && { inputs: Object.fromEntries(views.map(ofView)) }),
    notes: attribution.notes,
    recipe: attribution.recipe,
  }));

/** An explanation in a JSON document. */
export interface ExplanationEntry
  extends Pick<Attribution, "method" | "notes" | "recipe" | "layer" | "convergenceDelta"> {
  readonly head?: number | "mean";
  readonly target?: Attribution["target"];
  readonly shape: readonly number[];
  /** In pixels of the picture. */
  readonly box?: Box;
  /** Of a volume: the slice that the box is in. */
  readonly slice?: number;
  /** Of several inputs. */
  readonly inputs?: Readonly<Record<string, object>>;
}

const ofView = (view: ShownInput): [string, object] => [view.file.name, { shape: view.values.shape, ...placeOf(view) }];

const placeOf = ({ box, slice }: Partial<ShownInput> = {}): Pick<ShownInput, "box" | "slice"> => ({
  ...(box && { box }),
  ...(slice !== undefined && { slice }),
});

import type { Graph } from "../graph/ir";
import { saysNormalisation } from "../image/normalisation";
import type { Preprocess } from "../image/preprocess-options";

/** What a file says about its use beside the network itself. */
export interface Metadata {
  readonly labels?: readonly string[];
  readonly preprocess?: Preprocess;
  readonly inputShape?: readonly number[];
}

/**
 * Labels and normalisation that a file carries in its metadata: `labels` (a JSON list), `input_mean` and `input_std`
 * (JSON lists, in the scaled range), `input_scale` (factor from 0..255), `input_color`, and `input_shape` (a JSON list: which
 * size to take where the file leaves it open). Anything malformed is ignored: metadata is a convenience, and options override it.
 */
export function readMetadata(graph: Graph): Metadata {
  const { metadata } = graph;
  const labels = parse(metadata.get("labels"));
  const mean = numberList(parse(metadata.get("input_mean")));
  const std = numberList(parse(metadata.get("input_std")));
  const scale = Number(metadata.get("input_scale") ?? Number.NaN);
  const known = mean !== undefined || std !== undefined || Number.isFinite(scale);
  const color = metadata.get("input_color")?.toUpperCase();
  return {
    labels: Array.isArray(labels) && labels.every((label) => typeof label === "string") ? labels : undefined,
    preprocess: known
      ? {
          range: [0, Number.isFinite(scale) ? 255 * scale : 1],
          ...(mean && { mean }),
          ...(std && { std }),
          channels: color === "BGR" ? "bgr" : "rgb",
        }
      : color === "BGR"
        ? { channels: "bgr" }
        : undefined,
    inputShape: numberList(parse(metadata.get("input_shape"))),
  };
}

/** The same the other way round: what a file should carry so that it is loaded with these labels and this normalisation. */
export function writeMetadata(
  metadata: ReadonlyMap<string, string>,
  { labels, preprocess, inputShape }: Metadata,
): ReadonlyMap<string, string> {
  const written = new Map(metadata);
  if (labels) written.set("labels", JSON.stringify(labels));
  if (inputShape) written.set("input_shape", JSON.stringify(inputShape));
  if (!preprocess) return written;
  const { range: [low, high] = [0, 1], mean = 0, std = 1, channels = "rgb" } = preprocess;
  written.set("input_color", channels === "bgr" ? "BGR" : "RGB");
  // What was only assumed is no fact to hand on.
  if (!saysNormalisation(preprocess)) return written;
  // The file's range starts at zero, so the lower end moves into the mean.
  written.set("input_scale", String((high - low) / 255));
  written.set("input_mean", JSON.stringify([mean].flat().map((value) => value - low)));
  written.set("input_std", JSON.stringify([std].flat()));
  return written;
}

function parse(text: string | undefined): unknown {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const numberList = (value: unknown): readonly number[] | undefined =>
  Array.isArray(value) && value.length > 0 && value.every((item) => typeof item === "number") ? value : undefined;

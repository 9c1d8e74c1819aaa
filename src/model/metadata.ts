import type { Graph } from "../graph/ir";
import type { Preprocess } from "../image/preprocess";

/**
 * Labels and normalisation that a file carries in its metadata: `labels` (a JSON list), `input_mean` and `input_std`
 * (JSON lists, in the scaled range), `input_scale` (factor from 0..255) and `input_color`. Anything malformed is ignored:
 * metadata is a convenience, and options override it.
 */
export function readMetadata(graph: Graph): { labels?: readonly string[]; preprocess?: Preprocess } {
  const { metadata } = graph;
  const labels = parse(metadata.get("labels"));
  const mean = numberList(parse(metadata.get("input_mean")));
  const std = numberList(parse(metadata.get("input_std")));
  const scale = Number(metadata.get("input_scale") ?? Number.NaN);
  const known = mean !== undefined || std !== undefined || Number.isFinite(scale);
  return {
    labels: Array.isArray(labels) && labels.every((label) => typeof label === "string") ? labels : undefined,
    preprocess: known
      ? {
          range: [0, Number.isFinite(scale) ? 255 * scale : 1],
          ...(mean && { mean }),
          ...(std && { std }),
          channels: metadata.get("input_color")?.toUpperCase() === "BGR" ? "bgr" : "rgb",
        }
      : undefined,
  };
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

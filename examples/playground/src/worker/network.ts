import { type ImageLike, inspect, loadModel, type Model, type Tensor } from "seethrough";
import { nobody } from "./pictures";
import type { MaskTarget, NetworkInfo, NetworkSource, Settings } from "./protocol";

export const openNetwork = (source: NetworkSource, settings: Settings): Promise<Model> =>
  loadModel(source.kind === "files" ? source.files : undefined, settings);

/** What the page shows of a network. */
export function describe(model: Model): NetworkInfo {
  const report = inspect(model);
  const map = outputMap(model);
  return {
    name: model.name,
    ...(model.labels && { labels: model.labels }),
    inputShape: model.input.shape,
    classes: classCount(model.output.shape),
    ...(map && { outputMap: { height: map.height, width: map.width } }),
    layers: model.layers.map((layer) => ({ ...layer, maps: isMap(layer.shape) })),
    camLayers: report.camLayers.map(({ layer }) => layer),
    parameters: report.parameters,
    macs: report.macs,
    findings: report.findings,
    arithmetic: model.arithmetic,
    ...notForImages(model),
  };
}

function notForImages({ input }: Model): { notForImages?: string } {
  const channels = input.shape.at(-1);
  if (input.shape.length === 4 && (channels === 1 || channels === 3)) return {};
  return {
    notForImages:
      `This network's input "${input.name}" takes ${input.shape.join("×")} values. That is no picture of 1 or 3 channels, ` +
      "so there is nothing to show it here. The library explains it all the same: hand it a Tensor of that shape.",
  };
}

/** Whether boxes are what it answers with. */
export const isDetector = ({ notes }: Model): boolean => notes.some(({ code }) => code === "detector-output");

const isMap = (shape: readonly number[]): boolean => shape.length === 4 && shape[1] * shape[2] > 1;

const classCount = (shape: readonly number[]): number =>
  shape.length === 3 ? shape[1] : shape.length === 4 ? shape[3] : shape.reduce((a, b) => a * b, 1);

export function outputMap({ output }: Model): { height: number; width: number; channels: number } | undefined {
  const [, height, width, channels] = output.shape;
  return isMap(output.shape) ? { height, width, channels } : undefined;
}

/** The class with the highest score at every place; with one channel, 0 where its score is above zero. */
export function winnersOf(scores: Tensor): Uint16Array {
  const channels = scores.shape[3];
  return Uint16Array.from({ length: scores.data.length / channels }, (_, pixel) => {
    const row = scores.data.subarray(pixel * channels, (pixel + 1) * channels);
    if (channels === 1) return row[0] > 0 ? 0 : nobody;
    return row.reduce((best, value, channel) => (value > row[best] ? channel : best), 0);
  });
}

export const isMask = (asked: unknown): asked is MaskTarget =>
  typeof asked === "object" && asked !== null && "maskOf" in asked;

/** The places where a class wins, as the library takes them. */
export const maskOf = ({ maskOf: channel }: MaskTarget, winners: Uint16Array | undefined) => ({
  channel,
  mask: Uint8Array.from(winners ?? [], (winner) => Number(winner === channel)),
});

/** The picture as it enters the network: cropped, scaled, normalised. */
export async function networkInput(model: Model, image: ImageLike): Promise<Tensor> {
  const { activations } = await model.run(image, { capture: [model.input.name] });
  const tensor = activations.get(model.input.name);
  if (!tensor) throw new Error("The network's input was not captured.");
  return tensor;
}

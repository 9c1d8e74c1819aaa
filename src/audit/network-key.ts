import type { Preprocess } from "../image/preprocess-options";
import { inputSize } from "../model/input-size";
import type { LoadedModel } from "../model/loaded-model";

/** A network and how it was loaded: results of one can be joined. */
export interface NetworkKey {
  /** Hash of the model file, `sha256:…`. */
  readonly modelHash: string;
  /** Fused sums round otherwise; absent where they are plain. */
  readonly arithmetic?: "fused";
  /** Weights as float16; absent where they are as the file has them. */
  readonly memory?: "low";
  /** A quantised file read as real numbers; absent where it is read as it is deployed, or not quantised. */
  readonly quantized?: "float";
  /** What is explained. */
  readonly output?: string;
  readonly labels?: readonly string[];
  /** Pixels of the network's input, and how a picture becomes it. */
  readonly input: { readonly width: number; readonly height: number; readonly fit: "crop" | "stretch" | "pad" };
  /** What its pixels become. */
  readonly preprocess?: Required<Omit<Preprocess, "fit">>;
}

export async function networkKey(model: LoadedModel): Promise<NetworkKey> {
  const { parts, labels, arithmetic } = model;
  const { width, height } = inputSize(model, model.input.name);
  const { range = [0, 1], mean = 0, std = 1, channels = "rgb", fit = "crop" } = parts.preprocess;
  return {
    modelHash: await parts.hash(),
    ...(arithmetic === "fused" && { arithmetic }),
    ...(parts.mode === "low" && { memory: parts.mode }),
    ...(parts.quantised?.reading === "float" && { quantized: "float" as const }),
    output: parts.explained,
    ...(labels && { labels }),
    input: { width, height, fit },
    preprocess: { range, mean: [mean].flat(), std: [std].flat(), channels },
  };
}

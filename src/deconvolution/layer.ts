import { LayerError, OptionError } from "../errors";
import type { Constant } from "../graph/ir";
import { entryOf } from "../guard";
import { type LoadedModel, loaded } from "../model/loaded-model";
import type { Model } from "../model/model";
import type { CorrelationGeometry } from "../operation/correlation/side";
import type { ValueName } from "../operation/operation";
import { correlationGeometry } from "../operators/convolution";

/** One convolution layer inside a model that can run it. */
export interface Convolution {
  readonly layer: string;
  readonly op: "Conv" | "ConvTranspose";
  readonly model: LoadedModel;
  readonly input: ValueName;
  readonly output: ValueName;
  /** The value on the side of the many pixels, which a deconvolution writes, and the one it reads. */
  readonly wide: ValueName;
  readonly narrow: ValueName;
  readonly geometry: CorrelationGeometry;
  /** `[outChannels][inChannels / groups][kernelH][kernelW]` of the convolution, whichever way the layer runs it. */
  readonly weight: Float32Array;
  /** What a ConvTranspose adds to each of its output channels; nothing for a Conv, whose bias is not part of its adjoint. */
  readonly bias: Float32Array | undefined;
  /** 3 for a signal, 4 for an image. */
  readonly rank: number;
}

/**
 * @param layer  its name; may be absent where the model has only one convolution
 * @throws {LayerError} if the layer is unknown or no convolution; {OptionError} if it is not named
 */
export function convolutionOf(given: Model, layer?: string): Convolution {
  const model = loaded(given);
  const all = convolutions(model);
  if (layer === undefined && all.length !== 1)
    throw new OptionError(`Which layer? Pass { layer }: one of ${list(all)}.`);
  return named(model, layer ?? all[0]);
}

const isConvolution = (op: string): op is Convolution["op"] => op === "Conv" || op === "ConvTranspose";

const convolutions = (model: LoadedModel): string[] =>
  model.full.operations.filter(({ node }) => isConvolution(node.op)).map(({ node }) => node.name);

const list = (names: readonly string[]): string => (names.length === 0 ? "none" : names.slice(0, 20).join(", "));

function named(model: LoadedModel, layer: string): Convolution {
  const value = model.valueOf(layer);
  const operation = model.full.operations[model.full.producer.get(value) ?? -1];
  if (!operation || !isConvolution(operation.node.op)) {
    throw new LayerError(
      `"${layer}" is ${operation ? `a ${operation.node.op}` : "the network's input"}, not a convolution. ` +
        `Convolutions of "${model.name}": ${list(convolutions(model))}.`,
    );
  }
  const { node, inputs, outputs } = operation;
  const [input, output] = [inputs[0], outputs[0]];
  const transposed = node.op === "ConvTranspose";
  const constant = (name: string): Constant => entryOf(model.full.graph.constants, name);
  const weight = constant(node.inputs[1]);
  if (weight.shape.length > 4)
    throw new LayerError(`"${layer}" convolves volumes; its equal forms are those of images and signals.`);
  return {
    layer,
    op: transposed ? "ConvTranspose" : "Conv",
    ...{ model, input, output },
    ...(transposed ? { wide: output, narrow: input } : { wide: input, narrow: output }),
    geometry: correlationGeometry(node, model.shape(input), model.shape(output), weight.shape.slice(2)),
    weight: weight.floats(),
    bias: transposed && node.inputs[2] ? constant(node.inputs[2]).floats() : undefined,
    rank: model.shape(input).length,
  };
}

import { checkParts, oneOf, show } from "../checks";
import { OptionError, ShapeError } from "../errors";
import { Constant, type Graph } from "../graph/ir";
import { guarded } from "../guard";
import { writeOnnx } from "../onnx/writer";
import { showShape, Tensor } from "../tensor";
import { channelsFirst, type PerAxis, padsOf, perAxis } from "./per-axis";

/** A convolution written down by hand, 1-D or 2-D. */
export interface ConvolutionLayer {
  /** Default 'Conv'. */
  readonly op?: "Conv" | "ConvTranspose";
  /**
   * As PyTorch and ONNX have it: of a Conv `[M, C/groups, k]`, of a ConvTranspose `[C, M/groups, k]`; 2-D ones through
   * `Tensor.fromNCHW(data, [M, C/groups, kH, kW])`.
   */
  readonly weight: Tensor;
  /** Shape of the layer's input: `[1, C, L]` or `[1, H, W, C]`. */
  readonly inputShape: readonly number[];
  /** Steps between windows, one number or one per axis; default 1. */
  readonly stride?: PerAxis;
  /** Zeros around the input: one number, one per axis, or all beginnings and all ends as ONNX; default 0. */
  readonly pad?: PerAxis;
  /** Default 1. */
  readonly dilation?: PerAxis;
  /** Default 1. */
  readonly groups?: number;
  /** Extra output pixels of a ConvTranspose; default 0. */
  readonly outputPadding?: PerAxis;
}

/**
 * An ONNX file of one convolution, so that a layer written by hand can be loaded like any network.
 *
 * @throws {ShapeError} or {OptionError} if the parts do not fit together; `loadModel` checks what is left
 * @example
 * const weight = new Tensor(Float32Array.of(-1, 0, 0, 1), [1, 1, 4]);
 * const model = await loadModel(convolutionOnnx({ weight, inputShape: [1, 1, 12], stride: 2 }));
 */
export function convolutionOnnx(layer: ConvolutionLayer): Uint8Array {
  return guarded("convolutionOnnx", () => {
    checkParts("convolutionOnnx", layer, ["weight", "inputShape"], "a layer { weight, inputShape, … }");
    return writeOnnx(graphOf(layer));
  });
}

function graphOf(layer: ConvolutionLayer): Graph {
  const { op = "Conv", weight, inputShape, groups = 1 } = layer;
  oneOf("op", op, ["Conv", "ConvTranspose"]);
  if (!(weight instanceof Tensor) || (weight.shape.length !== 3 && weight.shape.length !== 4)) {
    const got = weight instanceof Tensor ? showShape(weight.shape) : typeof weight;
    throw new ShapeError(
      `weight must be a Tensor [M, C/groups, k], or Tensor.fromNCHW(data, [M, C/groups, kH, kW]); got ${got}.`,
    );
  }
  const rank = weight.shape.length;
  const isExtent = (extent: unknown): boolean =>
    Number.isInteger(extent) && Number(extent) > 0 && Number(extent) < 2 ** 31;
  if (
    !Array.isArray(inputShape) ||
    inputShape.length !== rank ||
    inputShape[0] !== 1 ||
    !Array.from(inputShape).every(isExtent)
  ) {
    const expected = rank === 3 ? "[1, C, L]" : "[1, H, W, C]";
    throw new ShapeError(`inputShape must be ${expected} for a weight of rank ${rank}, got ${show(inputShape)}.`);
  }
  const axes = rank - 2;
  const attributes = new Map<string, number | readonly number[]>([
    ["strides", perAxis("stride", layer.stride ?? 1, axes, 1)],
    ["dilations", perAxis("dilation", layer.dilation ?? 1, axes, 1)],
    ["pads", padsOf(layer.pad ?? 0, axes)],
    ["group", groups],
  ]);
  if (layer.outputPadding !== undefined) {
    if (op === "Conv") throw new OptionError("outputPadding is for a ConvTranspose; this layer is a Conv.");
    attributes.set("output_padding", perAxis("outputPadding", layer.outputPadding, axes, 0));
  }
  const stored = rank === 3 ? weight.data : weight.toNCHW();
  const constant = Constant.fromFloats(stored, channelsFirst(weight.shape));
  return {
    name: "layer",
    opset: 17,
    inputs: [{ name: "input", shape: channelsFirst(inputShape) }],
    outputs: ["output"],
    nodes: [{ name: "layer", op, inputs: ["input", "weight"], outputs: ["output"], attributes }],
    constants: new Map([["weight", constant]]),
    metadata: new Map(),
  };
}

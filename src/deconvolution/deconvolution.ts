import { checkOptions } from "../checks";
import { ShapeError } from "../errors";
import { entryOf, guardedAsync } from "../guard";
import type { Model } from "../model/model";
import type { ModelPass } from "../model/model-networks";
import { tensorShape, toRowMajor } from "../operation/layout";
import { createPace } from "../pace/pace";
import { showShape, type Tensor } from "../tensor";
import { type DepthToSpaceForm, depthToSpaceForm } from "./depth-to-space";
import { type Convolution, convolutionOf } from "./layer";
import { correlationMatrix, type MatrixForm, matrixForm, tooLarge } from "./matrix";
import { type PhaseForm, phaseForm } from "./phases";
import { type FormContext, type Planes, planesTensor } from "./planes";
import { type ZeroInsertionForm, zeroInsertionForm } from "./zero-insertion";

export interface DeconvolutionOptions {
  /** The Conv or ConvTranspose; may be absent where the model has only one. `convolutionOnnx` makes a file of one by hand. */
  readonly layer?: string;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
}

/** One deconvolution, computed five times. */
export interface Deconvolution {
  readonly layer: string;
  readonly op: "Conv" | "ConvTranspose";
  /** What the package's own kernels compute. */
  readonly engine: Tensor;
  /** Absent where W has more than 2²⁴ entries; `notes` then says how many. */
  readonly matrix?: MatrixForm;
  readonly zeroInsertion: ZeroInsertionForm;
  readonly phases: PhaseForm;
  readonly depthToSpace: DepthToSpaceForm;
  /** By how much each form differs from `engine` at most, as a share of the engine's largest magnitude. */
  readonly differences: {
    readonly matrix?: number;
    readonly zeroInsertion: number;
    readonly phases: number;
    readonly depthToSpace: number;
  };
  readonly notes: readonly string[];
}

/**
 * The deconvolution of a layer in its equal forms: as the matrix Wᵀ, as zero insertion followed by the flipped kernel, as
 * sub-pixel phases, as a convolution to many channels followed by DepthToSpace.
 *
 * A convolution is a linear map x → W·x. Its deconvolution (transposed convolution) is y → Wᵀ·y: what carries the gradient
 * back through a Conv, and what a ConvTranspose computes forward (there its bias is added). Wᵀ is the adjoint of W, not its
 * inverse. Dumoulin & Visin 2016, https://arxiv.org/abs/1603.07285, chapter 4; Shi et al. 2016,
 * https://arxiv.org/abs/1609.07009.
 *
 * All forms take every 1-D and 2-D geometry: stride, padding, dilation, groups, output padding. W is written out where it
 * has at most 2²⁴ entries. ONNX's own `DepthToSpace` operator takes only 2-D values and equal strides; the rearrangement
 * here does the same with a block size per axis.
 *
 * @param y  what is deconvolved, in the shape of a Conv's output or a ConvTranspose's input
 * @throws {LayerError} if the layer is unknown or no convolution; {ShapeError} if `y` has another shape
 * @example
 * const { activations } = await model.run(image, { capture: ["conv1"] });
 * const { differences, phases } = await deconvolution(model, activations.get("conv1"), { layer: "conv1" });
 */
export async function deconvolution(
  given: Model,
  y: Tensor,
  options: DeconvolutionOptions = {},
): Promise<Deconvolution> {
  return guardedAsync("deconvolution", async () => {
    checkOptions("deconvolution", options, ["layer", "signal", "onProgress"]);
    const layer = convolutionOf(given, options.layer);
    const { model, geometry: g, weight, rank, bias } = layer;
    const planes = planesOf(layer, y);
    const passes = 1 + Math.min(g.strideH, g.inH) * Math.min(g.strideW, g.inW) + g.strideH * g.strideW;
    const pace = createPace(options, g.inChannels * passes);
    let done = 0;
    const context: FormContext = {
      ...{ geometry: g, weight, rank, y: planes },
      tick: () => pace.step(++done),
      finish: (planes) => planesTensor(withBias(planes, bias), rank),
    };
    const engine = await runEngine(layer, model.fromTensor(layer.narrow, y), options.signal);
    const refusal = tooLarge(g, layer.layer);
    const matrix = refusal === undefined ? matrixForm(context, layer.layer) : undefined;
    const zeroInsertion = await zeroInsertionForm(context);
    const phases = await phaseForm(context);
    const depthToSpace = await depthToSpaceForm(context);
    const differences = {
      ...(matrix && { matrix: largestDifference(matrix.output, engine) }),
      zeroInsertion: largestDifference(zeroInsertion.output, engine),
      phases: largestDifference(phases.output, engine),
      depthToSpace: largestDifference(depthToSpace.output, engine),
    };
    const notes = refusal === undefined ? [] : [refusal];
    return {
      layer: layer.layer,
      op: layer.op,
      engine,
      matrix,
      zeroInsertion,
      phases,
      depthToSpace,
      differences,
      notes,
    };
  });
}

/**
 * The matrix W of a convolution layer: of a Conv its output is W·x (plus bias), of a ConvTranspose Wᵀ·y.
 *
 * @returns W `[M·h·w, C·H·W]`, rows and columns in the order of N, C, H, W flattened
 * @throws {OptionError} naming the size if W has more than 2²⁴ entries
 * @example
 * const weight = new Tensor(Float32Array.of(-1, 0, 0, 1), [1, 1, 4]);
 * const model = await loadModel(convolutionOnnx({ weight, inputShape: [1, 1, 12], stride: 2 }));
 * const W = await convolutionMatrix(model); // 5 × 12
 */
export async function convolutionMatrix(
  model: Model,
  options: Pick<DeconvolutionOptions, "layer"> = {},
): Promise<Tensor> {
  return guardedAsync("convolutionMatrix", async () => {
    checkOptions("convolutionMatrix", options, ["layer"]);
    const { layer } = options;
    const { geometry, weight, layer: name } = convolutionOf(model, layer);
    return correlationMatrix(geometry, weight, name);
  });
}

/** The input of the deconvolution as channels-first planes. */
function planesOf({ model, narrow, layer, op, geometry }: Convolution, y: Tensor): Planes {
  const expected = tensorShape(model.shape(narrow));
  if (y?.shape === undefined || showShape(y.shape) !== showShape(expected)) {
    const what = op === "Conv" ? "output" : "input";
    throw new ShapeError(
      `The deconvolution of ${op} "${layer}" takes a Tensor of the layer's ${what} shape ${showShape(expected)}, ` +
        `got ${y?.shape === undefined ? typeof y : showShape(y.shape)}.`,
    );
  }
  const data = toRowMajor(model.fromTensor(narrow, y), model.shape(narrow));
  return { data, channels: geometry.outChannels, height: geometry.outH, width: geometry.outW };
}

/** The layer itself, run by the kernels: a Conv backward, a ConvTranspose forward. */
async function runEngine(
  { op, model, input, output }: Convolution,
  y: Float32Array,
  signal: AbortSignal | undefined,
): Promise<Tensor> {
  if (op === "ConvTranspose") {
    const { values } = await model.watchedPass({ data: y, start: input, keep: [output] }, signal);
    return model.tensor(output, entryOf(values, output));
  }
  const backward: ModelPass["backward"] = { seed: output, wanted: [input], write: (gradient) => gradient.set(y) };
  const pass = { data: new Float32Array(model.sampleSize(input)), start: input, backward };
  const { gradients } = await model.watchedPass(pass, signal);
  return model.tensor(input, entryOf(gradients, input));
}

function withBias(planes: Planes, bias: Float32Array | undefined): Planes {
  if (!bias) return planes;
  const size = planes.height * planes.width;
  return { ...planes, data: Float64Array.from(planes.data, (value, i) => value + bias[Math.floor(i / size)]) };
}

function largestDifference(actual: Tensor, reference: Tensor): number {
  let [difference, largest] = [0, 0];
  reference.data.forEach((value, i) => {
    largest = Math.max(largest, Math.abs(value));
    difference = Math.max(difference, Math.abs(value - actual.data[i]));
  });
  return largest === 0 ? difference : difference / largest;
}

import { checkOptions, wholeNumber } from "../checks";
import { OptionError } from "../errors";
import { guardedAsync } from "../guard";
import type { CorrelationGeometry } from "../operation/correlation/side";
import { Tensor } from "../tensor";
import { depthToSpaceForm } from "./depth-to-space";
import { correlationMatrix, matrixForm, multiply } from "./matrix";
import { phaseForm } from "./phases";
import { type FormContext, planesTensor } from "./planes";
import { zeroInsertionForm } from "./zero-insertion";

export interface WalkThroughOptions {
  /** The signal; default eight values. */
  readonly x?: readonly number[];
  /** The filter; default (−1, 0, 0, 1). */
  readonly filter?: readonly number[];
  /** Default 2. */
  readonly stride?: number;
  /** Zeros on each side of x; default 2. */
  readonly pad?: number;
}

/** Every array of a 1-D convolution and its deconvolution, small enough to be read. */
export interface WalkThrough {
  readonly x: readonly number[];
  readonly filter: readonly number[];
  readonly stride: number;
  readonly pad: number;
  /** x with its zeros. */
  readonly padded: readonly number[];
  /** One row per output: the filter, stride further right in each row. */
  readonly W: readonly (readonly number[])[];
  /** W·padded, ⌊(n + 2·pad − f) / stride⌋ + 1 values. */
  readonly y: readonly number[];
  /** Wᵀ·y, as long as `padded`. */
  readonly back: readonly number[];
  /** The same as a convolution with the flipped filter, of y with stride − 1 zeros between its values and its border. */
  readonly zeroInsertion: {
    readonly inserted: readonly number[];
    readonly flipped: readonly number[];
    readonly output: readonly number[];
  };
  /** The same as one small convolution per remainder modulo the stride. */
  readonly phases: readonly {
    readonly first: number;
    /** Elements of the filter, by their index in it, and where in y each one reads, relative to the output. */
    readonly taps: readonly { readonly index: number; readonly weight: number; readonly from: number }[];
    readonly output: readonly number[];
  }[];
  /** The phases interleaved. */
  readonly byPhases: readonly number[];
  /** The same with one kernel per phase, filled up to one length; the channels, interleaved, are the output. */
  readonly depthToSpace: {
    readonly kernels: readonly (readonly number[])[];
    readonly channels: readonly (readonly number[])[];
    readonly output: readonly number[];
  };
  /** W·Wᵀ: the inner products of the rows. */
  readonly gram: readonly (readonly number[])[];
  /** The squared norm of the rows, where W·Wᵀ is that multiple of the identity: orthogonal rows of one length. */
  readonly normSquared?: number;
  /**
   * Wᵀ·W·padded / normSquared, where there is a normSquared: the part of `padded` in the row space of W, which is all that y
   * can know of it.
   */
  readonly projection?: readonly number[];
  /** padded − projection: what is lost. All zero exactly where `padded` lies in the row space. */
  readonly lost?: readonly number[];
}

/**
 * The classic example of a 1-D deconvolution with all its arrays: x of 8 values, 2 zeros on each side, a filter of length 4,
 * stride 2, which makes 5 values and a 5×12 matrix W.
 *
 * For the filter (−1, 0, 0, 1) the rows of W are orthogonal and have norm √2. Then Wᵀ·W is twice the orthogonal projection
 * onto the row space of W: back-projection gives x back **after it is divided by 2, and only if x lies in the row
 * space**. Five numbers cannot hold twelve, nor eight; what is outside of the row space is lost, whatever the filter.
 *
 * @throws {OptionError} if the arrays are empty or the filter does not fit
 * @example
 * const { W, y, back, projection, lost } = await deconvolutionWalkThrough();
 */
export async function deconvolutionWalkThrough(options: WalkThroughOptions = {}): Promise<WalkThrough> {
  return guardedAsync("deconvolutionWalkThrough", async () => {
    checkOptions("deconvolutionWalkThrough", options, ["x", "filter", "stride", "pad"]);
    const { x = [3, 1, 4, 1, 5, 9, 2, 6], filter = [-1, 0, 0, 1], stride = 2, pad = 2 } = options;
    wholeNumber("pad", pad, 0, 2 ** 8);
    wholeNumber("stride", stride, 1, 2 ** 8);
    const zeros = new Array<number>(pad).fill(0);
    const padded = [...zeros, ...x, ...zeros];
    if (x.length === 0 || filter.length === 0 || filter.length > padded.length) {
      throw new OptionError(
        `A filter of ${filter.length} values does not fit a signal of ${x.length} values and ${pad} zeros on each side.`,
      );
    }
    const outputs = Math.floor((padded.length - filter.length) / stride) + 1;
    const geometry: CorrelationGeometry = {
      ...{ inH: 1, inW: padded.length, inChannels: 1, outH: 1, outW: outputs, outChannels: 1, groups: 1 },
      ...{ kernelH: 1, kernelW: filter.length, strideH: 1, strideW: stride, dilationH: 1, dilationW: 1 },
      ...{ padTop: 0, padLeft: 0 },
    };
    const weight = Float32Array.from(filter);
    const matrix = correlationMatrix(geometry, weight, "walk-through");
    const W = rowsOf(matrix);
    const y = Array.from(multiply(matrix, padded));
    const context: FormContext = {
      ...{ geometry, weight, rank: 3, y: { data: y, channels: 1, height: 1, width: outputs } },
      tick: async () => {},
      finish: (planes) => planesTensor(planes, 3),
    };
    const back = list(matrixForm(context, "walk-through").output);
    const zeroInsertion = await zeroInsertionForm(context);
    const phases = await phaseForm(context);
    const depthToSpace = await depthToSpaceForm(context);
    const gram = W.map((row) => W.map((other) => row.reduce((sum, value, i) => sum + value * other[i], 0)));
    const normSquared = gram[0][0];
    const orthogonal = gram.every((row, i) => row.every((value, j) => value === (i === j ? normSquared : 0)));
    const projection = orthogonal && normSquared > 0 ? back.map((value) => value / normSquared) : undefined;
    return {
      ...{ x, filter, stride, pad, padded, W, y, back },
      zeroInsertion: {
        inserted: list(zeroInsertion.inserted),
        flipped: list(zeroInsertion.kernel),
        output: list(zeroInsertion.output),
      },
      phases: phases.phases.map(({ first, kernelColumns, columns, output }) => ({
        first: first[1],
        taps: kernelColumns.map((index, i) => ({ index, weight: filter[index], from: columns[i] })),
        output: list(output),
      })),
      byPhases: list(phases.output),
      depthToSpace: {
        kernels: rowsOf(new Tensor(depthToSpace.kernel.data, [stride, depthToSpace.kernel.data.length / stride])),
        channels: rowsOf(new Tensor(depthToSpace.channels.data, depthToSpace.channels.shape.slice(1))),
        output: list(depthToSpace.output),
      },
      gram,
      ...(projection && { normSquared, projection, lost: padded.map((value, i) => value - projection[i]) }),
    };
  });
}

const list = ({ data }: Tensor): number[] => Array.from(data);

const rowsOf = ({ data, shape: [rows, columns] }: Tensor): number[][] =>
  Array.from({ length: rows }, (_, row) => Array.from(data.subarray(row * columns, (row + 1) * columns)));

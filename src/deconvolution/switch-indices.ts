import { kindOf, oneOf, show } from "../checks";
import { OptionError } from "../errors";
import { guarded } from "../guard";
import { imageShape } from "../operation/layout";
import { sizeOf } from "../tensor";
import { channelsFirst } from "./per-axis";
import { checkSwitches, type PoolOptions, planPool, pooledPlaces, type Switches } from "./switches";

/**
 * How other tools number the places of maxima, both as flat indices in the order N, C, H, W: PyTorch (`return_indices`)
 * inside the plane of each channel, ONNX (`MaxPool`, `storage_order` 0) across the whole tensor.
 */
export type IndexConvention = "pytorch" | "onnx";

/**
 * The switches as flat indices.
 *
 * @returns one index per pooled value, in the order N, C, H, W whatever the layout of the tensor is here
 * @example
 * const { switches } = await maxPool(tensor, { kernel: 2 });
 * const indices = BigInt64Array.from(switchIndices(switches, "onnx"), BigInt); // ONNX has them as int64
 */
export function switchIndices(switches: Switches, convention: IndexConvention): Int32Array {
  return guarded("switchIndices", () => {
    checkSwitches(switches);
    const { offsets, inputShape, window } = switches;
    const { h, w } = imageShape(channelsFirst(inputShape));
    const plane = planeSize(convention, h * w);
    return Int32Array.from(pooledPlaces(switches), ({ at, plane: index, top, left }) => {
      const row = top + Math.floor(offsets[at] / window.kernel[1]) * window.dilation[0];
      const column = left + (offsets[at] % window.kernel[1]) * window.dilation[1];
      if (row < 0 || column < 0 || row >= h || column >= w) {
        throw new OptionError(
          `Switch ${at} points at row ${row}, column ${column} of an input of ${h}×${w}: into padding.`,
        );
      }
      return index * plane + row * w + column;
    });
  });
}

/**
 * Switches from the flat indices of another tool.
 *
 * @param indices     one per pooled value in the order N, C, H, W; int64 ones too
 * @param inputShape  of the tensor that was pooled, `[N, H, W, C]` or `[N, C, L]`
 * @param options     the window with which it was pooled
 * @throws {OptionError} if there are too many or too few, or one does not lie in its window
 */
export function switchesFromIndices(
  indices: ArrayLike<number | bigint>,
  convention: IndexConvention,
  inputShape: readonly number[],
  options: PoolOptions,
): Switches {
  return guarded("switchesFromIndices", () => {
    const plan = planPool(inputShape, options);
    if (typeof indices !== "object" || indices === null || typeof indices.length !== "number") {
      throw new OptionError(`Indices are a list of whole numbers, got ${kindOf(indices)}.`);
    }
    const { kernel, dilation } = plan.window;
    const { h, w } = imageShape(channelsFirst(inputShape));
    const plane = planeSize(convention, h * w);
    const count = sizeOf(plan.shape);
    if (indices.length !== count) {
      throw new OptionError(
        `There are ${indices.length} indices for ${count} pooled values (${plan.shape.join("×")}).`,
      );
    }
    const offsets = kernel[0] * kernel[1] > 256 ? new Uint16Array(count) : new Uint8Array(count);
    let next = 0;
    for (const { at, plane: channel, top, left } of pooledPlaces(plan)) {
      const index = wholeIndex(indices[next]) - channel * plane;
      const [row, column] = [(Math.floor(index / w) - top) / dilation[0], ((index % w) - left) / dilation[1]];
      const inside = (k: number, extent: number): boolean => Number.isInteger(k) && k >= 0 && k < extent;
      if (!(index >= 0 && index < h * w && inside(row, kernel[0]) && inside(column, kernel[1]))) {
        throw new OptionError(
          `Index ${show(indices[next])} (number ${next}, ${convention}) does not lie in its window. Are kernel, stride, pad and the ` +
            "convention those of the pooling?",
        );
      }
      offsets[at] = row * kernel[1] + column;
      next++;
    }
    return { ...plan, offsets };
  });
}

const wholeIndex = (index: unknown): number =>
  typeof index === "number" || typeof index === "bigint" ? Number(index) : Number.NaN;

const planeSize = (convention: IndexConvention, plane: number): number =>
  oneOf("convention", convention, ["pytorch", "onnx"]) === "onnx" ? plane : 0;

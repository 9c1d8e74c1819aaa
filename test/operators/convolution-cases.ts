/** Random convolutions on both sides of every line of the table in algorithm.ts. */
import { Constant } from "../../src/graph/ir";
import fc from "../seeded";
import { type Case, values } from "./harness";

const int = (min: number, max: number) => fc.integer({ min, max });
const floats = (shape: readonly number[], seed: number): Constant => Constant.fromFloats(values(shape, seed), shape);

/** Shapes on both sides of every line of the table in algorithm.ts: kernels from 3 to 5 with stride 1, first layers with strides. */
const dense = fc
  .record({
    op: fc.constantFrom("Conv", "ConvTranspose"),
    kernel: int(3, 5),
    channels: fc.constantFrom(3, 12, 64, 96),
    outChannels: fc.constantFrom(3, 20, 64, 100),
    size: fc.tuple(int(3, 24), int(3, 24)),
    pads: fc.tuple(int(0, 2), int(0, 2), int(0, 2), int(0, 2)),
    seed: int(0, 1e6),
  })
  .filter(({ op, kernel, size, pads }) =>
    op === "Conv"
      ? size[0] + pads[0] + pads[2] >= kernel && size[1] + pads[1] + pads[3] >= kernel
      : size[0] + kernel - 1 > pads[0] + pads[2] && size[1] + kernel - 1 > pads[1] + pads[3],
  )
  .map(({ op, kernel, channels, outChannels, size, pads, seed }): Case => {
    const weight = [...(op === "Conv" ? [outChannels, channels] : [channels, outChannels]), kernel, kernel];
    return {
      op,
      shape: [1, channels, ...size],
      attributes: { kernel_shape: [kernel, kernel], pads },
      constants: [floats(weight, seed), floats([outChannels], seed + 1)],
    };
  });

/** A stride, a kernel, and a map large enough for the folded layer to be Winograd's, or just not. */
const strided = fc
  .record({
    op: fc.constantFrom("Conv", "ConvTranspose"),
    few: fc.constantFrom(1, 3, 4),
    many: fc.constantFrom(12, 64),
    kernel: int(4, 11),
    stride: int(2, 4),
    size: fc.tuple(int(10, 26), int(10, 26)),
    more: fc.tuple(int(0, 3), int(0, 3)),
    pads: fc.tuple(int(0, 3), int(0, 3), int(0, 3), int(0, 3)),
    seed: int(0, 1e6),
  })
  .map(({ op, few, many, kernel, stride, size, more, pads, seed }): Case => {
    const attributes = { kernel_shape: [kernel, kernel], strides: [stride, stride], pads };
    if (op === "ConvTranspose") {
      const constants = [floats([many, few, kernel, kernel], seed), floats([few], seed + 1)];
      return { op, shape: [1, many, ...size], attributes, constants };
    }
    const [height, width] = size.map(
      (extent, axis) => extent * stride + kernel + more[axis] - pads[axis] - pads[axis + 2],
    );
    const constants = [floats([many, few, kernel, kernel], seed), floats([many], seed + 1)];
    return { op, shape: [1, few, height, width], attributes, constants };
  });

export const convolutionCases = fc.oneof(dense, strided);

/** Conv and ConvTranspose of volumes, from the convolution of slices. */
import { type Constant, numberAttribute } from "../graph/ir";
import { transposeGeometry, windowGeometry } from "../graph/window";
import { correlationBias, correlationSide, productsOf } from "../operation/correlation/correlation";
import type { CorrelationGeometry, Direction, Side } from "../operation/correlation/side";
import { type DepthAxis, ofOneSample, slicesOf } from "../operation/correlation/volume";
import {
  type BuildContext,
  type Operation,
  oneToOneInPieces,
  type Pieces,
  type Run,
  unbounded,
} from "../operation/operation";
import type { Pointer } from "../wasm/kernels";

/** The convolution that a Conv of volumes applies, and that a ConvTranspose reverses: of one slice, and along the depth. */
function geometryOf({ node, shape }: BuildContext, kernel: readonly number[]) {
  const [input, output] = [shape(node.inputs[0]), shape(node.outputs[0])];
  const isTransposed = node.op === "ConvTranspose";
  const axes = (isTransposed ? transposeGeometry : windowGeometry)(node, input.slice(2), kernel);
  const [from, to] = isTransposed ? [output, input] : [input, output];
  const slice: CorrelationGeometry = {
    ...{ inH: from[3], inW: from[4], inChannels: from[1] * kernel[0] },
    ...{ outH: to[3], outW: to[4], outChannels: to[1] },
    ...{ kernelH: kernel[1], kernelW: kernel[2], strideH: axes.stride[1], strideW: axes.stride[2] },
    ...{ dilationH: axes.dilation[1], dilationW: axes.dilation[2] },
    ...{ padTop: axes.padBegin[1], padLeft: axes.padBegin[2], groups: numberAttribute(node, "group", 1) },
  };
  const depth: DepthAxis = {
    ...{ from: from[2], to: to[2], kernel: kernel[0], stride: axes.stride[0] },
    ...{ dilation: axes.dilation[0], pad: axes.padBegin[0] },
  };
  return { slice, depth };
}

/** Sums over the slices in the order of the result's, whatever the batch. */
export function volumeConvolution(context: BuildContext, weight: Constant, bias: Constant | undefined): Operation {
  const { node, kernels, memory, mode } = context;
  const { slice, depth } = geometryOf(context, weight.shape.slice(2));
  const isTransposed = node.op === "ConvTranspose";
  const slices = slicesOf(depth, slice);
  const side = (direction: Direction): Side =>
    correlationSide({ geometry: slice, direction, kernels, memory, weight }, mode);
  const sides = { apply: side("apply"), adjoint: side("adjoint") };
  const [samples] = context.shape(node.inputs[0]);
  const [output] = node.outputs;
  const channels = slice.inChannels / depth.kernel;
  const [small, large] = [
    slice.outH * slice.outW * slice.outChannels * 4,
    slice.inH * slice.inW * channels * depth.from * 4,
  ];
  const directions = isTransposed
    ? ({ forward: "adjoint", backward: "apply" } as const)
    : ({ forward: "apply", backward: "adjoint" } as const);
  let biasPlace: Pointer = 0;
  let summands: Float32Array | undefined;

  function* each(run: Run, visit: (one: Run, sample: number, slice: number) => Pieces): Pieces {
    const one = ofOneSample(run, 0);
    for (let sample = 0; sample < samples * run.batch; sample++) {
      for (let at = 0; at < depth.to; at++) yield* visit(one, sample, at);
    }
  }
  const apply = (run: Run, x: Pointer, y: Pointer, added: Pointer, clamp = unbounded): Pieces =>
    each(run, (one, sample, at) => {
      const gathered = slices.gather(one, x + sample * large, at);
      const to = y + (sample * depth.to + at) * small;
      return sides.apply.run(ofOneSample(run, slices.bytes), 1, gathered, added, to, clamp);
    });
  /** Into what is zero, or the bias, before. */
  function* adjoint(run: Run, y: Pointer, x: Pointer): Pieces {
    const all = run.memory.floats(x, (samples * run.batch * large) / 4);
    const start = isTransposed ? summands : undefined;
    if (start) for (let i = 0; i < all.length; i++) all[i] = start[i % channels];
    else all.fill(0);
    yield* each(run, function* (one, sample, at) {
      const from = y + (sample * depth.to + at) * small;
      yield* sides.adjoint.run(ofOneSample(run, slices.bytes), 1, from, 0, one.scratch, unbounded);
      slices.scatter(one, x + sample * large, at);
    });
  }

  return oneToOneInPieces(context, {
    linear: true,
    parameters: weight.size + (bias?.size ?? 0),
    macs: samples * depth.to * productsOf(slice),
    weightBytes: {
      forward: sides[directions.forward].weightBytes,
      backward: sides[directions.backward].weightBytes,
    },
    clampable: !isTransposed,
    scratchBytes: (_, direction) => slices.bytes + sides[directions[direction]].scratchBytes(1),
    *prepare(direction) {
      yield* sides[directions[direction]].weights.place();
      if (!bias || direction === "backward") return;
      if (isTransposed) summands ??= bias.floats();
      else biasPlace ||= correlationBias(slice, memory, bias.floats());
    },
    release: (direction) => sides[directions[direction]].weights.release(),
    forward: (run, x, y) => (isTransposed ? adjoint(run, x, y) : apply(run, x, y, biasPlace, run.clamp(output))),
    backward: (run, dy, dx) => (isTransposed ? apply(run, dy, dx, 0) : adjoint(run, dy, dx)),
  });
}

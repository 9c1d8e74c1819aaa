import { Tensor } from "../../src/tensor";

/** A network's input in both layouts, so that no engine pays for a conversion. */
export interface BenchInput {
  /** ONNX order: N, C, spatial. */
  readonly shape: readonly number[];
  readonly nchw: Float32Array;
  readonly nhwc: Float32Array;
}

/** A network ready to run in one engine. Results are in the engine's own layout. */
export interface RunningNetwork {
  forward(input: BenchInput): Promise<Float32Array>;
  /** Gradient of one logit with respect to the input. */
  gradient?(input: BenchInput, target: number): Promise<Float32Array>;
  dispose(): void | Promise<void>;
}

/** One engine of the comparison, restricted to one thread. */
export interface Engine {
  readonly name: string;
  readonly version: string;
  readonly layout: "nchw" | "nhwc";
  /** @param bytes  an ONNX file */
  prepare(bytes: Uint8Array): Promise<RunningNetwork>;
}

export function benchInput(nchw: Float32Array, shape: readonly number[]): BenchInput {
  if (shape.length !== 4) return { shape, nchw, nhwc: nchw };
  return { shape, nchw, nhwc: Tensor.fromNCHW(nchw, shape).data };
}

/** An engine's result in the order of ONNX. */
export function inOnnxOrder(result: Float32Array, shape: readonly number[], layout: Engine["layout"]): Float32Array {
  if (layout === "nchw" || shape.length !== 4) return result;
  const [n, c, h, w] = shape;
  return new Tensor(result, [n, h, w, c]).toNCHW();
}

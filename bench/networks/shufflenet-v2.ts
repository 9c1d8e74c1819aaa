import { NetworkBuilder, type Value } from "./builder";

/** Output channels and blocks; the first block of each has stride 2. */
const stages = [
  [116, 4],
  [232, 8],
  [464, 4],
] as const;

/** ShuffleNetV2 x1.0, https://arxiv.org/abs/1807.11164, as torchvision has it. */
export function shufflenetV2(): Uint8Array {
  const net = new NetworkBuilder("shufflenet-v2");

  const pointwise = (x: Value, out: number): Value => net.relu(net.convNorm(x, out, 1));
  const depthwise = (x: Value, stride: number): Value =>
    net.convNorm(x, x.shape[1], 3, { stride, pad: 1, groups: x.shape[1] });
  /** Interleaves the two halves of the channels, in the three nodes torch exports. */
  const shuffle = (x: Value): Value => {
    const [n, channels, h, w] = x.shape;
    return net.reshape(net.transpose(net.reshape(x, [n, 2, channels / 2, h, w]), [0, 2, 1, 3, 4]), x.shape);
  };
  const branch = (x: Value, out: number, stride: number): Value => pointwise(depthwise(pointwise(x, out), stride), out);
  const reduce = (x: Value, out: number): Value =>
    shuffle(net.concat(pointwise(depthwise(x, 2), out / 2), branch(x, out / 2, 2)));
  const keep = (x: Value): Value => {
    const [left, right] = net.halves(x);
    return shuffle(net.concat(left, branch(right, right.shape[1], 1)));
  };

  let x = net.relu(net.convNorm(net.input, 24, 3, { stride: 2, pad: 1 }));
  x = net.maxPool(x, 3, { stride: 2, pad: 1 });
  for (const [out, blocks] of stages) {
    x = reduce(x, out);
    for (let i = 1; i < blocks; i++) x = keep(x);
  }
  x = net.spatialMean(pointwise(x, 1024));
  return net.onnx(net.linear(x, 1000));
}

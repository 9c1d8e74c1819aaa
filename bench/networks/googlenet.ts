import { type ConvOptions, NetworkBuilder, type Value } from "./builder";

/** Output channels: 1×1; reduction and 3×3; reduction and second 3×3; after the pool. */
type Inception = readonly [number, number, number, number, number, number];

const third: readonly Inception[] = [
  [64, 96, 128, 16, 32, 32],
  [128, 128, 192, 32, 96, 64],
];
const fourth: readonly Inception[] = [
  [192, 96, 208, 16, 48, 64],
  [160, 112, 224, 24, 64, 64],
  [128, 128, 256, 24, 64, 64],
  [112, 144, 288, 32, 64, 64],
  [256, 160, 320, 32, 128, 128],
];
const fifth: readonly Inception[] = [
  [256, 160, 320, 32, 128, 128],
  [384, 192, 384, 48, 128, 128],
];

/**
 * GoogLeNet, https://arxiv.org/abs/1409.4842, as torchvision has it: batch normalisation, 3×3 where the paper has 5×5,
 * no auxiliary classifiers.
 */
export function googlenet(): Uint8Array {
  const net = new NetworkBuilder("googlenet");

  const conv = (x: Value, out: number, kernel: number, options?: ConvOptions): Value =>
    net.relu(net.convNorm(x, out, kernel, options, 1e-3));
  const pool = (x: Value, kernel: number): Value => net.maxPool(x, kernel, { stride: 2, ceil: true });
  const inception = (x: Value, [one, reduce3, three, reduce5, five, pooled]: Inception): Value =>
    net.concat(
      conv(x, one, 1),
      conv(conv(x, reduce3, 1), three, 3, { pad: 1 }),
      conv(conv(x, reduce5, 1), five, 3, { pad: 1 }),
      conv(net.maxPool(x, 3, { pad: 1, ceil: true }), pooled, 1),
    );

  let x = pool(conv(net.input, 64, 7, { stride: 2, pad: 3 }), 3);
  x = pool(conv(conv(x, 64, 1), 192, 3, { pad: 1 }), 3);
  x = pool(third.reduce(inception, x), 3);
  x = pool(fourth.reduce(inception, x), 2);
  x = fifth.reduce(inception, x);
  return net.onnx(net.linear(net.flatten(net.globalAveragePool(x)), 1000));
}

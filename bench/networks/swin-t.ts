import { NetworkBuilder, type Value } from "./builder";
import {
  attention,
  channelsFirst,
  channelsLast,
  layerNorm,
  perceptron,
  type ScoreBias,
  tokenwise,
} from "./token-layers";

const window = 7;
/** Blocks and heads of each stage; channels double from 96. */
const stages = [
  [2, 3],
  [2, 6],
  [6, 12],
  [2, 24],
] as const;

/** Swin-T, https://arxiv.org/abs/2103.14030, as torchvision has it. */
export function swinT(): Uint8Array {
  const net = new NetworkBuilder("swin-t", undefined, 17);
  const slice = (x: Value, axis: number, begin: number, end: number, step = 1): Value => {
    const shape = x.shape.map((extent, i) => (i === axis ? Math.ceil((Math.min(end, extent) - begin) / step) : extent));
    const inputs = [x.name, ...[begin, end, axis, step].map((number) => net.ints([number]))];
    return net.apply("Slice", inputs, shape, x.meanSquare);
  };
  const joined = (parts: readonly Value[], axis: number): Value => {
    const [{ shape, meanSquare }] = parts;
    const extent = parts.reduce((sum, part) => sum + part.shape[axis], 0);
    const names = parts.map(({ name }) => name);
    return net.apply("Concat", names, Object.assign([...shape], { [axis]: extent }), meanSquare, { axis });
  };
  const rolled = (x: Value, by: number): Value =>
    [1, 2].reduce((turned, axis) => {
      const middle = (by + x.shape[axis]) % x.shape[axis];
      return joined([slice(turned, axis, middle, x.shape[axis]), slice(turned, axis, 0, middle)], axis);
    }, x);

  /** Relative positions, and between the parts that a roll has brought together a wall. */
  const biasOf =
    (heads: number, windows: number, walls: boolean): ScoreBias =>
    (_, scores) => {
      const tokens = window * window;
      const positions = net.uniform([1, heads, tokens, tokens], -0.5, 0.5);
      const near = net.apply("Add", [scores.name, positions], scores.shape, 1);
      if (!walls) return near;
      const apart = net.reshape(near, [1, windows, heads, tokens, tokens]);
      const walled = net.apply(
        "Add",
        [apart.name, net.uniform([1, windows, 1, tokens, tokens], -1, 0)],
        apart.shape,
        1,
      );
      return net.reshape(walled, scores.shape);
    };
  const windowed = (x: Value, heads: number, shift: number): Value => {
    const [, height, width, channels] = x.shape;
    const [down, across] = [height / window, width / window];
    const from = shift ? rolled(x, shift) : x;
    const split = net.reshape(from, [1, down, window, across, window, channels]);
    const windows = net.reshape(net.transpose(split, [0, 1, 3, 2, 4, 5]), [down * across, window * window, channels]);
    const mixed = attention(net, windows, heads, biasOf(heads, down * across, shift > 0));
    const apart = net.reshape(mixed, [1, down, across, window, window, channels]);
    const whole = net.reshape(net.transpose(apart, [0, 1, 3, 2, 4, 5]), x.shape);
    return shift ? rolled(whole, -shift) : whole;
  };
  const merged = (x: Value): Value => {
    const [, height, width, channels] = x.shape;
    const parts = [0, 1].flatMap((column) =>
      [0, 1].map((row) => slice(slice(x, 1, row, height, 2), 2, column, width, 2)),
    );
    return tokenwise(net, layerNorm(net, joined(parts, 3)), 2 * channels, false);
  };

  let x = layerNorm(net, channelsLast(net, net.conv(net.input, 96, 4, { stride: 4 })));
  stages.forEach(([blocks, heads], stage) => {
    if (stage > 0) x = merged(x);
    for (let i = 0; i < blocks; i++) {
      const shift = i % 2 === 1 && x.shape[1] > window ? 3 : 0;
      x = net.add(x, windowed(layerNorm(net, x), heads, shift));
      x = net.add(x, perceptron(net, layerNorm(net, x), 4 * x.shape[3]));
    }
  });
  const pooled = net.globalAveragePool(channelsFirst(net, layerNorm(net, x)));
  return net.onnx(net.linear(net.flatten(pooled), 1000));
}

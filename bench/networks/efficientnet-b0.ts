import { NetworkBuilder, type Value } from "./builder";

/** Expansion, kernel, stride of the first, output channels, repeats. */
const stages = [
  [1, 3, 1, 16, 1],
  [6, 3, 2, 24, 2],
  [6, 5, 2, 40, 2],
  [6, 3, 2, 80, 3],
  [6, 5, 1, 112, 3],
  [6, 5, 2, 192, 4],
  [6, 3, 1, 320, 1],
] as const;

/** EfficientNet-B0, https://arxiv.org/abs/1905.11946, as torchvision has it. */
export function efficientnetB0(): Uint8Array {
  const net = new NetworkBuilder("efficientnet-b0");

  const squeezeExcite = (x: Value, squeezed: number): Value => {
    const narrow = net.silu(net.conv(net.globalAveragePool(x), squeezed, 1));
    return net.multiply(x, net.sigmoid(net.conv(narrow, x.shape[1], 1)));
  };
  const mbConv = (x: Value, expansion: number, kernel: number, stride: number, out: number): Value => {
    const channels = x.shape[1];
    const hidden = channels * expansion;
    const wide = expansion === 1 ? x : net.silu(net.convNorm(x, hidden, 1));
    const filtered = net.silu(net.convNorm(wide, hidden, kernel, { stride, pad: (kernel - 1) / 2, groups: hidden }));
    const narrow = net.convNorm(squeezeExcite(filtered, Math.floor(channels / 4)), out, 1);
    return stride === 1 && channels === out ? net.add(narrow, x) : narrow;
  };

  let x = net.silu(net.convNorm(net.input, 32, 3, { stride: 2, pad: 1 }));
  for (const [expansion, kernel, stride, out, repeats] of stages) {
    for (let i = 0; i < repeats; i++) x = mbConv(x, expansion, kernel, i === 0 ? stride : 1, out);
  }
  x = net.silu(net.convNorm(x, 1280, 1));
  return net.onnx(net.linear(net.flatten(net.globalAveragePool(x)), 1000));
}

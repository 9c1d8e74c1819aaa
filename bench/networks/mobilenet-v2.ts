import { NetworkBuilder, type Value } from "./builder";

/** Expansion, output channels, repeats, stride of the first. */
const stages = [
  [1, 16, 1, 1],
  [6, 24, 2, 2],
  [6, 32, 3, 2],
  [6, 64, 4, 2],
  [6, 96, 3, 1],
  [6, 160, 3, 2],
  [6, 320, 1, 1],
] as const;

/** MobileNetV2, https://arxiv.org/abs/1801.04381, as torchvision has it. */
export function mobilenetV2(): Uint8Array {
  const net = new NetworkBuilder("mobilenet-v2");

  const invertedResidual = (x: Value, expansion: number, out: number, stride: number): Value => {
    const channels = x.shape[1];
    const hidden = channels * expansion;
    const wide = expansion === 1 ? x : net.relu6(net.convNorm(x, hidden, 1));
    const filtered = net.relu6(net.convNorm(wide, hidden, 3, { stride, pad: 1, groups: hidden }));
    const narrow = net.convNorm(filtered, out, 1);
    return stride === 1 && channels === out ? net.add(x, narrow) : narrow;
  };

  let x = net.relu6(net.convNorm(net.input, 32, 3, { stride: 2, pad: 1 }));
  for (const [expansion, out, repeats, stride] of stages) {
    for (let i = 0; i < repeats; i++) x = invertedResidual(x, expansion, out, i === 0 ? stride : 1);
  }
  x = net.relu6(net.convNorm(x, 1280, 1));
  return net.onnx(net.linear(net.flatten(net.globalAveragePool(x)), 1000));
}

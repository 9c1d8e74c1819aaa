import { NetworkBuilder, type Value } from "./builder";
import { type Layers, QuantisedLayers } from "./quantised-layers";

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
function scores(layers: Layers): Value {
  const invertedResidual = (x: Value, expansion: number, out: number, stride: number): Value => {
    const channels = x.shape[1];
    const hidden = channels * expansion;
    const wide = expansion === 1 ? x : layers.rectified(x, hidden, 1);
    const filtered = layers.rectified(wide, hidden, 3, { stride, pad: 1, groups: hidden });
    const narrow = layers.linear(filtered, out);
    return stride === 1 && channels === out ? layers.add(x, narrow) : narrow;
  };

  let x = layers.rectified(layers.input, 32, 3, { stride: 2, pad: 1 });
  for (const [expansion, out, repeats, stride] of stages) {
    for (let i = 0; i < repeats; i++) x = invertedResidual(x, expansion, out, i === 0 ? stride : 1);
  }
  return layers.head(layers.rectified(x, 1280, 1), 1000);
}

export function mobilenetV2(): Uint8Array {
  const net = new NetworkBuilder("mobilenet-v2");
  return net.onnx(
    scores({
      input: net.input,
      rectified: (x, out, kernel, options) => net.relu6(net.convNorm(x, out, kernel, options)),
      linear: (x, out) => net.convNorm(x, out, 1),
      add: (a, b) => net.add(a, b),
      head: (x, classes) => net.linear(net.flatten(net.globalAveragePool(x)), classes),
    }),
  );
}

/** The same with weights and activations of eight bits, as quantisers write it. */
export function mobilenetV2Int8(): Uint8Array {
  const net = new NetworkBuilder("mobilenet-v2", undefined, 21);
  return net.onnx(scores(new QuantisedLayers(net)));
}

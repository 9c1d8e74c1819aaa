import { NetworkBuilder, type Value } from "./builder";
import { attention, layerNorm, perceptron } from "./token-layers";

/** ViT-B/16, https://arxiv.org/abs/2010.11929, as timm has it. */
export function vitB16(): Uint8Array {
  const net = new NetworkBuilder("vit-b16", undefined, 17);
  const width = 768;
  const patches = net.reshape(net.conv(net.input, width, 16, { stride: 16 }), [1, width, 196]);
  const tokens = net.transpose(patches, [0, 2, 1]);
  const shape = [1, 197, width];
  const all = net.apply("Concat", [net.uniform([1, 1, width], -1, 1), tokens.name], shape, 1, { axis: 1 });
  let x: Value = net.apply("Add", [all.name, net.uniform(shape, -0.5, 0.5)], shape, 1.1);
  for (let i = 0; i < 12; i++) {
    x = net.add(x, attention(net, layerNorm(net, x), 12));
    x = net.add(x, perceptron(net, layerNorm(net, x), 4 * width));
  }
  const first = net.apply("Gather", [layerNorm(net, x).name, net.index(0)], [1, width], 1, { axis: 1 });
  return net.onnx(net.linear(first, 1000));
}

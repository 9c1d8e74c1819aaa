import { NetworkBuilder, type Value } from "./builder";

const growth = 32;

/** DenseNet-121, https://arxiv.org/abs/1608.06993, as torchvision has it. */
export function densenet121(): Uint8Array {
  const net = new NetworkBuilder("densenet-121");

  const normRelu = (x: Value): Value => net.relu(net.batchNorm(x));
  const plainConv = (x: Value, out: number, kernel: number, pad = 0): Value =>
    net.conv(x, out, kernel, { pad, bias: false });
  const block = (x: Value, layers: number): Value => {
    const features = [x];
    for (let i = 0; i < layers; i++) {
      const all = i === 0 ? x : net.concat(...features);
      const narrow = plainConv(normRelu(all), 4 * growth, 1);
      features.push(plainConv(normRelu(narrow), growth, 3, 1));
    }
    return net.concat(...features);
  };
  const transition = (x: Value): Value => net.averagePool(plainConv(normRelu(x), x.shape[1] / 2, 1), 2, { stride: 2 });

  let x = net.relu(net.convNorm(net.input, 64, 7, { stride: 2, pad: 3 }));
  x = net.maxPool(x, 3, { stride: 2, pad: 1 });
  x = transition(block(x, 6));
  x = transition(block(x, 12));
  x = transition(block(x, 24));
  x = normRelu(block(x, 16));
  return net.onnx(net.linear(net.flatten(net.globalAveragePool(x)), 1000));
}

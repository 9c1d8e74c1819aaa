import { NetworkBuilder, type Value } from "./builder";

type Block = (x: Value, width: number, stride: number) => Value;

/** ResNet-18, https://arxiv.org/abs/1512.03385, as torchvision has it. */
export function resnet18(): Uint8Array {
  const net = new NetworkBuilder("resnet-18");
  return resnet(net, [2, 2, 2, 2], (x, width, stride) => {
    const y = net.relu(net.convNorm(x, width, 3, { stride, pad: 1 }));
    return net.relu(net.add(net.convNorm(y, width, 3, { pad: 1 }), shortcut(net, x, width, stride)));
  });
}

/** ResNet-50, the variant with the stride in the 3×3 convolution, as torchvision has it. */
export function resnet50(): Uint8Array {
  const net = new NetworkBuilder("resnet-50");
  return resnet(net, [3, 4, 6, 3], (x, width, stride) => {
    let y = net.relu(net.convNorm(x, width, 1));
    y = net.relu(net.convNorm(y, width, 3, { stride, pad: 1 }));
    return net.relu(net.add(net.convNorm(y, 4 * width, 1), shortcut(net, x, 4 * width, stride)));
  });
}

function resnet(net: NetworkBuilder, repeats: readonly number[], block: Block): Uint8Array {
  let x = net.relu(net.convNorm(net.input, 64, 7, { stride: 2, pad: 3 }));
  x = net.maxPool(x, 3, { stride: 2, pad: 1 });
  repeats.forEach((count, stage) => {
    for (let i = 0; i < count; i++) x = block(x, 64 * 2 ** stage, stage > 0 && i === 0 ? 2 : 1);
  });
  return net.onnx(net.linear(net.flatten(net.globalAveragePool(x)), 1000));
}

const shortcut = (net: NetworkBuilder, x: Value, channels: number, stride: number): Value =>
  stride === 1 && x.shape[1] === channels ? x : net.convNorm(x, channels, 1, { stride });

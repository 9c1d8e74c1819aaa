import { NetworkBuilder } from "./builder";

/** AlexNet in one tower, https://arxiv.org/abs/1404.5997, as torchvision has it. */
export function alexnet(): Uint8Array {
  const net = new NetworkBuilder("alexnet");
  let x = net.relu(net.conv(net.input, 64, 11, { stride: 4, pad: 2 }));
  x = net.maxPool(x, 3, { stride: 2 });
  x = net.relu(net.conv(x, 192, 5, { pad: 2 }));
  x = net.maxPool(x, 3, { stride: 2 });
  for (const width of [384, 256, 256]) x = net.relu(net.conv(x, width, 3, { pad: 1 }));
  x = net.flatten(net.maxPool(x, 3, { stride: 2 }));
  for (let i = 0; i < 2; i++) x = net.relu(net.linear(x, 4096));
  return net.onnx(net.linear(x, 1000));
}

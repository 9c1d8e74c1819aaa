import { NetworkBuilder, type Value } from "./builder";

/** VGG-16, https://arxiv.org/abs/1409.1556, as torchvision has it (without batch normalisation). */
export function vgg16(): Uint8Array {
  const net = new NetworkBuilder("vgg-16");
  let x: Value = net.input;
  for (const widths of [
    [64, 64],
    [128, 128],
    [256, 256, 256],
    [512, 512, 512],
    [512, 512, 512],
  ]) {
    for (const width of widths) x = net.relu(net.conv(x, width, 3, { pad: 1 }));
    x = net.maxPool(x, 2, { stride: 2 });
  }
  x = net.flatten(x);
  for (let i = 0; i < 2; i++) x = net.relu(net.linear(x, 4096));
  return net.onnx(net.linear(x, 1000));
}

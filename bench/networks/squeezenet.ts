import { NetworkBuilder, type Value } from "./builder";

/** SqueezeNet 1.1, https://arxiv.org/abs/1602.07360, as torchvision has it. */
export function squeezenet(): Uint8Array {
  const net = new NetworkBuilder("squeezenet");

  const fire = (x: Value, squeeze: number, expand: number): Value => {
    const squeezed = net.relu(net.conv(x, squeeze, 1));
    const narrow = net.relu(net.conv(squeezed, expand, 1));
    const wide = net.relu(net.conv(squeezed, expand, 3, { pad: 1 }));
    return net.concat(narrow, wide);
  };
  const pool = (x: Value): Value => net.maxPool(x, 3, { stride: 2, ceil: true });

  let x = pool(net.relu(net.conv(net.input, 64, 3, { stride: 2 })));
  x = pool(fire(fire(x, 16, 64), 16, 64));
  x = pool(fire(fire(x, 32, 128), 32, 128));
  x = fire(fire(x, 48, 192), 48, 192);
  x = fire(fire(x, 64, 256), 64, 256);
  x = net.relu(net.conv(x, 1000, 1));
  return net.onnx(net.flatten(net.globalAveragePool(x)));
}

import { NetworkBuilder, type Value } from "./builder";
import { attention, layerNorm, perceptron } from "./token-layers";

/** MobileViT-S, https://arxiv.org/abs/2110.02178, as timm has it; of 256×256 pixels, which patches of 2×2 divide to the end. */
export function mobilevitS(): Uint8Array {
  const net = new NetworkBuilder("mobilevit-s", [1, 3, 256, 256], 17);
  // Of wider distributions a larger part passes than of the standard normal.
  const silu = (y: Value): Value => ({ ...net.silu(y), meanSquare: 0.6 * y.meanSquare });
  const convSilu = (x: Value, out: number, kernel: number, stride = 1): Value =>
    silu(net.convNorm(x, out, kernel, { stride, pad: (kernel - 1) / 2 }));
  const inverted = (x: Value, out: number, stride: number): Value => {
    const hidden = 4 * x.shape[1];
    const wide = convSilu(x, hidden, 1);
    const filtered = silu(net.convNorm(wide, hidden, 3, { stride, pad: 1, groups: hidden }));
    const narrow = net.convNorm(filtered, out, 1);
    return stride === 1 && out === x.shape[1] ? net.add(narrow, x) : narrow;
  };
  /** Pixels at the same place of their patches attend to one another. */
  const transformer = (x: Value, width: number, blocks: number): Value => {
    const [, channels, height, wide] = x.shape;
    const [down, across] = [height / 2, wide / 2];
    const local = net.conv(convSilu(x, channels, 3), width, 1, { bias: false });
    const split = net.reshape(local, [width * down, 2, across, 2]);
    const places = net.reshape(net.transpose(split, [0, 2, 1, 3]), [1, width, down * across, 4]);
    let tokens = net.reshape(net.transpose(places, [0, 3, 2, 1]), [4, down * across, width]);
    for (let i = 0; i < blocks; i++) {
      tokens = net.add(tokens, attention(net, layerNorm(net, tokens, 1e-5), 4));
      tokens = net.add(
        tokens,
        perceptron(net, layerNorm(net, tokens, 1e-5), 2 * width, (_, y) => silu(y)),
      );
    }
    const normed = net.reshape(layerNorm(net, tokens, 1e-5), [1, 4, down * across, width]);
    const patches = net.reshape(net.transpose(normed, [0, 3, 2, 1]), [width * down, across, 2, 2]);
    const image = net.reshape(net.transpose(patches, [0, 2, 1, 3]), [1, width, height, wide]);
    return convSilu(net.concat(x, convSilu(image, channels, 1)), channels, 3);
  };

  let x = inverted(convSilu(net.input, 16, 3, 2), 32, 1);
  x = inverted(x, 64, 2);
  for (let i = 0; i < 2; i++) x = inverted(x, 64, 1);
  x = transformer(inverted(x, 96, 2), 144, 2);
  x = transformer(inverted(x, 128, 2), 192, 4);
  x = transformer(inverted(x, 160, 2), 240, 3);
  return net.onnx(net.linear(net.flatten(net.globalAveragePool(convSilu(x, 640, 1))), 1000));
}

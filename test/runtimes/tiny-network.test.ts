import { expect, it } from "vitest";
import { NetworkBuilder, type Value } from "../../bench/networks/builder";
import { writeOnnx } from "../../src/onnx/writer";
import { bytesModule } from "./bytes-module";

/** What the embedded network has not: nearly every other layer of the networks people deploy, on 36×36 pixels. */
function build(): Uint8Array {
  const net = new NetworkBuilder("tiny", [1, 3, 36, 36]);
  const stem = net.relu6(net.convNorm(net.input, 8, 3, { stride: 2, pad: 1 }));
  const deep = net.relu(net.convNorm(stem, 8, 3, { pad: 1, groups: 8 }));
  const residual = net.add(net.silu(net.conv(deep, 8, 1)), stem);
  const [left, right] = net.halves(shuffle(net, residual));
  const joined = net.concat(net.maxPool(left, 3, { stride: 2, ceil: true }), net.averagePool(right, 2, { stride: 2 }));
  const head = net.relu(net.conv(joined, 12, 5, { stride: 2, pad: 2 }));
  const logits = net.linear(net.flatten(net.globalAveragePool(head)), 5);
  const graph = net.graph(logits);
  const node = { name: "softmax", op: "Softmax", inputs: [logits.name], outputs: ["probability"] };
  const nodes = [...graph.nodes, { ...node, attributes: new Map([["axis", 1]]) }];
  return writeOnnx({ ...graph, nodes, outputs: ["probability"] });
}

/** ShuffleNet's exchange of channels between two groups. */
function shuffle(net: NetworkBuilder, x: Value): Value {
  const [n, c, h, w] = x.shape;
  return net.reshape(net.transpose(net.reshape(x, [n, 2, c / 2, h, w]), [0, 2, 1, 3, 4]), x.shape);
}

it("the suite carries the bytes of the tiny network", async () => {
  const what = "The bytes of a small ONNX network with random weights";
  await expect(bytesModule("tinyNetwork", what, "tiny-network.test.ts", build())).toMatchFileSnapshot(
    "suite/tiny-network.mjs",
  );
});

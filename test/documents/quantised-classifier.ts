import { readFileSync } from "node:fs";
import { Constant, type Node } from "../../src/graph/ir";
import { decodeImage, loadModel } from "../../src/index";
import { readOnnx } from "../../src/onnx/reader";
import { writeOnnx } from "../../src/onnx/writer";

const network = "models/petshop.onnx";
const weighted: ReadonlySet<string> = new Set(["Conv", "Gemm"]);
/** What is rounded: pictures, rectified maps and means. Pools keep the grid of what they choose among. */
const rounded: ReadonlySet<string> = new Set(["Relu", "GlobalAveragePool"]);

/** The least and the largest number of every value that is rounded, for some scenes, as calibration finds them. */
async function rangesOf(scenes: readonly string[], nodes: readonly Node[]): Promise<Map<string, [number, number]>> {
  const model = await loadModel(readFileSync(network));
  const capture = nodes.filter(({ op }) => rounded.has(op)).map(({ name }) => name);
  const ranges = new Map<string, [number, number]>();
  const add = (name: string, data: Float32Array): void => {
    const [low, high] = ranges.get(name) ?? [0, 0];
    ranges.set(
      name,
      data.reduce(([least, most], value) => [Math.min(least, value), Math.max(most, value)], [low, high]),
    );
  };
  for (const scene of scenes) {
    const picture = await decodeImage(readFileSync(`examples/images/${scene}`));
    add("input", model.preprocess(picture).data);
    const { activations } = await model.run(picture, { capture });
    for (const [name, { data }] of activations) add(name, data);
  }
  model.dispose();
  return ranges;
}

const node = (name: string, op: string, inputs: readonly string[], attributes: Record<string, number> = {}): Node => ({
  ...{ name, op, inputs, outputs: [name] },
  attributes: new Map(Object.entries(attributes)),
});

/** The embedded classifier with activations of uint8 and weights of int8, a scale for each output, as exporters quantise. */
export async function quantisedClassifier(scenes: readonly string[]): Promise<Uint8Array> {
  const graph = readOnnx(readFileSync(network));
  const ranges = await rangesOf(scenes, graph.nodes);
  const constants = new Map(graph.constants);
  const nodes: Node[] = [];
  const renamed = new Map<string, string>();
  const floats = (name: string, values: readonly number[], shape: readonly number[] = []): string => {
    constants.set(name, Constant.fromFloats(Float32Array.from(values), shape));
    return name;
  };
  const pair = (value: string, [low, high]: readonly [number, number]): void => {
    const scale = (high - low) / 255;
    const grid = [floats(`${value}/scale`, [scale]), `${value}/zero`];
    constants.set(grid[1], Constant.fromNumbers("int", [Math.round(-low / scale)], [], "uint8"));
    nodes.push(node(`${value}/quantised`, "QuantizeLinear", [value, ...grid]));
    nodes.push(node(`${value}/real`, "DequantizeLinear", [`${value}/quantised`, ...grid]));
    renamed.set(value, `${value}/real`);
  };
  const weight = (name: string): string => {
    const given = graph.constants.get(name) as Constant;
    const [values, [outputs]] = [given.floats(), given.shape];
    const inner = values.length / outputs;
    const scales = Array.from({ length: outputs }, (_, o) => {
      const most = values
        .subarray(o * inner, (o + 1) * inner)
        .reduce((all, value) => Math.max(all, Math.abs(value)), 0);
      return most / 127;
    });
    const integers = Array.from(values, (value, i) => Math.round(value / scales[Math.floor(i / inner)]));
    constants.set(`${name}/integers`, Constant.fromNumbers("int", integers, given.shape, "int8"));
    constants.delete(name);
    nodes.push(
      node(`${name}/real`, "DequantizeLinear", [`${name}/integers`, floats(`${name}/scale`, scales, [outputs])], {
        axis: 0,
      }),
    );
    return `${name}/real`;
  };
  pair(graph.inputs[0].name, ranges.get("input") as [number, number]);
  for (const each of graph.nodes) {
    const [x, ...rest] = each.inputs;
    const inputs = [renamed.get(x) ?? x, ...rest];
    if (weighted.has(each.op)) inputs[1] = weight(rest[0]);
    nodes.push({ ...each, inputs });
    const range = ranges.get(each.name);
    if (range) pair(each.outputs[0], range);
  }
  return writeOnnx({ ...graph, opset: Math.max(graph.opset, 13), nodes, constants });
}

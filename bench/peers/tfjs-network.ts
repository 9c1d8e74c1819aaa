import * as tf from "@tensorflow/tfjs-core";
import { type Constant, type Node, numberAttribute, numbersAttribute, type StaticGraph } from "../../src/graph/ir";
import { windowGeometry } from "../../src/graph/window";
import { reduceMean } from "../../src/operators/reduction";

type Activation = "linear" | "relu" | "relu6" | "sigmoid";
type Window = [number, number];
type Padding = [[number, number], [number, number], [number, number], [number, number]];

type Geometry = ReturnType<typeof windowGeometry>;

interface Step {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  run(inputs: readonly tf.Tensor[]): tf.Tensor | tf.Tensor[];
}

/**
 * A network of tfjs operations, built once from an ONNX graph.
 *
 * Values are channels last, as the wasm backend wants them: rank 4 is NHWC, rank 5 (channels in two axes, as in a channel
 * shuffle) is N, H, W, C₁, C₂. Every other rank is as the file says.
 */
export class TfjsNetwork {
  readonly #graph: StaticGraph;
  readonly #fuses: boolean;
  readonly #steps: Step[] = [];
  /** Values nobody reads after step i. */
  readonly #dead: string[][];
  readonly #weights: tf.Tensor[] = [];

  /**
   * @param style  "fused": bias and activation inside the layer, values freed after their last reader.
   *               "plain": one op per node, everything kept for the backward pass
   */
  constructor(graph: StaticGraph, style: "fused" | "plain") {
    this.#graph = graph;
    this.#fuses = style === "fused";
    const merged = new Set<Node>();
    for (const node of graph.nodes) {
      if (merged.has(node)) continue;
      const next = this.#fuses && (node.op === "Conv" || node.op === "Gemm") ? this.#activationAfter(node) : undefined;
      if (next) merged.add(next.node);
      const outputs = next ? next.node.outputs : node.outputs;
      const inputs = node.inputs.filter((name) => name !== "" && !graph.constants.has(name));
      this.#steps.push({ inputs, outputs, run: this.#operation(node, next?.activation ?? "linear") });
    }
    this.#dead = this.#steps.map(() => []);
    const last = new Map<string, number>();
    this.#steps.forEach(({ inputs, outputs }, i) => {
      for (const name of [...outputs, ...inputs]) last.set(name, i);
    });
    for (const [name, i] of last) if (!graph.outputs.includes(name)) this.#dead[i].push(name);
  }

  /** @param x  the input; disposed unless a gradient is being recorded */
  run(x: tf.Tensor): tf.Tensor {
    const values = new Map([[this.#graph.inputs[0].name, x]]);
    const read = (name: string): tf.Tensor => {
      const value = values.get(name);
      if (!value) throw new Error(`The value "${name}" was not computed.`);
      return value;
    };
    this.#steps.forEach((step, i) => {
      const results = [tf.tidy(() => step.run(step.inputs.map(read)))].flat();
      results.forEach((result, k) => {
        values.set(step.outputs[k], result);
      });
      if (this.#fuses) for (const name of this.#dead[i]) read(name).dispose();
    });
    return read(this.#graph.outputs[0]);
  }

  dispose(): void {
    for (const weight of this.#weights) weight.dispose();
  }

  #operation(node: Node, activation: Activation): Step["run"] {
    switch (node.op) {
      case "Conv":
        return this.#conv(node, activation);
      case "Gemm":
        return this.#gemm(node, activation);
      case "BatchNormalization":
        return this.#batchNorm(node);
      case "MaxPool":
      case "AveragePool":
        return this.#pool(node);
      case "GlobalAveragePool":
        return ([x]) => tf.mean(x, [1, 2], true);
      case "ReduceMean":
        return this.#mean(node);
      case "Relu":
        return ([x]) => tf.relu(x);
      case "Sigmoid":
        return ([x]) => tf.sigmoid(x);
      case "Clip":
        return this.#clip(node);
      case "Add":
        return ([a, b]) => tf.add(a, b);
      case "Mul":
        return ([a, b]) => tf.mul(a, b);
      case "Concat": {
        const axis = this.#memoryAxis(node.outputs[0], numberAttribute(node, "axis"));
        return (parts) => tf.concat([...parts], axis);
      }
      case "Split": {
        const axis = this.#memoryAxis(node.inputs[0], numberAttribute(node, "axis"));
        const sizes = node.outputs.map((name) => this.#shape(name)[numberAttribute(node, "axis")]);
        return ([x]) => tf.split(x, sizes, axis);
      }
      case "Flatten":
      case "Reshape": {
        const shape = this.#shape(node.outputs[0]);
        const memoryShape = memoryOrder(shape.length).map((axis) => shape[axis]);
        return ([x]) => tf.reshape(x, memoryShape);
      }
      case "Transpose": {
        const perm = numbersAttribute(node, "perm");
        const order = memoryOrder(perm.length);
        const memoryPerm = order.map((axis) => order.indexOf(perm[axis]));
        return ([x]) => tf.transpose(x, memoryPerm);
      }
      default:
        throw new Error(`${node.op} "${node.name}": not translated to tfjs.`);
    }
  }

  #conv(node: Node, activation: Activation): Step["run"] {
    const weight = this.#constant(node.inputs[1]);
    const [outChannels, perGroup, kernelH, kernelW] = weight.shape;
    const groups = numberAttribute(node, "group", 1);
    const geometry = windowGeometry(node, this.#shape(node.inputs[0]).slice(2), [kernelH, kernelW]);
    const [strides, pad] = [geometry.stride as Window, padding(geometry)];
    const bias = node.inputs[2] ? this.#keep(tf.tensor1d(this.#constant(node.inputs[2]).floats())) : undefined;
    const plain = (y: tf.Tensor): tf.Tensor => (bias ? tf.add(y, bias) : y);
    const oihw = tf.tensor4d(weight.floats(), weight.shape as [number, number, number, number]);
    if (groups === 1) {
      const filter = this.#keep(tf.transpose(oihw, [2, 3, 1, 0]) as tf.Tensor4D);
      oihw.dispose();
      if (!this.#fuses) return ([x]) => plain(tf.conv2d(x as tf.Tensor4D, filter, strides, pad));
      return ([x]) => tf.fused.conv2d({ x: x as tf.Tensor4D, filter, strides, pad, bias, activation });
    }
    if (perGroup !== 1 || groups !== outChannels)
      throw new Error(`Conv "${node.name}": groups are not translated to tfjs.`);
    const filter = this.#keep(tf.transpose(oihw, [2, 3, 0, 1]) as tf.Tensor4D);
    oihw.dispose();
    if (!this.#fuses) return ([x]) => plain(tf.depthwiseConv2d(x as tf.Tensor4D, filter, strides, pad));
    // The types of the fused operation have no explicit padding, the operation itself has.
    const explicit = pad as unknown as number;
    return ([x]) => tf.fused.depthwiseConv2d({ x: x as tf.Tensor4D, filter, strides, pad: explicit, bias, activation });
  }

  #gemm(node: Node, activation: Activation): Step["run"] {
    const weight = this.#constant(node.inputs[1]);
    const [outputs, inputs] = weight.shape;
    // Rows in the order of a flattened NHWC image where the file has flattened NCHW.
    const [, c, h, w] = this.#flattenedShape(node.inputs[0]) ?? [1, inputs, 1, 1];
    const source = tf.tensor4d(weight.floats(), [outputs, c, h, w]);
    const b = this.#keep(
      tf.tidy(() => tf.reshape(tf.transpose(source, [2, 3, 1, 0]), [inputs, outputs]) as tf.Tensor2D),
    );
    source.dispose();
    const bias = this.#keep(tf.tensor1d(this.#constant(node.inputs[2]).floats()));
    if (!this.#fuses) return ([a]) => tf.add(tf.matMul(a, b), bias);
    return ([a]) => tf.fused.matMul({ a, b, bias, activation });
  }

  #batchNorm(node: Node): Step["run"] {
    const [scale, shift, mean, variance] = node.inputs
      .slice(1)
      .map((name) => this.#keep(tf.tensor1d(this.#constant(name).floats())));
    const epsilon = numberAttribute(node, "epsilon", 1e-5);
    return ([x]) => tf.batchNorm(x as tf.Tensor4D, mean, variance, shift, scale, epsilon);
  }

  #pool(node: Node): Step["run"] {
    const input = this.#shape(node.inputs[0]).slice(2);
    const kernel = numbersAttribute(node, "kernel_shape");
    const geometry = windowGeometry(node, input, kernel);
    const [size, strides, pad] = [kernel as Window, geometry.stride as Window, padding(geometry, input, kernel)];
    if (node.op === "MaxPool") return ([x]) => tf.maxPool(x as tf.Tensor4D, size, strides, pad);
    if (pad.flat().some((n) => n !== 0))
      throw new Error(`AveragePool "${node.name}": padding is not translated to tfjs.`);
    return ([x]) => tf.avgPool(x as tf.Tensor4D, size, strides, "valid");
  }

  #mean(node: Node): Step["run"] {
    const [input] = node.inputs;
    const constants = node.inputs.map((name) => this.#graph.constants.get(name));
    const to = reduceMean.arrange?.(node, [this.#shape(input)], constants).regions()[0].to;
    // The loops of a reduction are the axes of its input; over the reduced ones its output stands still.
    const reduced = to?.steps?.flatMap((step, axis) => (step === 0 ? [this.#memoryAxis(input, axis)] : [])) ?? [];
    return ([x]) => tf.mean(x, reduced, numberAttribute(node, "keepdims", 1) !== 0);
  }

  #clip(node: Node): Step["run"] {
    if (this.#isRelu6(node)) return ([x]) => tf.relu6(x);
    throw new Error(`Clip "${node.name}": only 0 to 6 is translated to tfjs.`);
  }

  /** The activation that tfjs can fuse into a layer: the only reader of its result. */
  #activationAfter(node: Node): { node: Node; activation: Activation } | undefined {
    const [output] = node.outputs;
    const readers = this.#graph.nodes.filter(({ inputs }) => inputs.includes(output));
    if (readers.length !== 1 || this.#graph.outputs.includes(output)) return undefined;
    const [next] = readers;
    if (next.op === "Relu") return { node: next, activation: "relu" };
    if (next.op === "Sigmoid") return { node: next, activation: "sigmoid" };
    return this.#isRelu6(next) ? { node: next, activation: "relu6" } : undefined;
  }

  #isRelu6(node: Node): boolean {
    const [low, high] = node.inputs.slice(1).map((name) => this.#graph.constants.get(name)?.numbers()[0]);
    return node.op === "Clip" && low === 0 && high === 6;
  }

  /** The shape of the image that a matrix was flattened from. */
  #flattenedShape(name: string): readonly number[] | undefined {
    const node = this.#graph.nodes.find(({ outputs }) => outputs.includes(name));
    if (node?.op !== "Flatten" && node?.op !== "Reshape") return undefined;
    const shape = this.#shape(node.inputs[0]);
    return shape.length === 4 ? shape : undefined;
  }

  #shape(name: string): readonly number[] {
    const shape = this.#graph.shapes.get(name);
    if (!shape) throw new Error(`The value "${name}" has no shape.`);
    return shape;
  }

  #constant(name: string): Constant {
    const constant = this.#graph.constants.get(name);
    if (!constant) throw new Error(`"${name}" is not a constant.`);
    return constant;
  }

  #memoryAxis(name: string, axis: number): number {
    const { length } = this.#shape(name);
    return memoryOrder(length).indexOf(axis < 0 ? axis + length : axis);
  }

  #keep<T extends tf.Tensor>(weight: T): T {
    this.#weights.push(weight);
    return weight;
  }
}

/** ONNX axes in the order memory has them. */
function memoryOrder(rank: number): number[] {
  if (rank === 4) return [0, 2, 3, 1];
  if (rank === 5) return [0, 3, 4, 1, 2];
  return Array.from({ length: rank }, (_, axis) => axis);
}

/** Explicit padding; where ceil mode adds a window, the padding after the image grows until the window fits. */
function padding(geometry: Geometry, input?: readonly number[], kernel?: readonly number[]): Padding {
  const [rows, columns] = geometry.padBegin.map((begin, axis): [number, number] => {
    if (!input || !kernel) return [begin, geometry.padEnd[axis]];
    const needed = (geometry.out[axis] - 1) * geometry.stride[axis] + kernel[axis] - input[axis] - begin;
    return [begin, Math.max(needed, 0)];
  });
  return [[0, 0], rows, columns, [0, 0]];
}

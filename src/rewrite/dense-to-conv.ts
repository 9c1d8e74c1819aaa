import { LayerError } from "../errors";
import { Constant, type Graph, type Node, type StaticGraph } from "../graph/ir";
import { producersOf } from "../graph/producers";
import type { ValueName } from "../operation/operation";
import { evaluate } from "../operators/evaluate";
import type { Nature } from "../operators/operator";
import { isReshaping, operators } from "../operators/table";
import { showShape, sizeOf } from "../tensor";
import { denseWeights } from "./dense-weights";
import { freshName, type RewriteStep } from "./rewrite-step";

/** A classifier whose head is a convolution. */
export interface ConvolutionalHead {
  readonly graph: Graph;
  /** The value that holds a score per class and place; its mean over places is the logit. */
  readonly map: ValueName;
  /** The node that computes it. */
  readonly layer: string;
  /** The maps the head reads. */
  readonly maps: ValueName;
  /** Places one score looks at: the size of those maps where the network was trained. */
  readonly window: readonly number[];
  readonly steps: readonly RewriteStep[];
}

/** Operators that only rearrange. */
const isRearranging = (op: string): boolean => isReshaping(op) || op === "Transpose";

/** Functions of one element, alike for a vector and for a map. */
const ofOneNumber: ReadonlySet<Nature> = new Set<Nature>(["identity", "rectifier", "smooth", "gate", "clamp"]);

/** Operators of a value and a constant beside it. */
const pairing: ReadonlySet<Nature> = new Set<Nature>(["sum", "difference", "product", "quotient", "rectifier"]);

/**
 * Turns the dense layers after a flatten into convolutions: the first has a kernel as large as the maps that were
 * flattened, every later one 1×1. At the trained size the scores are the same; on a larger input the head slides over it.
 *
 *   kernel[m][c][y][x] = W[m][f(c, y, x)]      f: the place of that element in the flattened vector
 *
 * Sermanet et al. 2013 (OverFeat), https://arxiv.org/abs/1312.6229, section 3.5; Long, Shelhamer & Darrell 2014,
 * https://arxiv.org/abs/1411.4038, section 3.1. The logit is the mean over places, a global average pooling.
 *
 * @param logits  the vector of scores, one sample
 * @throws {LayerError} naming every node that has no counterpart on a map
 */
export function denseToConv(graph: StaticGraph, logits: ValueName): ConvolutionalHead {
  const { maps, head } = headOf(graph, logits);
  const mapShape = shapeIn(graph, maps);
  const window = mapShape.slice(2);
  const builder = new HeadBuilder(graph, mapShape, maps);
  for (const node of head) builder.add(node);
  builder.check(logits);
  const map = freshName(graph, `${logits}_map`);
  const pooled = freshName(graph, `${logits}_pooled`);
  const last = builder.nodes.length - 1;
  const nodes = [
    ...builder.nodes.map((node, i) => (i === last ? { ...node, outputs: [map] } : node)),
    { name: pooled, op: "GlobalAveragePool", inputs: [map], outputs: [pooled], attributes: new Map() },
    {
      name: freshName(graph, `${logits}_flat`),
      op: "Flatten",
      inputs: [pooled],
      outputs: [logits],
      attributes: new Map([["axis", 1]]),
    },
  ];
  const places = new Map([[head[head.length - 1], nodes]]);
  const inHead = new Set(head);
  return {
    graph: {
      ...graph,
      nodes: graph.nodes.flatMap((node) => places.get(node) ?? (inHead.has(node) ? [] : [node])),
      constants: new Map([...graph.constants, ...builder.constants]),
    },
    map,
    layer: builder.nodes[last].name,
    maps,
    window,
    steps: [
      ...builder.steps,
      {
        node: pooled,
        op: "GlobalAveragePool",
        change: `new: the logit is the mean of "${map}" over all places (at the trained size there is one)`,
      },
    ],
  };
}

/** The nodes between the last maps and the scores, in order. */
function headOf(graph: StaticGraph, logits: ValueName): { maps: ValueName; head: Node[] } {
  const producers = producersOf(graph);
  const head: Node[] = [];
  let value = logits;
  for (;;) {
    const node = producers.get(value);
    if (node && poolsAllPlaces(graph, node)) {
      throw new LayerError(
        `${show(node)} pools all places before the hidden layers, so the head sees no places, at any input size. ` +
          `Give images: a linear head is then fitted on the maps that are pooled ("${node.inputs[0]}"), or use gradCam.`,
      );
    }
    if (!node || (shapeIn(graph, value).length >= 3 && !isRearranging(node.op))) break;
    const changing = node.inputs.filter((input) => input !== "" && !graph.constants.has(input));
    if (changing.length !== 1) {
      throw new LayerError(
        `${node.op} "${node.name}" joins ${changing.length} values inside the head, so the head is no chain of layers ` +
          "that could slide over a map. Give images to fit a linear head instead, or use gradCam, which needs no rewriting.",
      );
    }
    head.unshift(node);
    value = changing[0];
  }
  const shape = shapeIn(graph, value);
  if (head.length === 0) {
    throw new LayerError(
      `The scores "${logits}" (${showShape(shapeIn(graph, logits))}) are already a map or come straight from one: there is no ` +
        "flatten to replace. Load the model with a larger inputShape to get scores for every place.",
    );
  }
  if (shape.length < 3) {
    throw new LayerError(
      `No layer before the scores "${logits}" has maps: the network takes a vector ("${value}", ${showShape(shape)}), so ` +
        "there are no places to show. inputXGradient and integratedGradients rate each element of the vector.",
    );
  }
  return { maps: value, head };
}

const globalPooling: ReadonlySet<string> = new Set(["GlobalAveragePool", "GlobalMaxPool", "ReduceMax", "ReduceMean"]);

/** True where one place is left of many, whatever the size of the input. */
function poolsAllPlaces(graph: StaticGraph, { op, inputs, outputs }: Node): boolean {
  const shape = shapeIn(graph, inputs[0]);
  const places = sizeOf(shape.slice(2));
  return globalPooling.has(op) && places > 1 && sizeOf(shapeIn(graph, outputs[0])) * places === sizeOf(shape);
}

const shapeIn = (graph: StaticGraph, value: ValueName): readonly number[] => graph.shapes.get(value) ?? [];

const show = (node: Node): string => `${node.op} "${node.name}"`;

/** Translates one node after the other, keeping track of what each element of the vector is on the map. */
class HeadBuilder {
  readonly nodes: Node[] = [];
  readonly constants = new Map<string, Constant>();
  readonly steps: RewriteStep[] = [];
  readonly #graph: StaticGraph;
  /** Reasons why nodes cannot be translated; said all at once. */
  readonly #obstacles: string[] = [];
  /** The map-valued value that stands for the vector so far. */
  #value: ValueName;
  /** Channels and window of the map. */
  #extents: readonly number[];
  /** In the vector's present shape: the element of (channel, window) that lies there. */
  #order: Constant;

  constructor(graph: StaticGraph, mapShape: readonly number[], maps: ValueName) {
    this.#graph = graph;
    this.#value = maps;
    this.#extents = mapShape.slice(1);
    this.#order = counted(mapShape);
  }

  add(node: Node): void {
    const obstacle = this.#translate(node);
    if (obstacle === undefined) return;
    this.#obstacles.push(`${show(node)}: ${obstacle}`);
    // The other nodes are looked at too, as if this one were fine.
    const shape = shapeIn(this.#graph, node.outputs[0]);
    this.#order = counted(shape);
    this.#extents = [sizeOf(shape), ...this.#extents.slice(1).map(() => 1)];
    this.#value = node.outputs[0];
  }

  /** @returns what is in the way, if anything */
  #translate(node: Node): string | undefined {
    if (isRearranging(node.op)) return this.#rearrange(node);
    const { nature, reach, settings } = operators.get(node.op) ?? {};
    if (nature === "dense") return this.#dense(node);
    if (nature === "affine") return this.#batchNorm(node);
    const values = node.inputs.slice(0, settings).length;
    if (nature && reach === "same" && ofOneNumber.has(nature) && values === 1)
      return this.#keep(node, "unchanged: acts on every element alone");
    if (nature && reach === "same" && pairing.has(nature) && values === 2) return this.#withVector(node);
    return "it mixes elements in a way that has no counterpart on a map";
  }

  /** @throws {LayerError} if any node could not be translated, or the scores are not one vector in its own order */
  check(logits: ValueName): void {
    const shape = shapeIn(this.#graph, logits);
    if (this.#obstacles.length === 0) {
      const dense = this.steps.some(({ op }) => operators.get(op)?.nature === "dense");
      if (!dense) this.#obstacles.push("no dense layer follows the flatten");
      else if (shape.length !== 2 || !this.#inOrder) {
        this.#obstacles.push(`the scores "${logits}" are ${showShape(shape)} and not one vector [1, classes] in order`);
      }
    }
    if (this.#obstacles.length === 0) return;
    throw new LayerError(
      `The head cannot be rewritten as convolutions: ${this.#obstacles.join("; ")}. ` +
        "Give images to fit a linear head on pooled maps instead, or use gradCam, which needs no rewriting.",
    );
  }

  /** True where element k of the vector is channel k of a 1×1 window. */
  get #inOrder(): boolean {
    return this.#pointwise && this.#order.numbers().every((element, i) => element === i);
  }

  get #pointwise(): boolean {
    return sizeOf(this.#extents.slice(1)) === 1;
  }

  #keep(node: Node, change: string, inputs: readonly string[] = [this.#value, ...node.inputs.slice(1)]): undefined {
    this.nodes.push({ ...node, inputs });
    this.steps.push({ node: node.name, op: node.op, change });
    this.#value = node.outputs[0];
  }

  #rearrange(node: Node): string | undefined {
    const constants = node.inputs.map((input, i) => (i === 0 ? this.#order : this.#graph.constants.get(input)));
    const shapes = constants.map((constant) => constant?.shape);
    const result = evaluate(node, constants, shapes, [shapeIn(this.#graph, node.outputs[0])]);
    if (!result) return "its order of elements is not known";
    this.#order = result[0];
    this.steps.push({
      node: node.name,
      op: node.op,
      change: "removed: its order of elements is in the weights that follow",
    });
    return undefined;
  }

  #dense(node: Node): string | undefined {
    const dense = denseWeights(this.#graph, node);
    if (typeof dense === "string") return dense;
    const { inputs, outputs, at, bias } = dense;
    const order = this.#order.numbers();
    if (this.#order.shape.length !== 2 || this.#order.shape[0] !== 1 || order.length !== inputs) {
      return `it reads ${showShape(this.#order.shape)}, not one vector per sample`;
    }
    const kernel = new Float32Array(outputs * inputs);
    for (let m = 0; m < outputs; m++) for (let k = 0; k < inputs; k++) kernel[m * inputs + order[k]] = at(m, k);
    const weight = this.#constant(`${node.name}.kernel`, Constant.fromFloats(kernel, [outputs, ...this.#extents]));
    const names = [weight];
    if (bias) names.push(this.#constant(`${node.name}.bias`, Constant.fromFloats(bias, [outputs])));
    const window = this.#extents.slice(1);
    this.nodes.push({
      name: node.name,
      op: "Conv",
      inputs: [this.#value, ...names],
      outputs: node.outputs,
      attributes: new Map([["kernel_shape", window]]),
    });
    this.steps.push({
      node: node.name,
      op: node.op,
      change: `now a convolution ${showShape(window)}, ${this.#extents[0]} to ${outputs} channels, the same ${kernel.length} weights`,
    });
    this.#value = node.outputs[0];
    this.#extents = [outputs, ...window.map(() => 1)];
    this.#order = counted([1, outputs]);
    return undefined;
  }

  /** Adds, multiplies, … a constant: one number as it is, one per element as one per channel. */
  #withVector(node: Node): string | undefined {
    const [position] = node.inputs.flatMap((input, i) => (this.#graph.constants.has(input) ? [i] : []));
    const constant = this.#graph.constants.get(node.inputs[position] ?? "");
    if (!constant) return "its second value is not a constant";
    if (constant.size === 1) {
      const scalar = this.#constant(`${node.name}.value`, Constant.fromFloats(constant.floats(), [1]));
      return this.#keep(node, "unchanged: one number for all elements", this.#inputsWith(node, position, scalar));
    }
    const { size } = this.#order;
    const vector = this.#order.shape.length === 2 && constant.shape.at(-1) === size;
    if (!this.#pointwise || !vector || constant.size !== size) {
      return `its constant (${showShape(constant.shape)}) is not one number per channel`;
    }
    const values = new Float32Array(size);
    const given = constant.floats();
    this.#order.numbers().forEach((channel, i) => {
      values[channel] = given[i];
    });
    const perChannel = [size, ...this.#extents.slice(1)];
    const name = this.#constant(`${node.name}.value`, Constant.fromFloats(values, perChannel));
    return this.#keep(node, `its ${size} numbers are now one per channel`, this.#inputsWith(node, position, name));
  }

  #batchNorm(node: Node): string | undefined {
    if (!this.#inOrder) return "it normalises elements of the flattened maps, not channels";
    return this.#keep(node, "unchanged: its channels are those of the map");
  }

  /** The node's inputs, the changing one named as the map, the constant replaced. */
  #inputsWith(node: Node, position: number, constant: string): string[] {
    return node.inputs.map((_, i) => (i === position ? constant : this.#value));
  }

  #constant(wish: string, value: Constant): string {
    const name = freshName(this.#graph, wish);
    this.constants.set(name, value);
    return name;
  }
}

/** 0, 1, 2, … in row-major order. */
const counted = (shape: readonly number[]): Constant =>
  Constant.fromNumbers(
    "int",
    Array.from({ length: sizeOf(shape) }, (_, i) => i),
    shape,
  );

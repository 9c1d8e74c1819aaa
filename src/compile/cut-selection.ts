/** What picks among a detector's candidates behind its layers, and has no gradient, is cut off; how it picks is kept. */
import type { Graph, Node } from "../graph/ir";
import { producersOf } from "../graph/producers";
import type { Selection, SelectionRule } from "../graph/selection";
import { beforeLayers } from "./layers-behind";
import { survey } from "./unsupported-operators";

/** The network in front of what picks. */
export interface CutGraph {
  readonly graph: Graph;
  readonly selection: Selection;
  /** The operators that pick, and the node that the cut lies before. */
  readonly ops: readonly string[];
  readonly before: string;
}

const suppresses = /(^|::)(NonMaxSuppression|(Efficient|Batched)NMS\w*)$/;
const picks = /(^|::)(TopK|NonMaxSuppression|ArgMax|ArgMin|NonZero|Unique|Compress|(Efficient|Batched)NMS\w*)$/;
const gathers: ReadonlySet<string> = new Set(["Gather", "GatherElements", "GatherND"]);
/** No detector is read in more values behind its layers, nor in more that are not made of others. */
const mostRead = 512;
const mostParts = 8;
const cuts: ReadonlySet<string> = new Set(["Gather", "Slice", "Split"]);
const spaces: ReadonlySet<string> = new Set(["Identity", "Cast", "Squeeze", "Unsqueeze", "Flatten", "Dropout"]);
const scaling: ReadonlySet<string> = new Set(["Mul", "Div", "Add", "Sub"]);

/**
 * Cuts off what comes behind the last layers of a detector and picks among its candidates: TopK, NonMaxSuppression and whatever reads
 * their results. The outputs are then what it reads, scores first.
 *
 * What layers with weights come behind is part of the network, and stays.
 *
 * @returns undefined where nothing picks behind all layers, or where nothing says that it is a detector's
 */
export function cutSelection(graph: Graph): CutGraph | undefined {
  if (!graph.nodes.some(({ op }) => picks.test(op))) return undefined;
  const tail = tailOf(graph);
  if (!tail) return undefined;
  const { nodes, behind, fixed } = tail;
  const trace = new Trace(graph, fixed, behind);
  const read = nodes.flatMap((node) =>
    node.inputs
      .filter((input) => trace.isComputed(input) && !behind.has(input))
      .map((input) => trace.peeled(input, node)),
  );
  const rest = graph.outputs.filter((output) => !behind.has(output));
  const all = [...new Set(read.filter((each) => trace.producer.has(each)))];
  if (all.length > mostRead) return undefined;
  // One score a class is read by itself where classes are gone through one after the other.
  const whole = all.length > mostParts ? [...new Set(all.map((each) => trace.wholeOf(each)))] : all;
  const frontier = trace.withoutRepeated(whole);
  if (frontier.length === 0 || frontier.length > mostParts) return undefined;
  const made = trace.madeOf(frontier);
  const isDetectors =
    nodes.some(({ op }) => suppresses.test(op)) ||
    nodes.some(({ op, inputs }) => gathers.has(op) && behind.has(inputs[1]) && !behind.has(inputs[0])) ||
    frontier.length + rest.filter((each) => !made.has(each)).length > 1;
  if (!isDetectors) return undefined;
  const picking = nodes.filter(({ op }) => picks.test(op));
  const how = new Tail(trace, nodes, new Set(frontier));
  const { boxes, scores } = how.roles();
  const first = [scores, boxes].filter((each): each is string => each !== undefined);
  const kept = rest.map((each) => trace.peeled(each)).filter((each) => !made.has(each));
  const outputs = [...new Set([...first, ...frontier, ...kept])];
  return {
    graph: { ...graph, outputs },
    selection: how.selection(boxes, scores),
    ops: [...new Set(picking.map(({ op }) => op.replace(/^.*::/, "")))],
    before: picking[0].name,
  };
}

interface TailNodes {
  readonly nodes: readonly Node[];
  /** Values that depend on what was picked. */
  readonly behind: ReadonlySet<string>;
  readonly fixed: ReadonlySet<string>;
}

/** All that depends on what is picked where no layer with weights comes behind; undefined where nothing does, or no output. */
function tailOf(graph: Graph): TailNodes | undefined {
  const { fixed } = survey(graph);
  const isInside = beforeLayers(graph, fixed);
  const behind = new Set<string>();
  const nodes: Node[] = [];
  for (const node of graph.nodes) {
    const { op, inputs, outputs } = node;
    const isStart = picks.test(op) && inputs.some((input) => input !== "" && !fixed.has(input)) && !isInside(node);
    if (!isStart && !inputs.some((input) => behind.has(input))) continue;
    nodes.push(node);
    for (const output of outputs) if (output !== "") behind.add(output);
  }
  return graph.outputs.some((output) => behind.has(output)) ? { nodes, behind, fixed } : undefined;
}

/** Ways back from values. */
class Trace {
  readonly producer: ReadonlyMap<string, Node>;
  /** Values that are computed from an input beside the picture alone: the size that boxes are multiplied by. */
  readonly #beside = new Set<string>();

  constructor(
    readonly graph: Graph,
    readonly fixed: ReadonlySet<string>,
    readonly behind: ReadonlySet<string>,
  ) {
    this.producer = producersOf(graph);
    const picture = graph.inputs.find(({ shape }) => shape.length === 4) ?? graph.inputs[0];
    for (const { name } of graph.inputs) if (name !== picture?.name) this.#beside.add(name);
    for (const { inputs, outputs } of this.#beside.size > 0 ? graph.nodes : []) {
      const computed = inputs.filter((input) => this.isComputed(input));
      if (computed.length > 0 && computed.every((input) => this.#beside.has(input)))
        for (const output of outputs) this.#beside.add(output);
    }
  }

  isComputed(value: string): boolean {
    return value !== "" && !this.fixed.has(value);
  }

  /** The value that a value only is in another shape or in other units; where it is asked, in another order too. */
  peeled(value: string, reader?: Node, anyOrder = false): string {
    let [at, by] = [value, reader];
    for (let node = this.producer.get(at); node?.outputs[0] === at; node = this.producer.get(at)) {
      const before = anyOrder && node.op === "Transpose" ? node.inputs[0] : this.#before(node, by);
      if (before === undefined) return at;
      by = node.op === "Cast" ? by : node;
      at = before;
    }
    return at;
  }

  #before(node: Node, reader: Node | undefined): string | undefined {
    const { op, inputs, attributes } = node;
    const [first, second] = inputs;
    const numbers = this.graph.constants.get(second)?.numbers();
    if (spaces.has(op)) return first;
    if (op === "Reshape") {
      const isFlat = numbers === undefined ? reader?.op === "TopK" : numbers.length < 3 || numbers.slice(1).includes(1);
      return isFlat ? first : undefined;
    }
    // One picture of a batch of one.
    if (op === "Gather" && (attributes.get("axis") ?? 0) === 0 && numbers?.length === 1 && numbers[0] === 0)
      return first;
    if (!scaling.has(op)) return undefined;
    const others = inputs.filter((input) => !this.#beside.has(input));
    return others.length === 1 && inputs.length === 2 && this.isComputed(others[0]) ? others[0] : undefined;
  }

  /** The value that a value is a fixed part of. */
  wholeOf(value: string): string {
    const node = this.producer.get(value);
    const isPart = node && cuts.has(node.op) && node.inputs.slice(1).every((input) => !this.isComputed(input));
    return isPart ? this.peeled(node.inputs[0], node) : value;
  }

  /** Which values are computed from some alone, those among them. */
  madeOf(some: readonly string[]): ReadonlySet<string> {
    const made = new Set(some);
    for (const { inputs, outputs } of this.graph.nodes) {
      const computed = inputs.filter((input) => this.isComputed(input));
      if (computed.length > 0 && computed.every((input) => made.has(input)))
        for (const output of outputs) made.add(output);
    }
    return made;
  }

  /** Without values that are computed from the others alone. */
  withoutRepeated(values: readonly string[]): string[] {
    return values.filter((value) => !this.madeOf(values.filter((each) => each !== value)).has(value));
  }

  /** The first of some values that a value is computed from, whatever lies between. */
  sourceOf(value: string, among: ReadonlySet<string>): string | undefined {
    const seen = new Set<string>();
    const next = [value];
    for (let each = next.shift(); each !== undefined; each = next.shift()) {
      if (among.has(each)) return each;
      if (seen.has(each) || !this.isComputed(each)) continue;
      seen.add(each);
      for (const input of this.producer.get(each)?.inputs ?? []) next.push(input);
    }
    return undefined;
  }
}

/** How the tail picks, as far as its nodes say it. */
class Tail {
  readonly #trace: Trace;
  readonly #nodes: readonly Node[];
  readonly #frontier: ReadonlySet<string>;
  readonly #nms: Node | undefined;

  constructor(trace: Trace, nodes: readonly Node[], frontier: ReadonlySet<string>) {
    this.#trace = trace;
    this.#nodes = nodes;
    this.#frontier = frontier;
    this.#nms = nodes.find(({ op }) => suppresses.test(op));
  }

  roles(): { readonly boxes?: string; readonly scores?: string } {
    const source = (value: string | undefined): string | undefined =>
      value === undefined ? undefined : this.#trace.sourceOf(value, this.#frontier);
    const [ofBoxes, ofScores] = this.#nms?.inputs ?? [];
    const top = this.#nodes.find(({ op }) => op === "TopK") ?? this.#nodes.find(({ op }) => op === "ArgMax");
    const scores = source(ofScores ?? top?.inputs[0]);
    const boxes = source(ofBoxes);
    return {
      ...(boxes !== undefined && boxes !== scores && { boxes }),
      ...(scores !== undefined && { scores }),
    };
  }

  selection(boxes: string | undefined, scores: string | undefined): Selection {
    const picture = this.#trace.graph.inputs[0]?.shape ?? [];
    const last = picture[picture.length - 1];
    return {
      ...(boxes !== undefined && { boxes }),
      ...(scores !== undefined && { scores }),
      corners: this.#hasCorners(),
      // TensorFlow writes rows before columns, and its pictures with their channels last.
      rowsFirst: picture.length === 4 && typeof last === "number" && last <= 4,
      rule: this.#rule(),
    };
  }

  /** Whether boxes are corners where they are cut off. */
  #hasCorners(): boolean {
    const nms = this.#nms;
    if (nms && !/NonMaxSuppression$/.test(nms.op)) return nms.attributes.get("box_coding") !== 1;
    if (nms) {
      const isRead = this.#frontier.has(this.#trace.peeled(nms.inputs[0], nms));
      if (isRead) return nms.attributes.get("center_point_box") !== 1;
      // What is suppressed is made of what is read: of centres, unless it is corners moved apart by the class.
      return this.#trace.behind.has(nms.inputs[0]);
    }
    return !this.#nodes.some(({ op, inputs }) => op === "Sub" && !this.#isIndex(inputs[0]));
  }

  /** Whether a value behind is a number of a row or a class. */
  #isIndex(value: string): boolean {
    let at = value;
    for (
      let node = this.#trace.producer.get(at);
      node && this.#trace.behind.has(at);
      node = this.#trace.producer.get(at)
    ) {
      if (picks.test(node.op)) return node.op !== "TopK" || node.outputs[1] === at;
      at = node.inputs[0];
    }
    return false;
  }

  #rule(): SelectionRule {
    const nms = this.#nms;
    if (!nms) {
      const tops = this.#nodes.filter(({ op }) => op === "TopK");
      const counts = tops.map(({ inputs }) => this.#number(inputs[1]));
      const byBest = this.#nodes.some(({ op }) => op === "ArgMax") || counts.includes(1);
      const most = counts.filter((count) => count !== undefined && count > 1);
      const top = most.length > 0 ? Math.min(...(most as number[])) : undefined;
      return { everyClass: !byBest, suppresses: false, ...(top !== undefined && { top }), ...this.#finish() };
    }
    const word = (...names: string[]): number | undefined => {
      const value = names.map((name) => nms.attributes.get(name)).find((each) => typeof each === "number");
      return typeof value === "number" ? value : undefined;
    };
    if (!/NonMaxSuppression$/.test(nms.op)) {
      const background = word("background_class", "backgroundLabelId");
      return {
        everyClass: true,
        suppresses: true,
        ...defined("iou", word("iou_threshold", "iouThreshold")),
        ...defined("score", word("score_threshold", "scoreThreshold")),
        ...defined("top", word("max_output_boxes", "keepTopK")),
        ...(background === 0 && { background: "first" }),
        ...(word("class_agnostic") === 1 && { acrossClasses: true }),
        ...(word("score_activation") === 1 && { finish: "sigmoid" }),
      };
    }
    const [ofBoxes, ofScores, most, iou, score] = nms.inputs;
    const plain = this.#trace.peeled(ofScores, nms, true);
    const everyClass = [...this.#frontier].some((each) => this.#trace.peeled(each, undefined, true) === plain);
    const perClass = this.#number(most);
    return {
      everyClass,
      suppresses: true,
      ...defined("iou", iou === undefined || iou === "" ? 0 : this.#number(iou)),
      ...defined("score", this.#number(score)),
      // Of the best classes alone there is one list for all of them.
      ...(perClass !== undefined && perClass < 2 ** 31 - 1 && (everyClass ? { perClass } : { top: perClass })),
      ...(!everyClass && !this.#isMovedApart(ofBoxes) && { acrossClasses: true }),
      ...this.#finish(),
    };
  }

  /** What scores go through behind, where they are picked before. */
  #finish(): Pick<SelectionRule, "finish"> {
    const has = (op: string): boolean => this.#nodes.some((node) => node.op === op && !this.#isIndex(node.inputs[0]));
    return has("Sigmoid") ? { finish: "sigmoid" } : has("Softmax") ? { finish: "softmax" } : {};
  }

  /** Whether boxes of one class were moved away from those of others, so that they do not overlap. */
  #isMovedApart(value: string): boolean {
    const seen = new Set<string>();
    const next = [value];
    for (let each = next.shift(); each !== undefined; each = next.shift()) {
      if (seen.has(each) || !this.#trace.behind.has(each)) continue;
      seen.add(each);
      const node = this.#trace.producer.get(each);
      if (node?.op === "Add") return true;
      for (const input of node?.inputs ?? []) next.push(input);
    }
    return false;
  }

  #number(value: string | undefined): number | undefined {
    return value === undefined ? undefined : this.#trace.graph.constants.get(value)?.numbers()[0];
  }
}

const defined = <K extends string>(key: K, value: number | undefined): { readonly [P in K]?: number } =>
  (value === undefined ? {} : { [key]: value }) as { readonly [P in K]?: number };
